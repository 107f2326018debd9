// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace handprint {

// The value that stands for every GREASE value in strings that keep its place.
inline constexpr uint16_t grease_normal = 0x0a0a;

// True for the 16 reserved code points 0x0a0a, 0x1a1a … 0xfafa (RFC 8701 section 2): both bytes
// equal, low nibble 'a'. 0x0a1a is not one.
constexpr bool is_grease(uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && (value >> 8) == (value & 0xff);
}

// The value itself, or 0x0a0a for GREASE.
constexpr uint16_t without_grease(uint16_t value) {
  return is_grease(value) ? grease_normal : value;
}

}  // namespace handprint
