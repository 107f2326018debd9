// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace handprint {

// The one catalogue of causes on the packet path. A parser returns one byte, never a text and never
// an exception; whoever counts or logs asks name().
enum class Reason : uint8_t {
#define HP_REASON(identifier, text) identifier,
#include "fingerprint/reason.def"
#undef HP_REASON
};

inline constexpr size_t reason_count = 0
#define HP_REASON(identifier, text) +1
#include "fingerprint/reason.def"
#undef HP_REASON
    ;

// The stable name ("malformed-ip"); "unknown" for a value outside the catalogue.
constexpr std::string_view name(Reason reason) {
  switch (reason) {
#define HP_REASON(identifier, text) \
  case Reason::identifier:          \
    return text;
#include "fingerprint/reason.def"
#undef HP_REASON
  }
  return "unknown";
}

}  // namespace handprint
