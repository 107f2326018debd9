// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/stream_prefix.h"

#include <array>

namespace handprint {

std::string_view name(StreamPrefix prefix) {
  constexpr std::array<std::string_view, 16> names = {
      "",
      "connect",
      "socks4",
      "socks5",
      "proxy1",
      "proxy2",
      "starttls-smtp",
      "starttls-imap",
      "starttls-pop3",
      "starttls-ftp",
      "starttls-ldap",
      "starttls-xmpp",
      "postgresql",
      "mysql",
      "tds",
      "rdp",
  };
  static_assert(names.size() == static_cast<std::size_t>(StreamPrefix::rdp) + 1);
  return names[static_cast<std::size_t>(prefix)];
}

}  // namespace handprint
