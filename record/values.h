// SPDX-License-Identifier: Apache-2.0
// The shapes that a field's value can have. For each, present() tells whether the field stands in the
// document, and put() writes the value as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/address.h"
#include "fingerprint/grease.h"
#include "fingerprint/reason.h"
#include "fingerprint/registry.h"
#include "flow/document.h"
#include "record/community_id.h"
#include "record/json_text.h"
#include "record/timestamp.h"

namespace handprint {

struct RecordContext;

// JSON that is always the same.
struct Literal {
  std::string_view json;
};
// Wall time, ns since 1970.
struct Instant {
  int64_t ns = 0;
  bool known = false;
};
struct MacText {
  const std::array<uint8_t, 6>* bytes = nullptr;
};
struct HexText {
  std::span<const uint8_t> bytes;
};
// Text whose ASCII letters are written in lower case.
struct LowerText {
  std::string_view text;
};
// A number as a keyword ("100").
struct NumberText {
  std::optional<uint32_t> value;
};
// A registered number by its name, or unknown(0x1234).
struct CodeText {
  std::string_view (*name)(uint16_t) = nullptr;
  uint16_t code = 0;
};
struct CodeList {
  std::string_view (*name)(uint16_t) = nullptr;
  std::span<const uint16_t> codes;
  bool grease = true;  // false: left out
};
// "2018-08"
struct MonthText {
  Month month;
};
// A 32-bit version of QUIC by its name.
struct QuicVersionText {
  std::optional<uint32_t> number;
};
// Ids of QUIC's transport parameters by their registered names, or as 0x….
struct QuicParameterList {
  std::span<const uint64_t> ids;
};
// Names joined by commas, as an array.
struct CommaList {
  std::string_view names;
};
struct JoinedText {
  const std::vector<std::string>* pieces = nullptr;
};
struct TextList {
  const std::vector<std::string>* pieces = nullptr;
};
struct EventTypes {
  bool protocol = false;
};
struct CommunityText {
  const Document* document = nullptr;
};
struct ObservedList {
  std::span<const ObservedPoint> points;
  const RecordContext* context = nullptr;
};
struct LabelObject {
  const std::vector<std::string>* labels = nullptr;  // "key=value"
};

inline bool present(std::string_view text) { return !text.empty(); }
inline bool present(const Literal&) { return true; }
inline bool present(std::optional<uint64_t> value) { return value.has_value(); }
inline bool present(std::optional<bool> value) { return value.has_value(); }
inline bool present(const Instant& value) { return value.known; }
inline bool present(const Address& value) { return value.present(); }
inline bool present(const MacText& value) { return value.bytes != nullptr; }
inline bool present(const HexText& value) { return !value.bytes.empty(); }
inline bool present(const LowerText& value) { return !value.text.empty(); }
inline bool present(const NumberText& value) { return value.value.has_value(); }
inline bool present(const CodeText& value) { return value.name != nullptr; }
inline bool present(const CodeList& value) {
  for (uint16_t code : value.codes)
    if (value.grease || !is_grease(code)) return true;
  return false;
}
inline bool present(const MonthText& value) { return value.month.year != 0; }
inline bool present(const QuicVersionText& value) { return value.number.has_value(); }
inline bool present(const QuicParameterList& value) { return !value.ids.empty(); }
inline bool present(const CommaList& value) { return !value.names.empty(); }
inline bool present(const JoinedText& value) { return value.pieces && !value.pieces->empty(); }
inline bool present(const TextList& value) { return value.pieces && !value.pieces->empty(); }
inline bool present(const EventTypes&) { return true; }
inline bool present(const CommunityText& value) { return value.document != nullptr; }
inline bool present(const ObservedList& value) { return !value.points.empty(); }
inline bool present(const LabelObject& value) { return value.labels && !value.labels->empty(); }
inline bool present(std::span<const std::string_view> value) { return !value.empty(); }
inline bool present(std::span<const IncompleteFact> value) { return !value.empty(); }
inline bool present(std::span<const TlsAlert> value) { return !value.empty(); }

inline void put(JsonText& json, std::string_view text) { json.string(text); }
inline void put(JsonText& json, const Literal& value) { json.raw(value.json); }
inline void put(JsonText& json, std::optional<uint64_t> value) { json.number(*value); }
inline void put(JsonText& json, std::optional<bool> value) {
  json.raw(*value ? std::string_view("true") : std::string_view("false"));
}
void put(JsonText& json, const Instant& value);
void put(JsonText& json, const Address& value);
void put(JsonText& json, const MacText& value);
void put(JsonText& json, const HexText& value);
void put(JsonText& json, const LowerText& value);
void put(JsonText& json, const NumberText& value);
void put(JsonText& json, const CodeText& value);
void put(JsonText& json, const CodeList& value);
void put(JsonText& json, const MonthText& value);
void put(JsonText& json, const QuicVersionText& value);
void put(JsonText& json, const QuicParameterList& value);
void put(JsonText& json, const CommaList& value);
void put(JsonText& json, const JoinedText& value);
void put(JsonText& json, const TextList& value);
void put(JsonText& json, const EventTypes& value);
void put(JsonText& json, const CommunityText& value);
void put(JsonText& json, const ObservedList& value);
void put(JsonText& json, const LabelObject& value);
void put(JsonText& json, std::span<const std::string_view> value);
void put(JsonText& json, std::span<const IncompleteFact> value);
void put(JsonText& json, std::span<const TlsAlert> value);

}  // namespace handprint
