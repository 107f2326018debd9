// SPDX-License-Identifier: Apache-2.0
// What stands in front of TLS in a stream, while it is read.
#pragma once

#include <array>
#include <cstdint>

#include "fingerprint/address.h"
#include "fingerprint/stream_prefix.h"

namespace handprint {

// Which messages one side is sending in front of TLS.
enum class PrefixKind : uint8_t {
  none,
  lines,  // SMTP, IMAP, POP3 or FTP
  ldap,
  xmpp,
  proxy,  // PROXY protocol
  socks4,
  socks5,
  postgresql,
  mysql,
  tds,
  rdp,
};

struct PrefixReader {
  PrefixKind kind = PrefixKind::none;
  uint8_t step = 0;      // messages read
  bool open = false;     // the next bytes are its own
  bool seen = false;     // there was one on this side
  bool restart = false;  // what follows is judged as the start of a stream
};

// Which prefixes a flow has, in the order of nesting.
struct PrefixList {
  std::array<StreamPrefix, 4> item{};
  uint8_t count = 0;

  // Once each; what does not fit is left out.
  void add(StreamPrefix prefix) {
    if (prefix == StreamPrefix::none || count == item.size()) return;
    for (uint8_t i = 0; i < count; ++i)
      if (item[i] == prefix) return;
    item[count++] = prefix;
  }
};

// The ends of a connection as a PROXY header announces them.
struct ProxiedEnds {
  Address source, destination;
  uint16_t source_port = 0, destination_port = 0;
  bool known = false;
};

}  // namespace handprint
