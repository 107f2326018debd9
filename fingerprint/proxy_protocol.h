// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/address.h"
#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"

namespace handprint {

// What a proxy says in front of a connection that it passes on (HAProxy's PROXY protocol
// specification, versions 1 and 2).
struct ProxyHeader {
  uint8_t version = 0;          // 1 or 2
  bool local = false;           // the proxy's own connection: LOCAL, UNKNOWN, or an unknown family
  Address source, destination;  // absent when local
  uint16_t source_port = 0;     // host order
  uint16_t destination_port = 0;  // host order
  std::size_t length = 0;         // bytes of the header: the connection itself follows
};

// Reads the header at the first byte.
//   ok                 it is there whole
//   need_more          it goes on; `needed` is the number of bytes without which it cannot be whole
//   not_this_protocol  it is none, or contradicts the specification
Reason parse_proxy_header(Bytes stream, ProxyHeader& out, std::size_t& needed);

}  // namespace handprint
