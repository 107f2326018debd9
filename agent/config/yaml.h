// SPDX-License-Identifier: Apache-2.0
// YAML as a plain tree with the place of every node. The library that reads it, and its exceptions,
// stay in yaml.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/result.h"

namespace handprint {

struct YamlEntry;

struct YamlNode {
  enum class Kind : uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string text;     // of a scalar
  bool quoted = false;  // a scalar in quotes: a text, whatever it looks like
  uint64_t line = 0, column = 0;  // from 1
  std::vector<YamlNode> items;    // of a list
  std::vector<YamlEntry> entries;  // of a map, in order, duplicates kept
};

struct YamlEntry {
  YamlNode key, value;
};

// Parses one document; an empty text gives a null node. Errors name `name`, line and column. Anchors,
// aliases and tags are errors, and so are a second document and nesting beyond 32 levels: nothing in a
// configuration needs them.
Result<YamlNode> parse_yaml(std::string_view text, std::string_view name);

// A scalar as it must be written to be read as this text again: plain where possible, else quoted.
std::string yaml_scalar(std::string_view text);

}  // namespace handprint
