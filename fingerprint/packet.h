// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "fingerprint/address.h"
#include "fingerprint/cursor.h"
#include "fingerprint/link.h"
#include "fingerprint/reason.h"

namespace handprint {

inline constexpr uint8_t protocol_tcp = 6;
inline constexpr uint8_t protocol_udp = 17;

// TCP flags as they stand in the 16 bits from the data offset on (RFC 9293 section 3.1, RFC 9768
// for AE, formerly NS).
namespace tcp_flag {
inline constexpr uint16_t fin = 0x001;
inline constexpr uint16_t syn = 0x002;
inline constexpr uint16_t rst = 0x004;
inline constexpr uint16_t psh = 0x008;
inline constexpr uint16_t ack = 0x010;
inline constexpr uint16_t urg = 0x020;
inline constexpr uint16_t ece = 0x040;
inline constexpr uint16_t cwr = 0x080;
inline constexpr uint16_t ae = 0x100;
}  // namespace tcp_flag

enum class Tunnel : uint8_t { none, gre, erspan, vxlan, geneve, gtp, ip_in_ip };

// "gre", "erspan", "vxlan", "geneve", "gtp", "ipip"; "" for none.
std::string_view name(Tunnel tunnel);

// What the headers of one captured packet say. All numbers are in host byte order; views point into
// the frame that was decoded.
struct Packet {
  // link layer (of the inner frame when a tunnel carries Ethernet)
  Mac source_mac;
  Mac destination_mac;
  std::array<uint16_t, 2> vlan{};  // outermost first, 12-bit ids
  uint8_t vlan_count = 0;          // ids in `vlan`; deeper tags are skipped

  // tunnel: kind, outer addresses, and VNI or key of the outermost one
  Tunnel tunnel = Tunnel::none;
  uint32_t tunnel_id = 0;
  Address outer_source;
  Address outer_destination;

  // IP
  Address source;
  Address destination;
  uint8_t ip_version = 0;         // 4 or 6
  uint8_t ttl = 0;                // time to live or hop limit
  uint8_t tos = 0;                // DSCP and ECN, or traffic class
  uint16_t ip_id = 0;             // IPv4 only
  bool dont_fragment = false;     // IPv4 only
  bool reserved_flag = false;     // IPv4 only: the flag bit that must be zero
  bool more_fragments = false;    // first fragment of several: the payload is not all of it
  uint32_t flow_label = 0;        // IPv6 only
  uint8_t ip_options_length = 0;  // IPv4 only, bytes
  uint16_t ip_header_length = 0;  // bytes, with options or extension headers
  uint8_t protocol = 0;           // transport, after extension headers

  // transport
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint16_t flags = 0;   // tcp_flag::…, all 12 bits below the data offset
  uint16_t window = 0;  // as on the wire, not scaled
  uint16_t urgent = 0;
  Bytes tcp_options;
  uint16_t transport_header_length = 0;

  Bytes payload;                // what was captured of it
  uint32_t payload_length = 0;  // what the headers say was on the wire, >= payload.size()

  bool is_tcp() const { return protocol == protocol_tcp; }
  bool is_udp() const { return protocol == protocol_udp; }
  // The capture kept less of the payload than was sent.
  bool truncated() const { return payload.size() < payload_length; }
  bool has(uint16_t flag) const { return (flags & flag) != 0; }
  // A connection's first packet from the client (SYN, no ACK; ECE, CWR and data may be there) and
  // from the server.
  bool is_syn() const {
    return is_tcp() && (flags & (tcp_flag::syn | tcp_flag::ack | tcp_flag::rst | tcp_flag::fin)) ==
                           tcp_flag::syn;
  }
  bool is_syn_ack() const {
    return is_tcp() && (flags & (tcp_flag::syn | tcp_flag::ack | tcp_flag::rst | tcp_flag::fin)) ==
                           (tcp_flag::syn | tcp_flag::ack);
  }
};

// Decodes a captured frame down to TCP or UDP.
//
// `link` is the number from the capture file (LINKTYPE_… or the DLT_… of the same meaning),
// `frame` what was captured, `original_length` the length on the wire in bytes (0: as captured).
//
// Opened on the way: everything in link.h, and tunnels, at most three inside each other (a mirror
// port's ERSPAN often carries VXLAN): GRE (with transparent Ethernet, ERSPAN I to III, PPTP), VXLAN
// (UDP 4789; 8472 when its header is valid; its GPE form on 4790), Geneve (UDP 6081), GTP-U (UDP
// 2152), IP in IP. What does not open as a tunnel is reported as the packet it is. The payload is
// what the IP length says, so Ethernet padding is not part of it; an IP length of 0 (segmentation
// offload, BIG TCP) means the rest of the frame. Checksums are never looked at.
//
// Returns ok with the facts in `out`; or why not, and then `out` holds what was understood before:
// fragment (a later fragment has no ports), unsupported_transport (addresses and protocol are
// known), unsupported_network, unsupported_link_type, not_enough_header, malformed_….
// IPv4: RFC 791; IPv6: RFC 8200; TCP: RFC 9293; UDP: RFC 768; GRE: RFC 2784, 2890; VXLAN: RFC 7348;
// Geneve: RFC 8926; GTP-U: 3GPP TS 29.281; IP in IP: RFC 2003, 2473, 4213.
Reason decode_packet(uint32_t link, Bytes frame, uint32_t original_length, Packet& out);

}  // namespace handprint
