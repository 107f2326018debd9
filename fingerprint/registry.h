// SPDX-License-Identifier: Apache-2.0
// Code points and what they are called: IANA's registries, and a dated list of what is in use
// without being registered. The one table is registry.tsv; make_registry.py makes the code from it.
#pragma once

#include <cstdint>
#include <string_view>

namespace handprint {

// In the order of registry.tsv.
enum class Registry : uint8_t {
  tls_cipher,
  tls_extension,
  tls_group,
  tls_signature,
  tls_version,
  tls_psk_mode,
  tls_alert,
  tls_point_format,
  tls_certificate_compression,
  tls_certificate_status,
  tls_certificate_type,
  tls_heartbeat_mode,
  tls_max_fragment_length,
  srtp_profile,
  quic_parameter,
  quic_version,
  tcp_option,
  stun_class,
  stun_method,
  stun_attribute,
  dhcp_option,
  http2_setting,
  ssh_kex,
  ssh_host_key,
  ssh_cipher,
  ssh_mac,
  ssh_compression,
};

// A month; year 0: unknown. Ordered by time.
struct Month {
  uint16_t year = 0;
  uint8_t month = 0;  // 1 to 12
  friend constexpr auto operator<=>(const Month&, const Month&) = default;
};

// What a registry says of a code point. The texts live as long as the program.
struct RegistryEntry {
  std::string_view name;
  // Of the text in which the code point first stood: the earliest that anybody could implement it.
  Month since;
  // "RFC5246", a draft, or "private: …" where it is not registered.
  std::string_view source;

  bool is_private() const { return source.starts_with("private: "); }
};

// The entry of a number, or null. GREASE values have one (RFC 8701), also QUIC's (RFC 9000 section
// 18.1 and RFC 8999 section 6), which follow a rule.
const RegistryEntry* find_code(Registry registry, uint64_t code);

// The entry of an SSH algorithm by its name, in the registries ssh_*, or null. Families are known by
// their beginning: the key exchanges of GSS-API (RFC 4462, RFC 8732), behind which the hash of a
// mechanism stands, and curves that are named by an object identifier (RFC 5656).
const RegistryEntry* find_algorithm(Registry registry, std::string_view name);

// The months in which the first and the last of a hello's cipher suites and extensions were first
// described; year 0 where none of them has a date. pmercury calls them min_implementation_date and
// max_implementation_date.
struct Months {
  Month earliest, latest;
  void add(Month month);
};

// Of a string of the kinds tls, tls_server, quic, dtls and dtls_server, with or without its prefix;
// nothing of what is no such string. Allocates nothing.
Months implementation_months(std::string_view hello);

// The name of a number, or "".
std::string_view code_name(Registry registry, uint64_t code);

}  // namespace handprint
