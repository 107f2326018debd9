// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/mercury_datagram.h"

#include <algorithm>
#include <array>

namespace handprint {
namespace {

constexpr size_t stun_header = 20;
constexpr uint32_t stun_cookie = 0x2112a442;
constexpr uint16_t stun_binding = 1, stun_methods = 0x3eef, stun_classes = 0x0110;

constexpr uint32_t dhcp_cookie = 0x63825363;
constexpr size_t dhcp_fixed = 236;  // the fields of BOOTP in front of the cookie
constexpr uint8_t option_pad = 0, option_message = 53, option_wanted = 55, option_end = 255;
constexpr uint8_t message_request = 3;

// Attributes by their numbers: USERNAME, MESSAGE-INTEGRITY, XOR-MAPPED-ADDRESS, 8007, MS-VERSION, SOFTWARE,
// FINGERPRINT, c003, GOOG-NETWORK-INFO, daba by type; MS-APP-ID and MS-IMPLEMENTATION-VERSION whole.
constexpr uint16_t by_type[] = {0x0006, 0x0008, 0x0020, 0x8007, 0x8008, 0x8022, 0x8028, 0xc003, 0xc057, 0xdaba};
constexpr uint16_t whole[] = {0x8037, 0x8070};

bool has(std::span<const uint16_t> list, uint16_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool is_stun_request(Bytes datagram) {
  Cursor in(datagram);
  const uint16_t type = in.u16(), length = in.u16();
  const uint32_t cookie = in.u32();
  if (datagram.size() < stun_header || length % 4 != 0 || datagram.size() - stun_header != length) return false;
  if ((type & stun_classes) != 0 || (type & ~(stun_methods | stun_classes)) != 0) return false;
  // Without the cookie little tells it: only the message that everybody sends.
  return cookie == stun_cookie || type == stun_binding;
}

bool is_dhcp_request(Bytes datagram) {
  Cursor in(datagram);
  const bool request = in.u8() == 1;
  in.skip(dhcp_fixed - 1);
  return in.u32() == dhcp_cookie && request && !in.failed();
}

Reason write_mercury_stun(Bytes datagram, Text& out) {
  if (!is_stun_request(datagram)) return Reason::not_this_protocol;
  const size_t before = out.size();
  Cursor in(datagram);
  const uint16_t type = in.u16();
  in.skip(2);
  const bool cookie = in.u32() == stun_cookie;
  in.skip(stun_header - 8);
  // The bits of the class lie between those of the method (RFC 8489 section 5).
  const auto method = static_cast<uint16_t>((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
  out.put("(00)(");
  out.hex16(method);
  out.put(cookie ? ")(01)(" : ")(00)(");
  while (in.left() >= 4) {
    const Bytes from = in.rest();
    const uint16_t attribute = in.u16(), length = in.u16();
    in.skip((size_t{length} + 3) / 4 * 4);
    if (in.failed()) break;
    const bool all = has(whole, attribute);
    if (!all && !has(by_type, attribute)) continue;
    out.put('(');
    out.hex(from.first(all ? 4 + size_t{length} : 2));
    out.put(')');
  }
  out.put(')');
  if (!out.truncated()) return Reason::ok;
  out.rewind(before);
  return Reason::too_long;
}

Reason write_mercury_dhcp(Bytes datagram, Text& out) {
  if (!is_dhcp_request(datagram)) return Reason::not_this_protocol;
  const size_t before = out.size();
  bool request = false;
  out.put('(');
  for (Cursor in(datagram.subspan(dhcp_fixed + 4)); !in.empty();) {
    const Bytes from = in.rest();
    const uint8_t code = in.u8();
    if (code == option_pad) continue;
    size_t size = 1;
    if (code != option_end) {
      const Bytes value = in.take(in.u8());
      if (in.failed()) break;
      if (code == option_message) request = value.size() == 1 && value[0] == message_request;
      if (code == option_message || code == option_wanted) size = 2 + value.size();
    }
    out.put('(');
    out.hex(from.first(size));
    out.put(')');
    if (code == option_end) break;
  }
  out.put(')');
  if (request && !out.truncated()) return Reason::ok;
  const bool room = !out.truncated();
  out.rewind(before);
  return room ? Reason::no_fingerprint : Reason::too_long;
}

}  // namespace handprint
