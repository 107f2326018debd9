// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace handprint {

// A view of bytes that somebody else owns.
using Bytes = std::span<const uint8_t>;

// The same bytes as characters. No terminator is added, no encoding assumed.
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The same characters as bytes.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Reads a byte sequence from front to back without ever leaving it.
//
// A read that asks for more than is left fails: it returns zero (or an empty view), the cursor
// becomes empty and stays empty, and failed() is true from then on. A parser is therefore a
// straight line of reads with one question at its end:
//
//   Cursor in(body);
//   uint16_t version = in.u16();
//   Cursor list = in.sub(in.u16());     // a list with a 16-bit length in front
//   while (!list.empty()) use(list.u16());
//   if (in.failed() || list.failed()) return Reason::truncated;
//
// All integers are big-endian (network byte order).
class Cursor {
 public:
  constexpr Cursor() = default;
  constexpr explicit Cursor(Bytes bytes)
      : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // Bytes not read yet.
  constexpr size_t left() const { return static_cast<size_t>(end_ - at_); }
  // Bytes read so far; meaningless after a failure.
  constexpr size_t position() const { return static_cast<size_t>(at_ - begin_); }
  constexpr bool empty() const { return at_ == end_; }
  constexpr bool failed() const { return failed_; }
  // Everything not read yet, without reading it.
  constexpr Bytes rest() const { return {at_, left()}; }

  constexpr uint8_t u8() {
    if (!need(1)) return 0;
    return *at_++;
  }
  constexpr uint16_t u16() {
    if (!need(2)) return 0;
    uint16_t value = static_cast<uint16_t>(at_[0] << 8 | at_[1]);
    at_ += 2;
    return value;
  }
  constexpr uint32_t u24() {
    if (!need(3)) return 0;
    uint32_t value =
        static_cast<uint32_t>(at_[0]) << 16 | static_cast<uint32_t>(at_[1]) << 8 | at_[2];
    at_ += 3;
    return value;
  }
  constexpr uint32_t u32() {
    if (!need(4)) return 0;
    uint32_t value = static_cast<uint32_t>(at_[0]) << 24 | static_cast<uint32_t>(at_[1]) << 16 |
                     static_cast<uint32_t>(at_[2]) << 8 | at_[3];
    at_ += 4;
    return value;
  }
  // The next byte without reading it; 0 at the end (which is not a failure).
  constexpr uint8_t peek() const { return at_ == end_ ? uint8_t{0} : *at_; }

  // The next n bytes as a view; fails as a whole when fewer are left.
  constexpr Bytes take(size_t n) {
    if (!need(n)) return {};
    Bytes taken(at_, n);
    at_ += n;
    return taken;
  }
  // The next n bytes, or as many as there are. Never fails.
  constexpr Bytes take_up_to(size_t n) { return take(n < left() ? n : left()); }
  // The next n bytes as a cursor of their own; a failed one when fewer are left.
  constexpr Cursor sub(size_t n) {
    if (need(n)) {
      Cursor inner(Bytes(at_, n));
      at_ += n;
      return inner;
    }
    Cursor inner;
    inner.failed_ = true;
    return inner;
  }
  constexpr void skip(size_t n) {
    if (need(n)) at_ += n;
  }
  // Gives up: the cursor is empty and failed from here on.
  constexpr void fail() {
    failed_ = true;
    at_ = end_;
  }

 private:
  constexpr bool need(size_t n) {
    if (n <= left()) [[likely]]
      return true;
    fail();
    return false;
  }

  const uint8_t* begin_ = nullptr;
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool failed_ = false;
};

// Reads a big-endian 16-bit value at a place the caller has already checked.
constexpr uint16_t load_u16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

}  // namespace handprint
