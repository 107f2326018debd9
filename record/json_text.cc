// SPDX-License-Identifier: Apache-2.0
#include "record/json_text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fingerprint/text.h"
#include "record/utf8.h"

namespace handprint {
namespace {

// True when some of eight characters are no plain ones of a JSON string.
bool has_special(uint64_t block) {
  constexpr uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  const auto zero_byte = [](uint64_t value) { return (value - ones) & ~value & highs; };
  // A bit may be set without need behind a byte that is special, never left out for one that is.
  const uint64_t control = (block - ones * 0x20) & ~block & highs;
  return (control | zero_byte(block ^ ones * '"') | zero_byte(block ^ ones * '\\') |
          zero_byte(block ^ ones * 0x7f) | (block & highs)) != 0;
}

bool copy_8(char* to, const char* from) {
  uint64_t block;
  std::memcpy(&block, from, 8);
  if (has_special(block)) return false;
  std::memcpy(to, &block, 8);
  return true;
}

#ifdef __SSE2__
bool copy_16(char* to, const char* from) {
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  // As signed numbers the bytes that are no ASCII are below the space, too.
  const __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8(0x20)),
                                                    _mm_cmpeq_epi8(block, _mm_set1_epi8('"'))),
                                       _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('\\')),
                                                    _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f))));
  if (_mm_movemask_epi8(special) != 0) return false;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
  return true;
}
#else
bool copy_16(char* to, const char* from) { return copy_8(to, from) && copy_8(to + 8, from + 8); }
#endif

// Copies plain characters, in blocks, up to the first block that holds another (control, quote,
// backslash, DEL, or no ASCII), and returns how many were copied. The last block overlaps the one
// before it, so that a text of eight or more plain characters is copied whole.
size_t copy_plain(char* to, const char* from, size_t size) {
  if (size < 8) return 0;
  if (size < 16) return !copy_8(to, from) ? 0 : copy_8(to + size - 8, from + size - 8) ? size : 8;
  size_t done = 0;
  for (; size - done >= 16; done += 16)
    if (!copy_16(to + done, from + done)) return done;
  return done == size || copy_16(to + size - 16, from + size - 16) ? size : done;
}

}  // namespace

void JsonText::grow(size_t size) {
  const auto used = static_cast<size_t>(at_ - out_.data());
  out_.resize(used + (size < used ? used : size) + first_room);
  at_ = out_.data() + used;
  end_ = out_.data() + out_.size();
}

void JsonText::string(std::string_view text) {
  need(text.size() + 2);
  *at_++ = '"';
  const size_t plain = copy_plain(at_, text.data(), text.size());
  at_ += plain;
  if (plain != text.size()) escaped(text.substr(plain));
  need(1);
  *at_++ = '"';
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
    const size_t plain = copy_plain(at_, text.data(), text.size());
    at_ += plain;
    text.remove_prefix(plain);
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
