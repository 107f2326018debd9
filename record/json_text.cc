// SPDX-License-Identifier: Apache-2.0
#include "record/json_text.h"

#include "fingerprint/text.h"
#include "record/utf8.h"

namespace handprint {
namespace {

// True when some of eight bytes are no plain characters of a JSON string. May be true without need
// behind a byte that is none, never false when one is there.
bool has_special(uint64_t word) {
  constexpr uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  const auto zero_byte = [](uint64_t value) { return (value - ones) & ~value & highs; };
  const uint64_t control = (word - ones * 0x20) & ~word & highs;
  return (control | zero_byte(word ^ ones * '"') | zero_byte(word ^ ones * '\\') |
          zero_byte(word ^ ones * 0x7f) | (word & highs)) != 0;
}

}  // namespace

void JsonText::grow(size_t size) {
  const auto used = static_cast<size_t>(at_ - out_.data());
  out_.resize(used + (size < used ? used : size) + first_room);
  at_ = out_.data() + used;
  end_ = out_.data() + out_.size();
}

void JsonText::escaped(std::string_view text) {
  constexpr std::string_view short_escapes = "btn.fr";  // of U+0008 to U+000D; U+000B has none
  const auto escape = [this](uint32_t unit) {
    char* to = at_;
    to[0] = '\\', to[1] = 'u';
    std::memcpy(to + 2, &detail::hex_pairs[2 * (unit >> 8)], 2);
    std::memcpy(to + 4, &detail::hex_pairs[2 * (unit & 255)], 2);
    at_ += 6;
  };
  while (!text.empty()) {
    need(text.size());
    while (text.size() >= 8) {
      uint64_t word;
      std::memcpy(&word, text.data(), 8);
      if (has_special(word)) break;
      std::memcpy(at_, &word, 8);
      at_ += 8;
      text.remove_prefix(8);
    }
    // Up to eight characters one by one: each takes at most 18 characters, three times six.
    for (size_t step = 0; step < 8 && !text.empty(); ++step) {
      need(18 + text.size());
      const auto byte = static_cast<uint8_t>(text.front());
      if (byte >= 0x20 && byte < 0x7f) {
        if (byte == '"' || byte == '\\') *at_++ = '\\';
        *at_++ = static_cast<char>(byte);
        text.remove_prefix(1);
        continue;
      }
      const Utf8Character character = utf8_front(text);
      if (character.length == 0) {
        escape(0xef00u | byte);
        text.remove_prefix(1);
        continue;
      }
      if (character.code >= 0xef80 && character.code <= 0xefff) {
        for (size_t i = 0; i < 3; ++i) escape(0xef00u | static_cast<uint8_t>(text[i]));
      } else if (character.code >= 8 && character.code <= 13 && character.code != 11) {
        *at_++ = '\\';
        *at_++ = short_escapes[character.code - 8];
      } else if (character.code < 0xa0) {
        escape(character.code);
      } else {
        std::memcpy(at_, text.data(), character.length);
        at_ += character.length;
      }
      text.remove_prefix(character.length);
    }
  }
}

void JsonText::hex(const uint8_t* bytes, size_t size) {
  char* to = take(2 * size);
  for (size_t i = 0; i < size; ++i)
    std::memcpy(to + 2 * i, &detail::hex_pairs[2 * static_cast<size_t>(bytes[i])], 2);
}

}  // namespace handprint
