// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder.h"

namespace handprint::test {

// A handshake fragment: bytes [from, to) of a message body (RFC 6347 section 4.2.2).
inline Buffer dtls_fragment(unsigned type, unsigned message, const Buffer& body, size_t from, size_t to) {
  return Builder()
      .u8(type)
      .u24(static_cast<unsigned>(body.size()))
      .u16(message)
      .u24(static_cast<unsigned>(from))
      .with_u24(Buffer(body.begin() + static_cast<std::ptrdiff_t>(from),
                       body.begin() + static_cast<std::ptrdiff_t>(to)));
}
inline Buffer dtls_message(unsigned type, unsigned message, const Buffer& body) {
  return dtls_fragment(type, message, body, 0, body.size());
}
inline Buffer dtls_record(unsigned type, const Buffer& content, unsigned version = 0xfeff, unsigned epoch = 0) {
  return Builder().u8(type).u16(version).u16(epoch).u16(0).u32(0).with_u16(content);
}

}  // namespace handprint::test
