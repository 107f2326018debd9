// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace handprint {

// Appends JSON to a string through a bare pointer: a piece costs one comparison and one copy. The
// string grows as needed; done() cuts it to what was written.
//
// Strings come from hostile traffic, and what is written is valid JSON whatever they hold:
//   - `"`, `\`, and the control characters U+0000–U+001F and U+007F–U+009F are escaped;
//   - a byte XX that is no part of well-formed UTF-8 becomes the character U+EFXX of the private use
//     area, written `\uefXX` (U+EF80–U+EFFF);
//   - a character of exactly that range in the input is taken as such bytes, too.
// A reader gets the bytes back, always, by putting byte XX for each U+EFXX and UTF-8 for the rest.
class JsonText {
 public:
  // Writes behind what `out` holds.
  explicit JsonText(std::string& out) : out_(out), start_(out.size()) {
    out_.resize(start_ + first_room);
    at_ = out_.data() + start_;
    end_ = out_.data() + out_.size();
  }
  void done() { out_.resize(static_cast<size_t>(at_ - out_.data())); }

  // Room for `size` more characters, and slack behind them for copies of a fixed size.
  void need(size_t size) {
    if (static_cast<size_t>(end_ - at_) < size + slack) [[unlikely]] grow(size + slack);
  }

  // Characters as they are; the caller answers for their being JSON.
  void raw(std::string_view text) {
    need(text.size());
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void raw(char c) {
    need(1);
    *at_++ = c;
  }
  // `size` <= slack characters from an array of at least `slack`.
  void raw_slack(const char* text, size_t size) {
    need(size);
    std::memcpy(at_, text, slack);
    at_ += size;
  }
  // A comma, unless an object or array was just opened.
  void comma() {
    need(1);
    *at_ = ',';
    at_ += at_[-1] != '{' && at_[-1] != '[';
  }
  void string(std::string_view text);
  // The inside of a string; pieces of one string may follow each other only where a character of
  // UTF-8 ends.
  void escaped(std::string_view text);
  // A member's name, with the comma in front and the colon behind it; characters as they are.
  void key(std::string_view name) {
    comma();
    raw('"');
    raw(name);
    raw("\":");
  }
  void number(uint64_t value) {
    need(20);
    at_ = std::to_chars(at_, at_ + 20, value).ptr;
  }
  void hex(const uint8_t* bytes, size_t size);
  // Room that the caller fills itself: exactly `size` characters.
  char* take(size_t size) {
    need(size);
    char* to = at_;
    at_ += size;
    return to;
  }
  // Puts another character where the first one stands that was written; there must be one.
  void replace_first(char c) { out_[start_] = c; }

  static constexpr size_t slack = 32;

 private:
  static constexpr size_t first_room = 2048;
  void grow(size_t size);

  std::string& out_;
  size_t start_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace handprint
