// SPDX-License-Identifier: Apache-2.0
// The rows of keys.def as objects: what the loader, the writers and the documentation walk over.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/config/settings.h"
#include "agent/config/value.h"

namespace handprint {

class SettingKey {
 public:
  std::string_view path;
  std::string_view default_text;  // YAML; "" where the text says what holds
  std::string_view text;
  bool reloadable = false;
  bool secret = false;

  virtual ~SettingKey() = default;
  // Reads a node into the key's member. What is wrong goes to `problems`, and the member stays.
  virtual void read(const YamlNode& node, Problems& problems, Settings& settings) const = 0;
  // The member as YAML; the caller masks secrets.
  virtual std::string show(const Settings& settings) const = 0;
  virtual bool same(const Settings& a, const Settings& b) const = 0;
  virtual std::string describe() const = 0;
  virtual std::string schema() const = 0;
};

struct SettingSection {
  std::string_view path;
  std::string_view text;
};

// In the order of keys.def.
std::span<const std::unique_ptr<const SettingKey>> setting_keys();
std::span<const SettingSection> setting_sections();

// The key's value as it may be shown to people: "***" for a secret that is set.
std::string shown_value(const SettingKey& key, const Settings& settings);

}  // namespace handprint
