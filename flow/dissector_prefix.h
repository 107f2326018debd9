// SPDX-License-Identifier: Apache-2.0
// The readers of what stands in front of TLS, by family. Each is shown the bytes from the start of
// one message on and reads that message.
#pragma once

#include "flow/dissector.h"
#include "flow/exchange.h"

namespace handprint {

// dissector_prefix_proxy.cc: PROXY protocol, SOCKS and CONNECT
Dissected read_proxy_header(Bytes bytes, Exchange& exchange);
Dissected read_socks4(Bytes bytes, Exchange& exchange);
Dissected read_socks5(Bytes bytes, Exchange& exchange);
Dissected read_connect(Bytes bytes, Exchange& exchange);

// dissector_prefix_starttls.cc
Dissected read_lines(Bytes bytes, Exchange& exchange);
Dissected read_ldap(Bytes bytes, Exchange& exchange);
Dissected read_xmpp(Bytes bytes, Exchange& exchange);

// dissector_prefix_database.cc, RDP too
Dissected read_postgresql(Bytes bytes, Exchange& exchange);
Dissected read_mysql(Bytes bytes, Exchange& exchange);
Dissected read_tds(Bytes bytes, Exchange& exchange);
Dissected read_rdp(Bytes bytes, Exchange& exchange);

// --- what they answer -------------------------------------------------------------------------

// The message is done with, and more of the prefix follows.
inline Dissected prefix_goes_on(std::size_t length) {
  return {Dissected::State::aside, static_cast<uint32_t>(length), 0, Reason::ok};
}
// The prefix ends here: what follows is a stream of its own.
inline Dissected prefix_ends(std::size_t length) {
  return {Dissected::State::prefix, static_cast<uint32_t>(length), 0, Reason::ok};
}
inline Dissected prefix_needs(std::size_t needed) {
  return {Dissected::State::need_more, 0, static_cast<uint32_t>(needed), Reason::ok};
}
// No TLS comes, or it is something else after all.
inline Dissected prefix_gives_up(Bytes bytes) {
  return {Dissected::State::over, static_cast<uint32_t>(bytes.size()), 0, Reason::ok};
}

// What the first byte of a TLS handshake record is, and of no message of a prefix.
inline constexpr uint8_t tls_handshake_record = 0x16;

}  // namespace handprint
