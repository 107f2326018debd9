// SPDX-License-Identifier: Apache-2.0
// What is generated from keys.def: the effective configuration, the example file, the JSON Schema and
// the reference.
#include <span>

#include "agent/config/keys.h"
#include "agent/config/settings.h"

namespace handprint {
namespace {

std::string_view parent_of(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}
std::string_view last_of(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}
size_t depth_of(std::string_view path) {
  size_t dots = 0;
  for (char c : path) dots += c == '.';
  return dots;
}
std::string indent(size_t depth) { return std::string(2 * depth, ' '); }

std::string_view section_text(std::string_view path) {
  for (const SettingSection& section : setting_sections())
    if (section.path == path) return section.text;
  return {};
}

// Calls open(path) for every section that begins in front of a key, outermost first, and key(row).
void walk(auto open, auto key) {
  std::string_view at;
  for (const auto& row : setting_keys()) {
    const std::string_view parent = parent_of(row->path);
    for (size_t end = parent.empty() ? std::string_view::npos : parent.find('.');
         !parent.empty(); end = parent.find('.', end + 1)) {
      const std::string_view section = parent.substr(0, end);
      const bool open_already = at == section || (at.starts_with(section) && at.size() > section.size() &&
                                                  at[section.size()] == '.');
      if (!open_already) open(section);
      if (end == std::string_view::npos) break;
    }
    at = parent;
    key(*row);
  }
}

// Text as comment lines no longer than 100 columns; back quotes are for Markdown only.
std::string comment(std::string_view text, const std::string& margin) {
  std::string out, line;
  const auto flush = [&] {
    if (!line.empty()) out += margin + "# " + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const size_t space = text.find(' ');
    std::string word;
    for (char c : text.substr(0, space))
      if (c != '`') word += c;
    if (!line.empty() && margin.size() + 2 + line.size() + 1 + word.size() > 100) flush();
    if (!line.empty()) line += ' ';
    line += word;
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  flush();
  return out;
}

}  // namespace

namespace {

template <class Show>
std::string every_key(Show&& show) {
  std::string out;
  walk([&](std::string_view path) { out += indent(depth_of(path)) + std::string(last_of(path)) + ":\n"; },
       [&](const SettingKey& key) {
         out += indent(depth_of(key.path)) + std::string(last_of(key.path)) + ": " + show(key) + "\n";
       });
  return out;
}

}  // namespace

std::string show_settings(const Settings& settings) {
  return every_key([&](const SettingKey& key) { return shown_value(key, settings); });
}

std::string settings_with_secrets(const Settings& settings) {
  return every_key([&](const SettingKey& key) { return key.show(settings); });
}

std::string settings_example() {
  std::string out =
      "# Configuration of handprint. Every key is shown with its default; take away the first # of a line\n"
      "# to change one. Files conf.d/*.yaml beside this one are merged over it in order of their names.\n"
      "# `handprint config check` tells what is wrong, `handprint config show` what holds.\n";
  walk(
      [&](std::string_view path) {
        const std::string margin = indent(depth_of(path));
        out += "\n" + comment(section_text(path), margin) + margin + std::string(last_of(path)) + ":\n";
      },
      [&](const SettingKey& key) {
        const size_t depth = depth_of(key.path);
        const std::string margin = indent(depth);
        if (depth == 0) out += "\n";
        out += comment(key.text, margin);
        out += comment("(" + key.describe() + (key.reloadable ? "" : "; after a restart") + ")", margin);
        const std::string_view value = key.default_text.empty() ? "sensor-myhost" : key.default_text;
        out += margin + "#" + std::string(last_of(key.path)) + ": " + std::string(value) + "\n";
      });
  return out;
}

namespace {

void schema_object(std::string_view section, size_t depth, std::string& out) {
  const std::string margin = indent(depth);
  out += "{\n" + margin + "  \"type\": [\"object\", \"null\"],\n" + margin +
         "  \"additionalProperties\": false,\n" + margin + "  \"properties\": {";
  bool first = true;
  std::string_view done;
  for (const auto& key : setting_keys()) {
    std::string_view rest = key->path;
    if (!section.empty()) {
      if (!rest.starts_with(section) || rest.size() <= section.size() || rest[section.size()] != '.') continue;
      rest.remove_prefix(section.size() + 1);
    }
    const std::string_view name = rest.substr(0, rest.find('.'));
    if (name == done) continue;
    done = name;
    out += first ? "\n" : ",\n";
    first = false;
    out += margin + "    " + json_string(name) + ": ";
    if (name.size() == rest.size()) {
      std::string schema = key->schema();
      // The key's text goes into its own schema object.
      schema.pop_back();
      if (schema.find("\"description\"") == std::string::npos)
        schema += ", \"description\": " + json_string(key->text);
      if (!key->default_text.empty())
        schema += ", \"$comment\": " + json_string("default: " + std::string(key->default_text));
      out += schema + "}";
    } else {
      const std::string path = (section.empty() ? "" : std::string(section) + ".") + std::string(name);
      schema_object(path, depth + 2, out);
    }
  }
  out += "\n" + margin + "  }\n" + margin + "}";
}

}  // namespace

std::string settings_schema() {
  std::string object;
  schema_object("", 0, object);
  return "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
         "  \"title\": \"Configuration of handprint\",\n" +
         object.substr(2) + "\n";
}

std::string settings_reference() {
  std::string out =
      "# Configuration\n"
      "\n"
      "<!-- Generated from agent/config/keys.def by `config_doc`; a test compares them. -->\n"
      "\n"
      "`handprint run` reads `/etc/handprint/handprint.yaml`, or the file that `--config` names, and then\n"
      "every `*.yaml` and `*.yml` file of the directory `conf.d` beside it, in byte order of their names.\n"
      "Sections are merged key by key, and so are labels; every other value, lists too, is replaced by the\n"
      "later file. A key that is named nowhere has its default.\n"
      "\n"
      "The files are YAML without anchors, aliases and tags. They are read strictly: an unknown key, a\n"
      "wrong type, a value out of range or a key that stands twice is an error with file, line and column,\n"
      "all errors are told at once, and the exit status is 78. `handprint config check` does only that,\n"
      "`handprint config show` prints what holds, `handprint config example` a file with every key.\n"
      "\n"
      "- **Sizes** have a unit: `B`, `KiB`, `MiB`, `GiB`, or `kB`, `MB`, `GB` for powers of 1000.\n"
      "- **Durations** have a unit: `us`, `ms`, `s`, `min`, `h`.\n"
      "- **Rates** are so many a second: `2000/s`.\n"
      "- **Reload**: `systemctl reload handprint` (SIGHUP) makes *live* keys effective; the others need a\n"
      "  restart. A faulty configuration is reported, and the running one stays.\n";
  walk(
      [&](std::string_view path) {
        out += "\n" + std::string(depth_of(path) == 0 ? "## " : "### ") + "`" + std::string(path) + "`\n\n" +
               std::string(section_text(path)) + "\n";
      },
      [&](const SettingKey& key) {
        out += "\n" + std::string(depth_of(key.path) == 0 ? "## " : "### ") + "`" + std::string(key.path) +
               "`\n\n" + std::string(key.text) + "\n\n- Type: " + key.describe() + "\n";
        if (!key.default_text.empty()) out += "- Default: `" + std::string(key.default_text) + "`\n";
        out += key.reloadable ? "- Reload: live\n" : "- Reload: after a restart\n";
        if (key.secret) out += "- Secret: never shown\n";
      });
  return out;
}

}  // namespace handprint
