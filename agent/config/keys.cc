// SPDX-License-Identifier: Apache-2.0
#include "agent/config/keys.h"

#include <utility>
#include <vector>

namespace handprint {
namespace {

enum class Reload : uint8_t { live, restart };
enum class Secrecy : uint8_t { open, secret };

// A row: its value's type, and how its member is reached.
template <class Value, class Member>
class KeyOf final : public SettingKey {
 public:
  KeyOf(std::string_view key_path, Value value, Member member, std::string_view fallback, Reload reload,
        Secrecy secrecy, std::string_view about)
      : value_(std::move(value)), member_(member) {
    path = key_path;
    default_text = fallback;
    text = about;
    reloadable = reload == Reload::live;
    secret = secrecy == Secrecy::secret;
  }
  void read(const YamlNode& node, Problems& problems, Settings& settings) const override {
    value_.read(node, problems, member_(settings));
  }
  std::string show(const Settings& settings) const override { return value_.show(member_(settings)); }
  bool same(const Settings& a, const Settings& b) const override { return member_(a) == member_(b); }
  std::string describe() const override { return value_.describe(); }
  std::string schema() const override { return value_.schema(); }

 private:
  Value value_;
  Member member_;
};

struct Table {
  std::vector<std::unique_ptr<const SettingKey>> keys;
  std::vector<SettingSection> sections;

  template <class Value, class Member>
  void add(std::string_view path, Value value, Member member, std::string_view fallback, Reload reload,
           Secrecy secrecy, std::string_view text) {
    keys.push_back(std::make_unique<KeyOf<Value, Member>>(path, std::move(value), member, fallback, reload,
                                                          secrecy, text));
  }
  Table() {
#define HP_SECTION(path, text) sections.push_back({path, text});
#define HP_KEY(path, member, type, fallback, reload, secrecy, text)                            \
  add(path, type, [](auto& settings) -> auto& { return settings.member; }, fallback,           \
      Reload::reload, Secrecy::secrecy, text);
#include "agent/config/keys.def"
#undef HP_SECTION
#undef HP_KEY
  }
};

const Table& table() {
  static const Table rows;
  return rows;
}

}  // namespace

std::span<const std::unique_ptr<const SettingKey>> setting_keys() { return table().keys; }
std::span<const SettingSection> setting_sections() { return table().sections; }

std::string shown_value(const SettingKey& key, const Settings& settings) {
  std::string value = key.show(settings);
  return key.secret && !value.empty() ? "\"***\"" : value;
}

}  // namespace handprint
