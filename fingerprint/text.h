// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "fingerprint/cursor.h"

namespace handprint {

namespace detail {
// The two hexadecimal digits of every byte value, side by side.
inline constexpr std::array<char, 512> hex_pairs = [] {
  std::array<char, 512> table{};
  constexpr char digits[] = "0123456789abcdef";
  for (size_t value = 0; value < 256; ++value) {
    table[2 * value] = digits[value >> 4];
    table[2 * value + 1] = digits[value & 15];
  }
  return table;
}();
// The same for the two decimal digits of 0 to 99.
inline constexpr std::array<char, 200> decimal_pairs = [] {
  std::array<char, 200> table{};
  for (size_t value = 0; value < 100; ++value) {
    table[2 * value] = static_cast<char>('0' + value / 10);
    table[2 * value + 1] = static_cast<char>('0' + value % 10);
  }
  return table;
}();
}  // namespace detail

// Writes characters into room that the caller gives, and never past it. What does not fit is left
// out and truncated() is true from then on, so that a writer needs one check at its end. A piece is
// written whole or not at all, and nothing is written after the first one that did not fit.
//
//   std::array<char, 256> room;
//   Text out(room);
//   out.put("mss=");
//   out.dec(1460);
//   use(out.view());                      // "mss=1460"
class Text {
 public:
  constexpr Text() = default;
  explicit Text(std::span<char> room)
      : begin_(room.data()), at_(room.data()), end_(room.data() + room.size()) {}

  size_t size() const { return static_cast<size_t>(at_ - begin_); }
  bool empty() const { return at_ == begin_; }
  bool truncated() const { return truncated_; }
  std::string_view view() const { return {begin_, size()}; }
  // What was written since the text had this size.
  std::string_view view_from(size_t size_then) const {
    return {begin_ + size_then, size() - size_then};
  }
  // Room still free, in characters.
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  void clear() {
    at_ = begin_;
    truncated_ = false;
  }
  // Goes back to an earlier size(), and forgets that something did not fit.
  void rewind(size_t size_then) {
    at_ = begin_ + size_then;
    truncated_ = false;
  }
  // Takes away the last n characters (at most all of them).
  void drop(size_t n) { at_ -= n < size() ? n : size(); }

  void put(char c) {
    if (char* to = reserve(1)) *to = c;
  }
  void put(std::string_view text) {
    if (text.empty()) return;
    if (char* to = reserve(text.size())) std::memcpy(to, text.data(), text.size());
  }
  // Lower-case hexadecimal, two digits a byte.
  void hex(Bytes bytes) {
    char* to = reserve(2 * bytes.size());
    if (to == nullptr) return;
    for (uint8_t byte : bytes) {
      std::memcpy(to, &detail::hex_pairs[2 * static_cast<size_t>(byte)], 2);
      to += 2;
    }
  }
  void hex(std::string_view text) { hex(as_bytes(text)); }
  void hex8(uint8_t value) {
    if (char* to = reserve(2))
      std::memcpy(to, &detail::hex_pairs[2 * static_cast<size_t>(value)], 2);
  }
  // Exactly four digits.
  void hex16(uint16_t value) {
    char* to = reserve(4);
    if (to == nullptr) return;
    std::memcpy(to, &detail::hex_pairs[2 * static_cast<size_t>(value >> 8)], 2);
    std::memcpy(to + 2, &detail::hex_pairs[2 * static_cast<size_t>(value & 255)], 2);
  }
  // Four digits each, with the separator between them.
  void hex16_list(std::span<const uint16_t> values, char separator) {
    if (values.empty()) return;
    char* to = reserve(5 * values.size() - 1);
    if (to == nullptr) return;
    for (size_t i = 0;;) {
      std::memcpy(to, &detail::hex_pairs[2 * static_cast<size_t>(values[i] >> 8)], 2);
      std::memcpy(to + 2, &detail::hex_pairs[2 * static_cast<size_t>(values[i] & 255)], 2);
      if (++i == values.size()) return;
      to[4] = separator;
      to += 5;
    }
  }
  // Decimal without leading zeros.
  void dec(uint64_t value) {
    char digits[20];
    char* from = digits + sizeof digits;
    do {
      *--from = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    put(std::string_view(from, static_cast<size_t>(digits + sizeof digits - from)));
  }
  // The same, quicker, for what JA3 is made of.
  void dec16(uint16_t value) {
    if (left() < 5 || truncated_) [[unlikely]]
      return dec(value);
    unsigned rest = value;
    if (rest >= 10000) {
      *at_++ = static_cast<char>('0' + rest / 10000);
      rest %= 10000;
      std::memcpy(at_, &detail::decimal_pairs[2 * (rest / 100)], 2);
      std::memcpy(at_ + 2, &detail::decimal_pairs[2 * (rest % 100)], 2);
      at_ += 4;
    } else if (rest >= 1000) {
      std::memcpy(at_, &detail::decimal_pairs[2 * (rest / 100)], 2);
      std::memcpy(at_ + 2, &detail::decimal_pairs[2 * (rest % 100)], 2);
      at_ += 4;
    } else if (rest >= 100) {
      *at_++ = static_cast<char>('0' + rest / 100);
      std::memcpy(at_, &detail::decimal_pairs[2 * (rest % 100)], 2);
      at_ += 2;
    } else if (rest >= 10) {
      std::memcpy(at_, &detail::decimal_pairs[2 * rest], 2);
      at_ += 2;
    } else {
      *at_++ = static_cast<char>('0' + rest);
    }
  }
  // Two decimal digits; 99 for everything larger.
  void dec2(uint64_t value) {
    if (value > 99) value = 99;
    if (char* to = reserve(2)) {
      to[0] = static_cast<char>('0' + value / 10);
      to[1] = static_cast<char>('0' + value % 10);
    }
  }

 private:
  // Room for n characters, already counted as written; null when they do not fit.
  char* reserve(size_t n) {
    if (n > left() || truncated_) [[unlikely]] {
      truncated_ = true;
      return nullptr;
    }
    char* to = at_;
    at_ += n;
    return to;
  }

  char* begin_ = nullptr;
  char* at_ = nullptr;
  char* end_ = nullptr;
  bool truncated_ = false;
};

}  // namespace handprint
