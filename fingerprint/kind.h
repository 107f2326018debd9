// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace handprint {

// A kind of fingerprint. The rows stand in kinds.def and nowhere else.
enum class Kind : uint8_t {
#define HP_KIND(identifier, kind_name, path, pmercury, prefix, shown) identifier,
#include "fingerprint/kinds.def"
#undef HP_KIND
};

enum class Shown : uint8_t {
  always,  // part of the default document
  all      // only with `fields: all`
};

struct KindRow {
  Kind kind;
  std::string_view name;
  std::string_view record_path;
  std::string_view pmercury_name;
  std::string_view prefix;
  Shown shown;
};

inline constexpr auto kinds = std::to_array<KindRow>({
#define HP_KIND(identifier, kind_name, path, pmercury, prefix, shown) \
  {Kind::identifier, kind_name, path, pmercury, prefix, Shown::shown},
#include "fingerprint/kinds.def"
#undef HP_KIND
});

inline constexpr size_t kind_count = kinds.size();

// The row of a kind.
constexpr const KindRow& row(Kind kind) { return kinds[static_cast<size_t>(kind)]; }
constexpr std::string_view name(Kind kind) { return row(kind).name; }

// The row with this name, or null. Names are compared exactly.
constexpr const KindRow* find_kind(std::string_view wanted) {
  for (const KindRow& candidate : kinds)
    if (candidate.name == wanted) return &candidate;
  return nullptr;
}

}  // namespace handprint
