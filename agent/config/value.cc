// SPDX-License-Identifier: Apache-2.0
#include "agent/config/value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace handprint {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr auto size_units = std::to_array<Unit>({{"B", 1},
                                                 {"KiB", KiB(1)},
                                                 {"MiB", MiB(1)},
                                                 {"GiB", GiB(1)},
                                                 {"kB", 1'000},
                                                 {"MB", 1'000'000},
                                                 {"GB", 1'000'000'000}});
constexpr auto duration_units = std::to_array<Unit>({{"us", 1'000},
                                                     {"ms", 1'000'000},
                                                     {"s", 1'000'000'000},
                                                     {"min", 60'000'000'000},
                                                     {"h", 3'600'000'000'000}});
constexpr auto rate_units = std::to_array<Unit>({{"/s", 1}});

std::string join(const auto& rows, auto name_of, std::string_view between) {
  std::string out;
  for (const auto& row : rows) {
    if (!out.empty()) out += between;
    out += name_of(row);
  }
  return out;
}

// The number at the front of a text; the text goes behind it. Nothing where none is, or where it is
// too large.
std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return {};
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// A number with a unit, blanks allowed between them. Reports what is wrong; `example` is a right value.
std::optional<uint64_t> read_quantity(const YamlNode& node, std::span<const Unit> units,
                                      std::string_view what, std::string_view example,
                                      Problems& problems) {
  if (!is_scalar(node, what, problems)) return {};
  std::string_view rest = node.text;
  const std::optional<uint64_t> number = take_number(rest);
  if (!number) {
    problems.add(node, "'" + node.text + "' is no " + std::string(what) + "; write for example " +
                           std::string(example));
    return {};
  }
  const size_t unit_at = rest.find_first_not_of(' ');
  rest = unit_at == std::string_view::npos ? std::string_view() : rest.substr(unit_at);
  const auto names = [&units] { return join(units, [](const Unit& unit) { return unit.name; }, ", "); };
  if (rest.empty()) {
    problems.add(node, "'" + node.text + "' has no unit: " + names());
    return {};
  }
  for (const Unit& unit : units) {
    if (unit.name != rest) continue;
    if (*number > std::numeric_limits<uint64_t>::max() / unit.factor) break;
    return *number * unit.factor;
  }
  std::vector<std::string_view> candidates;
  for (const Unit& unit : units) {
    if (unit.name == rest) {
      problems.add(node, "'" + node.text + "' is too large");
      return {};
    }
    candidates.push_back(unit.name);
  }
  problems.add(node, "'" + std::string(rest) + "' is no unit of a " + std::string(what) + " (" + names() +
                         ")" + suggestion(rest, candidates));
  return {};
}

// True when least <= value <= most; else says so, with bounds as people write them.
template <class T>
bool in_range(const YamlNode& node, T value, T least, T most, auto show, Problems& problems) {
  if (value >= least && value <= most) return true;
  problems.add(node, "'" + node.text + "' is out of range: " + show(least) + " to " + show(most));
  return false;
}

std::string schema_pattern(std::string_view pattern, std::string_view text) {
  return "{\"type\": \"string\", \"pattern\": " + json_string(pattern) +
         ", \"description\": " + json_string(text) + "}";
}

std::string quantity_pattern(std::span<const Unit> units) {
  return "^[0-9]+ *(" + join(units, [](const Unit& unit) { return unit.name; }, "|") + ")$";
}

bool printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// Each entry of a mapping once: calls take(key node, value node), and reports keys that stand twice
// or are no words.
void for_each_entry(const YamlNode& map, Problems& problems, auto take) {
  for (size_t i = 0; i < map.entries.size(); ++i) {
    const auto& [key, value] = map.entries[i];
    if (!is_scalar(key, "a key", problems)) continue;
    const auto earlier = std::find_if(map.entries.begin(), map.entries.begin() + static_cast<ptrdiff_t>(i),
                                      [&key](const auto& entry) { return entry.key.text == key.text; });
    if (earlier != map.entries.begin() + static_cast<ptrdiff_t>(i)) {
      problems.add(key, "'" + key.text + "' stands twice, first in line " +
                            std::to_string(earlier->key.line));
      continue;
    }
    take(key, value);
  }
}

constexpr std::array<std::string_view, 6> interface_kinds{"uplink", "veth",   "bridge",
                                                          "loopback", "tunnel", "all"};

// What is wrong with an interface pattern, or "".
std::string interface_problem(std::string_view pattern) {
  constexpr std::string_view prefix = "kind:";
  if (pattern.starts_with(prefix)) {
    const std::string_view kind = pattern.substr(prefix.size());
    if (std::find(interface_kinds.begin(), interface_kinds.end(), kind) != interface_kinds.end()) return {};
    return "'" + std::string(kind) + "' is no kind of interface (uplink, veth, bridge, loopback, tunnel, all)" +
           suggestion(kind, interface_kinds);
  }
  if (pattern.empty()) return "an interface's name cannot be empty";
  if (pattern == "." || pattern == ".." || pattern.find_first_of("/: \t") != std::string_view::npos ||
      !printable(pattern))
    return "'" + std::string(pattern) + "' can be no interface's name";
  const bool glob = pattern.find_first_of("*?[") != std::string_view::npos;
  if (!glob && pattern.size() > 15)
    return "'" + std::string(pattern) + "' is longer than the 15 bytes of an interface's name";
  return {};
}

std::string list_of(const std::vector<std::string>& values) {
  return "[" + join(values, [](const std::string& value) {
           // In a list a plain comma, colon or bracket would be YAML's own.
           return value.find(':') == std::string::npos ? yaml_scalar(value) : "\"" + value + "\"";
         }, ", ") + "]";
}

const ChoiceValue<OutputType> output_types{
    {{"stdout", OutputType::stdout_}, {"file", OutputType::file}, {"tcp", OutputType::tcp}}};
const ChoiceValue<OutputFormat> output_formats{
    {{"json", OutputFormat::json}, {"line", OutputFormat::line}, {"pmercury", OutputFormat::pmercury}}};
const ChoiceValue<OutputFields> output_fields{
    {{"default", OutputFields::default_}, {"all", OutputFields::all}}};

// Of an unknown type only the type is worth a message.
bool known_type(std::string_view word) { return word == "stdout" || word == "file" || word == "tcp"; }

// "a.b.c.d:port" or "[IPv6]:port", the port 1 to 65535.
bool numeric_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size() || text.size() - colon > 6) return false;
  const std::string_view port = std::string_view(text).substr(colon + 1);
  if (port.find_first_not_of("0123456789") != std::string_view::npos) return false;
  const int number = std::stoi(std::string(port));
  if (number < 1 || number > 65535) return false;
  std::string host = text.substr(0, colon);
  in6_addr six{};
  in_addr four{};
  if (host.front() != '[') return inet_pton(AF_INET, host.c_str(), &four) == 1;
  if (host.back() != ']') return false;
  host = host.substr(1, host.size() - 2);
  return inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

}  // namespace

void Problems::add(const YamlNode& where, std::string message) {
  Error error;
  error.file = file_;
  error.line = where.line;
  error.column = where.column;
  error.message = std::move(message);
  errors_.push_back(std::move(error));
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: return "nothing";
    case YamlNode::Kind::scalar: return "'" + node.text + "'";
    case YamlNode::Kind::list: return "a list";
    case YamlNode::Kind::map: return "a mapping";
  }
  return {};
}

bool is_scalar(const YamlNode& node, std::string_view wanted, Problems& problems) {
  if (node.kind == YamlNode::Kind::scalar) return true;
  problems.add(node, "a " + std::string(wanted.starts_with("a ") ? wanted.substr(2) : wanted) +
                         " belongs here, not " + describe(node));
  return false;
}

std::string show_size(uint64_t bytes) {
  for (const Unit& unit : {Unit{"GiB", GiB(1)}, Unit{"MiB", MiB(1)}, Unit{"KiB", KiB(1)}})
    if (bytes != 0 && bytes % unit.factor == 0)
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
  return std::to_string(bytes) + "B";
}

std::string show_duration(int64_t nanoseconds) {
  const auto value = static_cast<uint64_t>(nanoseconds);
  for (size_t i = duration_units.size(); i-- > 0;)
    if (value != 0 && value % duration_units[i].factor == 0)
      return std::to_string(value / duration_units[i].factor) + std::string(duration_units[i].name);
  return std::to_string(value / 1000) + "us";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void TextValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (!is_scalar(node, "text", problems)) return;
  if (node.text.empty()) return problems.add(node, "the text is empty");
  if (node.text.size() > max_bytes)
    return problems.add(node, "the text is longer than " + std::to_string(max_bytes) + " bytes");
  if (!printable(node.text)) return problems.add(node, "the text holds control characters");
  out = node.text;
}
std::string TextValue::describe() const { return "text, at most " + std::to_string(max_bytes) + " bytes"; }
std::string TextValue::schema() const {
  return "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": " + std::to_string(max_bytes) + "}";
}

void SwitchValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (!is_scalar(node, "switch, on or off,", problems)) return;
  for (std::string_view word : {"on", "true", "yes"})
    if (node.text == word && !node.quoted) return void(out = true);
  for (std::string_view word : {"off", "false", "no"})
    if (node.text == word && !node.quoted) return void(out = false);
  problems.add(node, "'" + node.text + "' is neither on nor off");
}
std::string SwitchValue::schema() const {
  return "{\"enum\": [true, false, \"on\", \"off\", \"yes\", \"no\"]}";
}

void CountValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (!is_scalar(node, "whole number", problems)) return;
  std::string_view rest = node.text;
  const std::optional<uint64_t> number = take_number(rest);
  if (!number || !rest.empty()) return problems.add(node, "'" + node.text + "' is no whole number");
  const auto show = [](uint64_t value) { return std::to_string(value); };
  if (in_range<uint64_t>(node, *number, least, most, show, problems)) out = static_cast<Type>(*number);
}
std::string CountValue::describe() const {
  return "whole number, " + std::to_string(least) + " to " + std::to_string(most);
}
std::string CountValue::schema() const {
  return "{\"type\": \"integer\", \"minimum\": " + std::to_string(least) +
         ", \"maximum\": " + std::to_string(most) + "}";
}

void RateValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  const auto value = read_quantity(node, rate_units, "rate", "2000/s", problems);
  const auto show_it = [this](uint64_t rate) { return show(static_cast<Type>(rate)); };
  if (value && in_range<uint64_t>(node, *value, least, most, show_it, problems))
    out = static_cast<Type>(*value);
}
std::string RateValue::describe() const { return "rate, " + show(least) + " to " + show(most); }
std::string RateValue::schema() const { return schema_pattern(quantity_pattern(rate_units), describe()); }

void PercentValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (!is_scalar(node, "share", problems)) return;
  const auto wrong = [&] {
    problems.add(node, "'" + node.text + "' is no share; write for example 5% or 0.1%");
  };
  std::string_view rest = node.text;
  const std::optional<uint64_t> whole = take_number(rest);
  if (!whole) return wrong();
  uint64_t thousandths = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    uint64_t factor = 100;
    std::size_t digits = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits, factor /= 10)
      thousandths += static_cast<uint64_t>(rest[digits] - '0') * factor;
    if (digits == 0 || digits > 3) return wrong();
    rest.remove_prefix(digits);
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest != "%") return wrong();
  const auto show_it = [this](uint64_t share) { return show(static_cast<Type>(share)); };
  const uint64_t value = *whole > 1'000'000 ? 1'000'000'000 : *whole * 1000 + thousandths;
  if (in_range<uint64_t>(node, value, least, most, show_it, problems)) out = static_cast<Type>(value);
}
std::string PercentValue::show(Type value) const {
  std::string out = std::to_string(value / 1000);
  if (value % 1000 != 0) {
    std::string rest = std::to_string(1000 + value % 1000).substr(1);
    while (rest.ends_with('0')) rest.pop_back();
    out += "." + rest;
  }
  return out + "%";
}
std::string PercentValue::describe() const { return "share, " + show(least) + " to " + show(most); }
std::string PercentValue::schema() const {
  return schema_pattern("^[0-9]+(\\.[0-9]{1,3})? *%$", describe());
}

void SizeValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  const auto value = read_quantity(node, size_units, "size", "16MiB", problems);
  if (!value || !in_range<uint64_t>(node, *value, least, most, show_size, problems)) return;
  if (power_of_two && (*value & (*value - 1)) != 0) {
    uint64_t below = least;
    while (below * 2 <= *value) below *= 2;
    return problems.add(node, "'" + node.text + "' is no power of two; near are " + show_size(below) +
                                  (below * 2 <= most ? " and " + show_size(below * 2) : std::string()));
  }
  out = *value;
}
std::string SizeValue::describe() const {
  return "size, " + show_size(least) + " to " + show_size(most) + (power_of_two ? ", a power of two" : "");
}
std::string SizeValue::schema() const { return schema_pattern(quantity_pattern(size_units), describe()); }

void DurationValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  const auto value = read_quantity(node, duration_units, "duration", "5s", problems);
  const auto show_it = [](uint64_t ns) { return show_duration(static_cast<int64_t>(ns)); };
  if (value && in_range<uint64_t>(node, *value, static_cast<uint64_t>(least), static_cast<uint64_t>(most),
                                  show_it, problems))
    out = static_cast<Type>(*value);
}
std::string DurationValue::describe() const {
  return "duration, " + show_duration(least) + " to " + show_duration(most);
}
std::string DurationValue::schema() const {
  return schema_pattern(quantity_pattern(duration_units), describe());
}

