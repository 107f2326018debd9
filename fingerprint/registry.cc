// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/registry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "fingerprint/quic_packet.h"

namespace handprint {
namespace {

struct Code {
  Registry registry;
  uint64_t code;
  RegistryEntry entry;
};
struct Algorithm {
  Registry registry;
  RegistryEntry entry;
};

constexpr auto codes = std::to_array<Code>({
#define HP_CODE(registry, code, name, year, month, source) \
  {Registry::registry, code, {name, {year, month}, source}},
#define HP_ALGORITHM(registry, name, year, month, source)
#include "fingerprint/registry_generated.def"
#undef HP_CODE
#undef HP_ALGORITHM
});

constexpr auto algorithms = std::to_array<Algorithm>({
#define HP_CODE(registry, code, name, year, month, source)
#define HP_ALGORITHM(registry, name, year, month, source) \
  {Registry::registry, {name, {year, month}, source}},
#include "fingerprint/registry_generated.def"
#undef HP_CODE
#undef HP_ALGORITHM
});

constexpr auto key_of(const Code& row) { return std::pair(row.registry, row.code); }
constexpr auto key_of(const Algorithm& row) { return std::pair(row.registry, row.entry.name); }

constexpr bool ascending(const auto& table) {
  return std::adjacent_find(table.begin(), table.end(), [](const auto& a, const auto& b) {
           return !(key_of(a) < key_of(b));
         }) == table.end();
}
static_assert(ascending(codes) && ascending(algorithms), "the tables are searched by halves");

constexpr RegistryEntry quic_grease{"GREASE", {2021, 5}, "RFC9000"};
constexpr RegistryEntry gss_kex{"gss-*", {2006, 5}, "RFC4462"};
constexpr RegistryEntry ecdh_kex{"ecdh-sha2-*", {2009, 12}, "RFC5656"};
constexpr RegistryEntry ecdsa_key{"ecdsa-sha2-*", {2009, 12}, "RFC5656"};

}  // namespace

const RegistryEntry* find_code(Registry registry, uint64_t code) {
  const std::pair wanted(registry, code);
  const auto* at =
      std::lower_bound(codes.begin(), codes.end(), wanted,
                       [](const Code& row, const auto& key) { return key_of(row) < key; });
  if (at != codes.end() && key_of(*at) == wanted) return &at->entry;
  if (registry == Registry::quic_parameter && quic_parameter_is_reserved(code)) return &quic_grease;
  if (registry == Registry::quic_version && (code & 0x0f0f0f0f) == 0x0a0a0a0a) return &quic_grease;
  return nullptr;
}

const RegistryEntry* find_algorithm(Registry registry, std::string_view name) {
  const std::pair wanted(registry, name);
  const auto* at =
      std::lower_bound(algorithms.begin(), algorithms.end(), wanted,
                       [](const Algorithm& row, const auto& key) { return key_of(row) < key; });
  if (at != algorithms.end() && key_of(*at) == wanted) return &at->entry;
  if (registry == Registry::ssh_kex && name.starts_with("gss-")) return &gss_kex;
  if (registry == Registry::ssh_kex && name.starts_with("ecdh-sha2-1.")) return &ecdh_kex;
  if (registry == Registry::ssh_host_key && name.starts_with("ecdsa-sha2-1.")) return &ecdsa_key;
  return nullptr;
}

void Months::add(Month month) {
  if (month.year == 0) return;
  if (earliest.year == 0 || month < earliest) earliest = month;
  if (latest < month) latest = month;
}

namespace {

// Four hexadecimal digits; anything else is a code that no registry has.
uint64_t code_at(std::string_view digits) {
  uint64_t code = ~uint64_t{0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  return error == std::errc() && digits.size() == 4 && end == digits.data() + 4 ? code
                                                                                : ~uint64_t{0};
}

void add_month(Months& months, Registry registry, std::string_view digits) {
  const RegistryEntry* entry = find_code(registry, code_at(digits));
  if (entry != nullptr) months.add(entry->since);
}

}  // namespace

Months implementation_months(std::string_view hello) {
  Months out;
  // The parts up to the suites are leaves: "(", digits, ")".
  size_t at = hello.find('(');
  const auto leaf = [&]() -> std::string_view {
    if (at >= hello.size() || hello[at] != '(') return {};
    const size_t end = hello.find(')', at);
    if (end == std::string_view::npos) return {};
    const std::string_view digits = hello.substr(at + 1, end - at - 1);
    at = end + 1;
    return digits;
  };
  const std::string_view first = leaf();
  // QUIC's version stands in front.
  if (first.size() == 8) leaf();
  if (first.size() != 8 && first.size() != 4) return out;
  const std::string_view suites = leaf();
  for (size_t i = 0; i + 4 <= suites.size(); i += 4)
    add_month(out, Registry::tls_cipher, suites.substr(i, 4));
  size_t depth = 0;
  for (; at < hello.size(); ++at) {
    const char c = hello[at];
    if (c == ')' || c == ']') {
      if (depth != 0) --depth;
    } else if (c == '(' || c == '[') {
      // "(0000)", or "((0039)[…])" where an extension is a list.
      if (++depth == 2) {
        const size_t type = at + (at + 1 < hello.size() && hello[at + 1] == '(' ? 2 : 1);
        add_month(out, Registry::tls_extension, hello.substr(std::min(type, hello.size()), 4));
      }
    }
  }
  return out;
}

std::string_view code_name(Registry registry, uint64_t code) {
  const RegistryEntry* entry = find_code(registry, code);
  return entry != nullptr ? entry->name : std::string_view();
}

}  // namespace handprint
