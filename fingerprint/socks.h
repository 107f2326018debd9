// SPDX-License-Identifier: Apache-2.0
// SOCKS 4, 4a and 5: what a client asks its proxy for, and the proxy's answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fingerprint/address.h"
#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"

namespace handprint {

// One message of either side.
struct SocksMessage {
  std::size_t length = 0;  // bytes of it
  uint8_t command = 0;     // of a request: 1 CONNECT, 2 BIND, 3 UDP ASSOCIATE
  bool user = false;       // a user name stands in it
  bool granted = false;    // of an answer
  Address address;         // asked for, where it is one
  std::string_view host;   // … or a name
  uint16_t port = 0;       // host order
};

// Each reads the message at the first byte: ok; need_more with the bytes `needed` at least;
// not_this_protocol.
Reason parse_socks4_request(Bytes stream, SocksMessage& out, std::size_t& needed);
Reason parse_socks4_reply(Bytes stream, SocksMessage& out, std::size_t& needed);
// RFC 1928, 3: the methods that the client can do; the one that the server chose (granted unless
// it is FF).
Reason parse_socks5_greeting(Bytes stream, SocksMessage& out, std::size_t& needed);
Reason parse_socks5_method(Bytes stream, SocksMessage& out, std::size_t& needed);
// RFC 1929: user name and password, and whether they were right.
Reason parse_socks5_login(Bytes stream, SocksMessage& out, std::size_t& needed);
Reason parse_socks5_login_reply(Bytes stream, SocksMessage& out, std::size_t& needed);
// RFC 1928, 4 and 6.
Reason parse_socks5_request(Bytes stream, SocksMessage& out, std::size_t& needed);
Reason parse_socks5_reply(Bytes stream, SocksMessage& out, std::size_t& needed);

}  // namespace handprint
