// SPDX-License-Identifier: Apache-2.0
#include "agent/config/settings.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/config/keys.h"

namespace handprint {
namespace {

constexpr size_t max_file_bytes = 1 << 20;

const SettingKey* find_key(std::string_view path) {
  for (const auto& key : setting_keys())
    if (key->path == path) return key.get();
  return nullptr;
}

bool is_section(std::string_view path) {
  for (const auto& key : setting_keys())
    if (key->path.size() > path.size() && key->path.starts_with(path) && key->path[path.size()] == '.')
      return true;
  return false;
}

// The names that may stand in a section ("" is the file's top): "sensor", "labels" …
std::vector<std::string_view> names_in(std::string_view section) {
  std::vector<std::string_view> names;
  for (const auto& key : setting_keys()) {
    std::string_view rest = key->path;
    if (!section.empty()) {
      if (!rest.starts_with(section) || rest.size() <= section.size() || rest[section.size()] != '.')
        continue;
      rest.remove_prefix(section.size() + 1);
    }
    rest = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), rest) == names.end()) names.push_back(rest);
  }
  return names;
}

// A key that stands in the wrong section, by its full path; else the nearest name of this section.
std::string hint(std::string_view section, std::string_view name) {
  const std::vector<std::string_view> names = names_in(section);
  if (std::string near = suggestion(name, names); !near.empty()) return near;
  for (const auto& key : setting_keys()) {
    const size_t dot = key->path.rfind('.');
    if (key->path == name || (dot != std::string_view::npos && key->path.substr(dot + 1) == name))
      return "; did you mean '" + std::string(key->path) + "'?";
  }
  return {};
}

void read_section(const YamlNode& map, const std::string& section, Problems& problems, Settings& settings) {
  for (size_t i = 0; i < map.entries.size(); ++i) {
    const auto& [key, value] = map.entries[i];
    if (!is_scalar(key, "key", problems)) continue;
    const auto begin = map.entries.begin(), here = begin + static_cast<ptrdiff_t>(i);
    const auto earlier =
        std::find_if(begin, here, [&](const auto& entry) { return entry.key.text == key.text; });
    if (earlier != here) {
      problems.add(key, "'" + key.text + "' stands twice, first in line " +
                            std::to_string(earlier->key.line));
      continue;
    }
    const std::string path = section.empty() ? key.text : section + "." + key.text;
    if (const size_t dot = key.text.rfind('.'); dot != std::string::npos && find_key(path)) {
      problems.add(key, "keys are nested, not dotted: write '" + key.text.substr(dot + 1) + "' below '" +
                            path.substr(0, path.rfind('.')) + "'");
      continue;
    }
    if (const SettingKey* row = find_key(path)) {
      row->read(value, problems, settings);
    } else if (is_section(path)) {
      // A section whose keys are all commented out holds nothing.
      if (value.kind == YamlNode::Kind::map) {
        read_section(value, path, problems, settings);
      } else if (value.kind != YamlNode::Kind::null) {
        problems.add(value, "'" + path + "' is a section of keys, not " + describe(value));
      }
    } else {
      problems.add(key, "unknown key '" + path + "'" + hint(section, key.text));
    }
  }
}

// Interfaces that the chosen hook cannot tell apart would be ignored in silence.
void check_interfaces(const YamlNode& top, Problems& problems) {
  for (const auto& [section, capture] : top.entries) {
    if (section.text != "capture" || capture.kind != YamlNode::Kind::map) continue;
    bool sockets = false;
    for (const auto& [key, value] : capture.entries)
      sockets = sockets || (key.text == "hook" && value.text == "cgroup");
    for (const auto& [key, value] : capture.entries)
      if (sockets && (key.text == "interfaces" || key.text == "exclude_interfaces") &&
          !value.items.empty())
        problems.add(value, "the hook cgroup takes every socket and knows no interfaces; choose "
                            "'hook: tc' or leave '" + key.text + "' out");
  }
}

