// SPDX-License-Identifier: Apache-2.0
#include "agent/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

namespace handprint {
namespace {

constexpr size_t max_depth = 32;

// A refusal of our own, thrown through the library and caught below.
struct Refusal {
  YAML::Mark mark;
  std::string message;
};

class Builder : public YAML::EventHandler {
 public:
  explicit Builder(YamlNode& root) : root_(root) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (begun_) throw Refusal{mark, "a second document (---) begins here; one is all there may be"};
    begun_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, YamlNode::Kind::null, "", anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refusal{mark, "aliases (*name) are not used in this file"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quoted = tag == "!";
    // "~" and "null" in plain writing are YAML's words for nothing.
    const bool nothing = !quoted && (value == "~" || value == "null" || value == "Null" ||
                                     value == "NULL" || value.empty());
    YamlNode& node = add(mark, nothing ? YamlNode::Kind::null : YamlNode::Kind::scalar, tag, anchor);
    node.text = value;
    node.quoted = quoted;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::list, tag, anchor);
  }
  void OnSequenceEnd() override { path_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::map, tag, anchor);
  }
  void OnMapEnd() override { path_.pop_back(); }

 private:
  // An open list or map; the map's key is complete when `has_key`.
  struct Open {
    YamlNode* node;
    bool has_key = false;
  };

  YamlNode& add(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag,
                YAML::anchor_t anchor) {
    if (anchor != 0) throw Refusal{mark, "anchors (&name) are not used in this file"};
    if (!tag.empty() && tag != "?" && tag != "!") throw Refusal{mark, "tags (" + tag + ") are not used in this file"};
    YamlNode* to = &root_;
    if (!path_.empty()) {
      Open& open = path_.back();
      if (open.node->kind == YamlNode::Kind::list) {
        to = &open.node->items.emplace_back();
      } else if (!open.has_key) {
        to = &open.node->entries.emplace_back().key;
        open.has_key = true;
      } else {
        to = &open.node->entries.back().value;
        open.has_key = false;
      }
    }
    to->kind = kind;
    to->line = static_cast<uint64_t>(mark.line) + 1;
    to->column = static_cast<uint64_t>(mark.column) + 1;
    return *to;
  }
  // The node opened is the last of its parent, which gets no further child before it is closed: its
  // address holds.
  void open(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    if (path_.size() >= max_depth) throw Refusal{mark, "nested too deeply"};
    if (!path_.empty() && path_.back().node->kind == YamlNode::Kind::map && !path_.back().has_key)
      throw Refusal{mark, "a key must be a word, not a list or mapping"};
    path_.push_back({&add(mark, kind, tag, anchor)});
  }

  YamlNode& root_;
  std::vector<Open> path_;
  bool begun_ = false;
};

Error error_at(std::string_view name, const YAML::Mark& mark, std::string message) {
  Error error;
  error.file = name;
  if (!mark.is_null()) {
    error.line = static_cast<uint64_t>(mark.line) + 1;
    error.column = static_cast<uint64_t>(mark.column) + 1;
  }
  error.message = std::move(message);
  return error;
}

}  // namespace

Result<YamlNode> parse_yaml(std::string_view text, std::string_view name) {
  YamlNode root;
  root.line = root.column = 1;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(root);
    if (!parser.HandleNextDocument(builder)) return root;
    parser.HandleNextDocument(builder);  // refuses a second one
  } catch (const Refusal& refusal) {
    return error_at(name, refusal.mark, refusal.message);
  } catch (const YAML::Exception& exception) {
    return error_at(name, exception.mark, "no valid YAML: " + exception.msg);
  }
  return root;
}

std::string yaml_scalar(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == ':' || c == '+';
  };
  bool simple = !text.empty() && text.front() != '-' && text.front() != ':' && text.back() != ':' &&
                text.front() != '.' && text != "null" && text != "Null" && text != "NULL";
  for (char c : text) simple = simple && plain(c);
  if (simple) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view digits = "0123456789abcdef";
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace handprint
