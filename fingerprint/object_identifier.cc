// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/object_identifier.h"

#include <algorithm>
#include <array>

namespace handprint {
namespace {

struct Object {
  // The encoding of the longest that a certificate names is 11 bytes.
  std::array<uint8_t, 15> bytes{};
  uint8_t size = 0;
  uint16_t bits = 0;
  std::string_view name;

  constexpr Bytes encoded() const { return {bytes.data(), size}; }
};

// The content of the DER encoding of dotted text, which must be well formed.
constexpr Object encode(std::string_view dotted, std::string_view name = {}, uint16_t bits = 0) {
  Object out;
  out.name = name;
  out.bits = bits;
  uint32_t first = 0;
  size_t index = 0;
  for (size_t at = 0; at < dotted.size(); ++index) {
    uint32_t number = 0;
    for (; at < dotted.size() && dotted[at] != '.'; ++at)
      number = number * 10 + static_cast<uint32_t>(dotted[at] - '0');
    ++at;
    if (index == 0) {
      first = number;
      continue;
    }
    if (index == 1) number += first * 40;
    int shift = 28;
    while (shift != 0 && number >> shift == 0) shift -= 7;
    for (; shift >= 0; shift -= 7)
      out.bytes[out.size++] =
          static_cast<uint8_t>((number >> shift & 0x7f) | (shift != 0 ? 0x80u : 0u));
  }
  return out;
}

constexpr bool before(Bytes a, Bytes b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

constexpr auto objects = [] {
  auto table = std::to_array<Object>({
#define HP_OBJECT(dotted, name, bits) encode(dotted, name, bits),
#include "fingerprint/object_identifiers.def"
#undef HP_OBJECT
  });
  std::sort(table.begin(), table.end(),
            [](const Object& a, const Object& b) { return before(a.encoded(), b.encoded()); });
  return table;
}();

const Object* find(Bytes identifier) {
  const auto at = std::lower_bound(objects.begin(), objects.end(), identifier,
                                   [](const Object& a, Bytes b) { return before(a.encoded(), b); });
  if (at == objects.end() || !std::ranges::equal(at->encoded(), identifier)) return nullptr;
  return &*at;
}

}  // namespace

void write_object_identifier(Bytes identifier, Text& out) {
  uint64_t number = 0;
  bool first = true;
  for (const uint8_t byte : identifier) {
    number = number << 7 | (byte & 0x7f);
    if (number > 0xffffffff) return;
    if ((byte & 0x80) != 0) continue;
    if (first) {
      const uint64_t root = std::min<uint64_t>(number / 40, 2);
      out.dec(root);
      number -= root * 40;
      first = false;
    }
    out.put('.');
    out.dec(number);
    number = 0;
  }
}

bool object_identifier_is(Bytes identifier, std::string_view dotted) {
  return std::ranges::equal(encode(dotted).encoded(), identifier);
}

std::string_view object_identifier_name(Bytes identifier) {
  const Object* found = find(identifier);
  return found != nullptr ? found->name : std::string_view();
}

uint32_t curve_bits(Bytes identifier) {
  const Object* found = find(identifier);
  return found != nullptr ? found->bits : 0;
}

}  // namespace handprint