void read_text(std::string_view yaml, std::string_view name, SettingsResult& result) {
  result.files.emplace_back(name);
  Result<YamlNode> tree = parse_yaml(yaml, name);
  if (!tree) {
    result.errors.push_back(tree.error());
    return;
  }
  std::vector<Error> errors;
  Problems problems{std::string(name), errors};
  if (tree->kind == YamlNode::Kind::map) {
    read_section(*tree, "", problems, result.settings);
    check_interfaces(*tree, problems);
  } else if (tree->kind != YamlNode::Kind::null) {
    problems.add(*tree, "a configuration is a mapping of keys, not " + describe(*tree));
  }
  std::stable_sort(errors.begin(), errors.end(), [](const Error& a, const Error& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  result.errors.insert(result.errors.end(), errors.begin(), errors.end());
}

Error file_error(const std::string& path, const std::string& message) {
  Error error;
  error.file = path;
  error.message = message;
  return error;
}

void read_file(const std::string& path, SettingsResult& result) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (!file) {
    result.errors.push_back(file_error(path, std::string("cannot be opened: ") + std::strerror(errno)));
    return;
  }
  std::string text;
  std::array<char, 16384> block;
  struct stat status {};
  const bool directory = fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode);
  errno = directory ? EISDIR : 0;
  while (!directory && text.size() <= max_file_bytes) {
    const size_t got = std::fread(block.data(), 1, block.size(), file);
    text.append(block.data(), got);
    if (got < block.size()) break;
  }
  const int failure = directory || std::ferror(file) ? errno : 0;
  std::fclose(file);
  if (failure != 0) {
    result.errors.push_back(file_error(path, std::string("cannot be read: ") + std::strerror(failure)));
  } else if (text.size() > max_file_bytes) {
    result.errors.push_back(file_error(path, "is larger than 1 MiB: no configuration"));
  } else {
    read_text(text, path, result);
  }
}

// The drop-ins beside a file, in byte order of their names.
std::vector<std::string> drop_ins(const std::string& path, SettingsResult& result) {
  const size_t slash = path.rfind('/');
  const std::string folder = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + "conf.d";
  std::vector<std::string> files;
  DIR* directory = opendir(folder.c_str());
  if (!directory) {
    if (errno != ENOENT)
      result.errors.push_back(file_error(folder, std::string("cannot be opened: ") + std::strerror(errno)));
    return files;
  }
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml")))
      files.push_back(folder + "/" + std::string(name));
  }
  closedir(directory);
  std::sort(files.begin(), files.end());
  return files;
}

// "" stands for this host's name: only here is it known which host that is.
void fill_in_host(Settings& settings) {
  if (!settings.sensor.id.empty()) return;
  std::array<char, 256> host{};
  const bool known = gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0';
  settings.sensor.id = std::string("sensor-") + (known ? host.data() : "unnamed");
}

// The defaults as they stand in keys.def, read like a file.
Settings table_defaults() {
  Settings settings;
  std::vector<Error> errors;
  Problems problems("keys.def", errors);
  for (const auto& key : setting_keys()) {
    if (key->default_text.empty()) continue;
    Result<YamlNode> node = parse_yaml(key->default_text, key->path);
    if (node) key->read(*node, problems, settings);
  }
  return settings;
}

}  // namespace

Settings default_settings() {
  Settings settings = table_defaults();
  fill_in_host(settings);
  return settings;
}

SettingsResult load_settings_text(std::string_view yaml, std::string_view name) {
  SettingsResult result;
  result.settings = table_defaults();
  read_text(yaml, name, result);
  fill_in_host(result.settings);
  return result;
}

SettingsResult load_settings(const std::string& path) {
  SettingsResult result;
  result.settings = table_defaults();
  read_file(path, result);
  for (const std::string& file : drop_ins(path, result)) read_file(file, result);
  fill_in_host(result.settings);
  return result;
}

SettingsChange changed_settings(const Settings& before, const Settings& after) {
  SettingsChange change;
  for (const auto& key : setting_keys())
    if (!key->same(before, after))
      (key->reloadable ? change.reloadable : change.needs_restart).push_back(key->path);
  return change;
}

}  // namespace handprint
