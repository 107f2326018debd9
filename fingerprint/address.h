// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "fingerprint/cursor.h"
#include "fingerprint/text.h"

namespace handprint {

// An IPv4 or IPv6 address. IPv4 stands in the first four bytes, the other twelve are zero, and
// the family is kept beside them: 1.2.3.4 and ::ffff:1.2.3.4 are different addresses. A default
// address has no family ("absent").
struct Address {
  std::array<uint8_t, 16> bytes{};
  uint8_t version = 0;  // 4, 6, or 0 when there is none

  // From wire bytes: 4 or 16 of them; anything else gives an absent address.
  static constexpr Address from(Bytes wire) {
    Address out;
    if (wire.size() != 4 && wire.size() != 16) return out;
    out.version = wire.size() == 4 ? 4 : 6;
    if (std::is_constant_evaluated()) {
      for (size_t i = 0; i < wire.size(); ++i) out.bytes[i] = wire[i];
    } else if (out.version == 4) {
      std::memcpy(out.bytes.data(), wire.data(), 4);
    } else {
      std::memcpy(out.bytes.data(), wire.data(), 16);
    }
    return out;
  }

  // From 16 bytes in which an IPv4 address stands as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
  static Address from_mapped(const uint8_t* wire) {
    static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const bool v4 = std::memcmp(wire, mapped, sizeof mapped) == 0;
    return v4 ? from(Bytes(wire + 12, 4)) : from(Bytes(wire, 16));
  }

  constexpr bool present() const { return version != 0; }
  constexpr bool v4() const { return version == 4; }
  constexpr bool v6() const { return version == 6; }
  // The 4 or 16 wire bytes; empty when absent.
  constexpr Bytes wire() const {
    return {bytes.data(), v4() ? size_t{4} : v6() ? size_t{16} : size_t{0}};
  }

  friend constexpr bool operator==(const Address&, const Address&) = default;
  // IPv4 before IPv6, each in numerical order.
  friend constexpr std::strong_ordering operator<=>(const Address& a, const Address& b) {
    if (a.version != b.version) return a.version <=> b.version;
    return a.bytes <=> b.bytes;
  }

  bool is_loopback() const;     // 127.0.0.0/8, ::1
  bool is_unspecified() const;  // 0.0.0.0, ::
  bool is_multicast() const;    // 224.0.0.0/4, ff00::/8
  bool is_link_local() const;   // 169.254.0.0/16, fe80::/10
  // Not meant for the public Internet: loopback, link-local, RFC 1918, RFC 4193, RFC 6598.
  bool is_private() const;
};

// Dotted quad, or the canonical text of RFC 5952 (lower case, longest run of zero groups as "::",
// IPv4-mapped addresses with a dotted tail). Writes nothing for an absent address.
void write(const Address& address, Text& out);

// The opposite, for configuration and databases: accepts every form of RFC 4291 section 2.2 and
// strict dotted quads (four decimal parts, no leading zeros). An absent address for anything else.
Address parse_address(std::string_view text);

// An Ethernet address; absent where the link layer has none. Aligned so that it is made and copied
// as one word: pieces of it written apart and read at once stall the CPU.
struct alignas(8) Mac {
  std::array<uint8_t, 6> bytes{};
  bool present = false;

  friend constexpr bool operator==(const Mac&, const Mac&) = default;
};

// "00-1B-21-3C-9D-F8": the form that ECS asks for (RFC 7042 section 2.1). Nothing when absent.
void write(const Mac& mac, Text& out);

}  // namespace handprint
