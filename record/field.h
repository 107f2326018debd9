// SPDX-License-Identifier: Apache-2.0
// The record's fields as a table. The rows stand in catalogue.def and nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "fingerprint/kind.h"

namespace handprint {

// What a field holds, as an index names it. A plural is an array of these.
enum class FieldType : uint8_t { keyword, keywords, ip, date, number, boolean, object, objects };

// What a field tells about somebody, for rules that leave fields out or mask them.
enum class Privacy : uint8_t {
  technical,  // nothing about a person or a place
  identity,   // which host or agent
  address,    // IP and MAC addresses
  service,    // which service was asked for
  content,    // what was asked of it
  process,    // which program ran
  arguments,  // with which arguments
  user        // who ran it
};

enum class Parts : uint8_t {
  every,  // in every part of a flow: a key, or a fact that is new in this part
  first   // in the first part only
};

struct Field {
  std::string_view path;
  FieldType type;
  Privacy privacy;
  Shown shown;
  Parts parts;
  std::string_view text;
};

std::string_view name(FieldType type);
std::string_view name(Privacy privacy);

// Every field in the order in which documents hold them, fingerprints of kinds.def included.
std::span<const Field> fields();

// docs/fields.md, from the table.
std::string fields_reference();

}  // namespace handprint
