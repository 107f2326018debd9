// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "fingerprint/address.h"
#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"

namespace handprint {

// Link types of capture files (https://www.tcpdump.org/linktypes.html). Where a DLT number of a
// live capture differs from the file's number, both stand here.
namespace link_type {
inline constexpr uint32_t null = 0;  // BSD loopback, host byte order
inline constexpr uint32_t ethernet = 1;
inline constexpr uint32_t ppp = 9;
inline constexpr uint32_t raw_dlt = 12;      // DLT_RAW
inline constexpr uint32_t raw_openbsd = 14;  // DLT_RAW of OpenBSD
inline constexpr uint32_t ppp_hdlc = 50;
inline constexpr uint32_t ppp_ether = 51;  // PPPoE session
inline constexpr uint32_t raw = 101;
inline constexpr uint32_t loop = 108;  // OpenBSD loopback, network byte order
inline constexpr uint32_t linux_sll = 113;
inline constexpr uint32_t ipv4 = 228;
inline constexpr uint32_t ipv6 = 229;
inline constexpr uint32_t linux_sll2 = 276;
}  // namespace link_type

// What stands in front of the IP header.
struct LinkHeader {
  Mac source;
  Mac destination;
  std::array<uint16_t, 2> vlan{};
  uint8_t vlan_count = 0;
  Bytes network;  // from the IP header to the end of the frame (may hold padding)
};

// True for the link types that decode_link opens.
bool is_supported_link(uint32_t link);

// Opens Ethernet II and 802.3 with LLC/SNAP, 802.1Q, 802.1ad and 0x9100 tags (at most 8), Linux
// cooked v1 and v2, raw IP, BSD loopback in both byte orders, PPP with and without HDLC framing,
// PPPoE sessions and MPLS label stacks (at most 8 labels).
// Returns ok when `out.network` begins with an IPv4 or IPv6 header; unsupported_network for
// anything else that was understood (ARP, LLDP …); not_enough_header; unsupported_link_type;
// malformed_link.
Reason decode_link(uint32_t link, Bytes frame, LinkHeader& out);

// The same from an EtherType on: what a tag, a cooked header or a tunnel announces. `bytes` begin
// behind the type field. Tags found on the way are added to `out`.
Reason decode_ethertype(uint16_t ethertype, Bytes bytes, LinkHeader& out);

// The same for a PPP frame (RFC 1661), with or without address and control bytes.
Reason decode_ppp(Bytes bytes, LinkHeader& out);

}  // namespace handprint