size_t Choices::read(const YamlNode& node, Problems& problems) const {
  if (!is_scalar(node, "word (" + join(words_, [](auto word) { return word; }, ", ") + ")", problems))
    return words_.size();
  const auto found = std::find(words_.begin(), words_.end(), node.text);
  if (found == words_.end())
    problems.add(node, "'" + node.text + "' is none of " +
                           join(words_, [](auto word) { return word; }, ", ") +
                           suggestion(node.text, words_));
  return static_cast<size_t>(found - words_.begin());
}
std::string Choices::describe() const {
  return "one of " + join(words_, [](auto word) { return "`" + std::string(word) + "`"; }, ", ");
}
std::string Choices::schema() const {
  return "{\"enum\": [" + join(words_, [](auto word) { return json_string(word); }, ", ") + "]}";
}

void InterfacesValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (node.kind != YamlNode::Kind::list)
    return problems.add(node, "a list of interfaces belongs here, such as [eth0, \"kind:uplink\"], not " +
                                  handprint::describe(node));
  Type names;
  for (const YamlNode& item : node.items) {
    if (!is_scalar(item, "interface's name", problems)) continue;
    if (std::string problem = interface_problem(item.text); !problem.empty()) {
      problems.add(item, std::move(problem));
    } else if (std::find(names.begin(), names.end(), item.text) != names.end()) {
      problems.add(item, "'" + item.text + "' stands twice");
    } else {
      names.push_back(item.text);
    }
  }
  out = std::move(names);
}
std::string InterfacesValue::show(const Type& value) const { return list_of(value); }
std::string InterfacesValue::schema() const {
  return "{\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"type\": \"string\", \"pattern\": "
         "\"^(kind:(uplink|veth|bridge|loopback|tunnel|all)|[^/: ]+)$\"}}";
}

void LabelsValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (node.kind != YamlNode::Kind::map)
    return problems.add(node, "a mapping of labels belongs here, such as {env: production}, not " +
                                  handprint::describe(node));
  const auto key_of = [](std::string_view label) { return label.substr(0, label.find('=')); };
  for_each_entry(node, problems, [&](const YamlNode& key, const YamlNode& value) {
    if (key.text.empty() || !printable(key.text) || key.text.find_first_of("=. ") != std::string::npos)
      return problems.add(key, "'" + key.text + "' can be no label's key: no blanks, dots or equals signs");
    if (!is_scalar(value, "label's text", problems)) return;
    if (!printable(value.text)) return problems.add(value, "the label holds control characters");
    std::string label = key.text + "=" + value.text;
    const auto at = std::find_if(out.begin(), out.end(),
                                 [&](const std::string& other) { return key_of(other) >= key.text; });
    if (at != out.end() && key_of(*at) == key.text) {
      *at = std::move(label);
    } else {
      out.insert(at, std::move(label));
    }
  });
}
std::string LabelsValue::show(const Type& value) const {
  return "{" + join(value, [](const std::string& label) {
           const size_t equals = label.find('=');
           const std::string text = label.substr(equals + 1);
           return yaml_scalar(label.substr(0, equals)) + ": " +
                  (text.find(':') == std::string::npos ? yaml_scalar(text) : "\"" + text + "\"");
         }, ", ") + "}";
}
std::string LabelsValue::schema() const {
  return "{\"type\": \"object\", \"propertyNames\": {\"pattern\": \"^[^=. ]+$\"}, "
         "\"additionalProperties\": {\"type\": [\"string\", \"number\", \"boolean\"]}}";
}

