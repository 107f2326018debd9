// SPDX-License-Identifier: Apache-2.0
// The types of configuration values: how each is read from YAML, written, and described. A type is a
// small value that stands in a row of keys.def and knows its range.
//
// Each has
//   Type              what Settings holds
//   read(node, problems, out)   checks the node; on success sets `out`, else adds to `problems`
//   show(value)       YAML that reads as the same value
//   describe()        for people: "size, 64KiB to 1GiB, a power of two"
//   schema()          a JSON Schema object
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/config/settings.h"
#include "agent/config/suggestion.h"
#include "agent/config/yaml.h"

namespace handprint {

// Collects what is wrong, with its place.
class Problems {
 public:
  Problems(std::string file, std::vector<Error>& errors) : file_(std::move(file)), errors_(errors) {}
  void add(const YamlNode& where, std::string message);

 private:
  std::string file_;
  std::vector<Error>& errors_;
};

constexpr uint64_t KiB(uint64_t n) { return n << 10; }
constexpr uint64_t MiB(uint64_t n) { return n << 20; }
constexpr uint64_t GiB(uint64_t n) { return n << 30; }

// Adds a problem unless the node is a scalar; `wanted` names what belongs there.
bool is_scalar(const YamlNode& node, std::string_view wanted, Problems& problems);
// What a value looks like in a message: 'text', a list, a mapping, nothing.
std::string describe(const YamlNode& node);

std::string show_size(uint64_t bytes);         // "16MiB", "1000B"
std::string show_duration(int64_t nanoseconds);  // "5s", "1500ms"
std::string json_string(std::string_view text);  // in quotes, escaped

// A text of printable characters, at most `max_bytes` long and not empty.
struct TextValue {
  using Type = std::string;
  size_t max_bytes;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(const Type& value) const { return value.empty() ? "" : yaml_scalar(value); }
  std::string describe() const;
  std::string schema() const;
};

// on and off, or YAML's other words for them.
struct SwitchValue {
  using Type = bool;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(Type value) const { return value ? "on" : "off"; }
  std::string describe() const { return "`on` or `off`"; }
  std::string schema() const;
};

// A whole number.
struct CountValue {
  using Type = uint32_t;
  uint32_t least, most;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(Type value) const { return std::to_string(value); }
  std::string describe() const;
  std::string schema() const;
};

// So many a second: "2000/s".
struct RateValue {
  using Type = uint32_t;
  uint32_t least, most;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(Type value) const { return std::to_string(value) + "/s"; }
  std::string describe() const;
  std::string schema() const;
};

// A share: "5%", "0.1%". Thousandths of a percent in memory.
struct PercentValue {
  using Type = uint32_t;
  uint32_t least, most;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(Type value) const;
  std::string describe() const;
  std::string schema() const;
};

// Bytes with a unit: B, KiB, MiB, GiB, or kB, MB, GB for powers of 1000.
struct SizeValue {
  using Type = uint64_t;
  uint64_t least, most;
  bool power_of_two;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(Type value) const { return show_size(value); }
  std::string describe() const;
  std::string schema() const;
};

// A time with a unit: us, ms, s, min, h. Nanoseconds in memory.
struct DurationValue {
  using Type = int64_t;
  int64_t least, most;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(Type value) const { return show_duration(value); }
  std::string describe() const;
  std::string schema() const;
};

// One of several words, and what each stands for.
class Choices {
 public:
  explicit Choices(std::vector<std::string_view> words) : words_(std::move(words)) {}
  // The word's number, or words().size() with a problem added.
  size_t read(const YamlNode& node, Problems& problems) const;
  const std::vector<std::string_view>& words() const { return words_; }
  std::string describe() const;
  std::string schema() const;

 private:
  std::vector<std::string_view> words_;
};

template <class Enum>
struct ChoiceValue {
  using Type = Enum;
  std::vector<std::pair<std::string_view, Enum>> rows;

  Choices choices() const {
    std::vector<std::string_view> words;
    words.reserve(rows.size());
    for (const auto& row : rows) words.push_back(row.first);
    return Choices(std::move(words));
  }
  void read(const YamlNode& node, Problems& problems, Type& out) const {
    const size_t number = choices().read(node, problems);
    if (number < rows.size()) out = rows[number].second;
  }
  std::string show(Type value) const {
    for (const auto& row : rows)
      if (row.second == value) return std::string(row.first);
    return {};
  }
  std::string describe() const { return choices().describe(); }
  std::string schema() const { return choices().schema(); }
};

// A list of interface names, globs and kinds.
struct InterfacesValue {
  using Type = std::vector<std::string>;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(const Type& value) const;
  std::string describe() const { return "list of names, globs and kinds"; }
  std::string schema() const;
};

// A mapping of words to words, held as "key=value". Reading adds to what `out` holds already.
struct LabelsValue {
  using Type = std::vector<std::string>;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(const Type& value) const;
  std::string describe() const { return "mapping of words to words"; }
  std::string schema() const;
};

// A list of outputs.
struct OutputsValue {
  using Type = std::vector<OutputSettings>;
  void read(const YamlNode& node, Problems& problems, Type& out) const;
  std::string show(const Type& value) const;
  std::string describe() const { return "list of outputs"; }
  std::string schema() const;
};

}  // namespace handprint
