// SPDX-License-Identifier: Apache-2.0
// The distinguished encoding of ASN.1 (ITU-T X.690), as far as certificates need it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"

namespace handprint {

namespace der {
inline constexpr uint8_t boolean = 0x01;
inline constexpr uint8_t integer = 0x02;
inline constexpr uint8_t bit_string = 0x03;
inline constexpr uint8_t octet_string = 0x04;
inline constexpr uint8_t object_identifier = 0x06;
inline constexpr uint8_t utf8_string = 0x0c;
inline constexpr uint8_t teletex_string = 0x14;
inline constexpr uint8_t utc_time = 0x17;
inline constexpr uint8_t generalized_time = 0x18;
inline constexpr uint8_t universal_string = 0x1c;
inline constexpr uint8_t bmp_string = 0x1e;
inline constexpr uint8_t sequence = 0x30;
inline constexpr uint8_t set = 0x31;
// A tag of the context, as constructed types have it.
constexpr uint8_t context(uint8_t number) { return static_cast<uint8_t>(0xa0 | number); }
// … and as primitive ones do.
constexpr uint8_t implicit(uint8_t number) { return static_cast<uint8_t>(0x80 | number); }
}  // namespace der

struct DerValue {
  uint8_t tag = 0;
  Bytes content;
  Bytes whole;  // with tag and length
};

// Reads values one behind the other. Like a cursor it never leaves its bytes: what is cut, has an
// indefinite length, one of more than four bytes or a tag of several bytes fails, and from then on
// every read does.
class DerReader {
 public:
  explicit DerReader(Bytes bytes) : in_(bytes) {}

  bool empty() const { return in_.empty(); }
  bool failed() const { return in_.failed(); }
  // The tag of the next value; 0 at the end.
  uint8_t peek() const { return in_.peek(); }

  // The next value, of any tag; an empty one at the end or after a failure.
  DerValue any() {
    const Bytes from = in_.rest();
    DerValue out;
    out.tag = in_.u8();
    size_t length = in_.u8();
    if ((out.tag & 0x1f) == 0x1f) in_.fail();
    if (length >= 0x80) {
      const size_t bytes = length & 0x7f;
      if (bytes == 0 || bytes > 4) in_.fail();
      length = 0;
      for (size_t i = 0; i < bytes; ++i) length = length << 8 | in_.u8();
    }
    out.content = in_.take(length);
    if (in_.failed()) return {};
    out.whole = from.first(static_cast<size_t>(out.content.data() - from.data()) + length);
    return out;
  }
  // The content of the next value, which must have this tag.
  Bytes value(uint8_t tag) {
    if (peek() != tag) in_.fail();
    return any().content;
  }
  DerReader inside(uint8_t tag) {
    DerReader out(value(tag));
    if (failed()) out.in_.fail();
    return out;
  }
  // Likewise, but what is not there is stepped over without a failure, and is an empty view.
  Bytes optional(uint8_t tag) { return peek() == tag ? any().content : Bytes(); }

 private:
  Cursor in_;
};

}  // namespace handprint