void OutputsValue::read(const YamlNode& node, Problems& problems, Type& out) const {
  if (node.kind != YamlNode::Kind::list)
    return problems.add(node, "a list of outputs belongs here, each with a dash (- type: stdout), not " +
                                  handprint::describe(node));
  if (node.items.empty()) return problems.add(node, "there must be at least one output");
  constexpr std::array<std::string_view, 5> keys{"type", "path", "address", "format", "fields"};
  Type outputs;
  for (const YamlNode& item : node.items) {
    if (item.kind != YamlNode::Kind::map) {
      problems.add(item, "an output is a mapping, such as {type: stdout}, not " + handprint::describe(item));
      continue;
    }
    OutputSettings output;
    const YamlNode* type = nullptr;
    const YamlNode* path = nullptr;
    const YamlNode* address = nullptr;
    for_each_entry(item, problems, [&](const YamlNode& key, const YamlNode& value) {
      if (key.text == "type") {
        type = &value;
        output_types.read(value, problems, output.type);
      } else if (key.text == "path") {
        path = &value;
        TextValue{4096}.read(value, problems, output.path);
      } else if (key.text == "address") {
        address = &value;
        TextValue{64}.read(value, problems, output.address);
      } else if (key.text == "format") {
        output_formats.read(value, problems, output.format);
      } else if (key.text == "fields") {
        output_fields.read(value, problems, output.fields);
      } else {
        problems.add(key, "an output has no key '" + key.text + "'" + suggestion(key.text, keys));
      }
    });
    if (!type) {
      problems.add(item, "an output needs a type: stdout, file or tcp");
    } else if (output.type == OutputType::file && !path) {
      problems.add(item, "an output of type file needs a path");
    } else if (output.type == OutputType::tcp && !address) {
      problems.add(item, "an output of type tcp needs an address");
    } else if (output.type != OutputType::file && path && known_type(type->text)) {
      problems.add(*path, "only an output of type file has a path");
    } else if (output.type != OutputType::tcp && address && known_type(type->text)) {
      problems.add(*address, "only an output of type tcp has an address");
    } else if (!output.address.empty() && !numeric_address(output.address)) {
      problems.add(*address, "'" + output.address +
                                 "' is no address and port in numbers, such as 192.0.2.1:5170 or [2001:db8::1]:5170");
    } else if (!output.path.empty() && output.path.front() != '/') {
      problems.add(*path, "'" + output.path + "' is no absolute path");
    }
    for (const OutputSettings& other : outputs)
      if (other.type == output.type && other.path == output.path && other.address == output.address)
        problems.add(path ? *path : address ? *address : item,
                     output.type == OutputType::file  ? "two outputs write the file '" + output.path + "'"
                     : output.type == OutputType::tcp ? "two outputs write to " + output.address
                                                      : "two outputs write to stdout");
    outputs.push_back(std::move(output));
  }
  out = std::move(outputs);
}
std::string OutputsValue::show(const Type& value) const {
  return "[" + join(value, [](const OutputSettings& output) {
           std::string text = "{type: " + output_types.show(output.type);
           if (output.type == OutputType::file) text += ", path: " + yaml_scalar(output.path);
           if (output.type == OutputType::tcp) text += ", address: " + yaml_scalar(output.address);
           return text + ", format: " + output_formats.show(output.format) +
                  ", fields: " + output_fields.show(output.fields) + "}";
         }, ", ") + "]";
}
std::string OutputsValue::schema() const {
  return "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", "
         "\"additionalProperties\": false, \"required\": [\"type\"], \"properties\": {"
         "\"type\": " + output_types.schema() + ", \"path\": {\"type\": \"string\", \"pattern\": \"^/\"}, "
         "\"address\": {\"type\": \"string\", \"pattern\": \"^([0-9.]+|\\\\[[0-9a-fA-F:.]+\\\\]):[0-9]+$\"}, "
         "\"format\": " + output_formats.schema() + ", \"fields\": " + output_fields.schema() + "}}}";
}

}  // namespace handprint
