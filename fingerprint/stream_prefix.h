// SPDX-License-Identifier: Apache-2.0
// What may stand in front of TLS (or of HTTP or SSH) in a stream.
#pragma once

#include <cstdint>
#include <string_view>

namespace handprint {

enum class StreamPrefix : uint8_t {
  none,
  connect,  // HTTP CONNECT
  socks4,
  socks5,
  proxy1,  // PROXY protocol, as text
  proxy2,  // … and in binary
  starttls_smtp,
  starttls_imap,
  starttls_pop3,
  starttls_ftp,
  starttls_ldap,
  starttls_xmpp,
  postgresql,
  mysql,
  tds,
  rdp,
};

// "connect", "starttls-smtp" …: the names in records; "" for none.
std::string_view name(StreamPrefix prefix);

}  // namespace handprint
