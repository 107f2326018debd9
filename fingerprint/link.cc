// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/link.h"

#include <bit>
#include <cstring>

namespace handprint {
namespace {

constexpr int max_tags = 8;
constexpr int max_labels = 8;

namespace ethertype {
constexpr uint16_t ipv4 = 0x0800;
constexpr uint16_t ipv6 = 0x86dd;
constexpr uint16_t vlan = 0x8100;
constexpr uint16_t vlan_service = 0x88a8;
constexpr uint16_t vlan_old = 0x9100;
constexpr uint16_t mpls = 0x8847;
constexpr uint16_t mpls_multicast = 0x8848;
constexpr uint16_t pppoe_session = 0x8864;
constexpr uint16_t cisco_metadata = 0x8909;  // a security group tag in front of the real type
constexpr uint16_t largest_length = 1500;    // up to here the field is an 802.3 length
}  // namespace ethertype

// From six bytes.
Mac mac_from(Bytes bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), 6);
  word |= std::endian::native == std::endian::little ? uint64_t{1} << 48 : uint64_t{1} << 8;
  return std::bit_cast<Mac>(word);
}

// An IP header must follow: by its version, where nothing else says which.
Reason raw_ip(Bytes bytes, LinkHeader& out) {
  if (bytes.empty()) return Reason::not_enough_header;
  uint8_t version = bytes[0] >> 4;
  if (version != 4 && version != 6) return Reason::unsupported_network;
  out.network = bytes;
  return Reason::ok;
}

// RFC 3032: labels until the one with the bottom-of-stack bit.
Reason mpls(Cursor in, LinkHeader& out) {
  for (int i = 0; i < max_labels; ++i) {
    uint32_t label = in.u32();
    if (in.failed()) return Reason::not_enough_header;
    if ((label & 0x100) != 0) return raw_ip(in.rest(), out);
  }
  return Reason::malformed_link;
}

// RFC 2516: version and type 1, code 0 for a session, session id, length.
Reason pppoe(Cursor in, LinkHeader& out) {
  uint8_t version_type = in.u8();
  uint8_t code = in.u8();
  in.skip(4);
  if (in.failed()) return Reason::not_enough_header;
  if (version_type != 0x11) return Reason::malformed_link;
  if (code != 0) return Reason::unsupported_network;
  return decode_ppp(in.rest(), out);
}

// 802.2 LLC; only SNAP carries an EtherType (RFC 1042).
Reason llc(Cursor in, LinkHeader& out) {
  uint16_t sap = in.u16();
  uint8_t control = in.u8();
  if (in.failed()) return Reason::not_enough_header;
  if (sap != 0xaaaa || control != 3) return Reason::unsupported_network;
  in.skip(3);
  uint16_t type = in.u16();
  if (in.failed()) return Reason::not_enough_header;
  if (type <= ethertype::largest_length) return Reason::unsupported_network;
  return decode_ethertype(type, in.rest(), out);
}

Reason ethernet(Bytes frame, LinkHeader& out) {
  Cursor in(frame);
  Bytes destination = in.take(6);
  Bytes source = in.take(6);
  uint16_t type = in.u16();
  if (in.failed()) return Reason::not_enough_header;
  out.destination = mac_from(destination);
  out.source = mac_from(source);
  return decode_ethertype(type, in.rest(), out);
}

// Cooked captures: the sender's address only, and only if it is an Ethernet address.
Reason linux_sll(Bytes frame, LinkHeader& out) {
  Cursor in(frame);
  in.skip(4);
  uint16_t address_length = in.u16();
  Bytes address = in.take(8);
  uint16_t type = in.u16();
  if (in.failed()) return Reason::not_enough_header;
  if (address_length == 6) out.source = mac_from(address.first(6));
  return decode_ethertype(type, in.rest(), out);
}

Reason linux_sll2(Bytes frame, LinkHeader& out) {
  Cursor in(frame);
  uint16_t type = in.u16();
  in.skip(9);
  uint8_t address_length = in.u8();
  Bytes address = in.take(8);
  if (in.failed()) return Reason::not_enough_header;
  if (address_length == 6) out.source = mac_from(address.first(6));
  return decode_ethertype(type, in.rest(), out);
}

// Four bytes of address family, in the byte order of the machine that captured; its number for
// IPv6 differs by system: 10 Linux, 23 Windows, 24 OpenBSD and NetBSD, 28 FreeBSD, 30 macOS.
Reason bsd_loopback(Bytes frame, LinkHeader& out) {
  Cursor in(frame);
  uint32_t family = in.u32();
  if (in.failed()) return Reason::not_enough_header;
  if (family > 0xffff) family = family >> 24 | (family >> 8 & 0xff00);
  switch (family) {
    case 2:
    case 10:
    case 23:
    case 24:
    case 28:
    case 30:
      return raw_ip(in.rest(), out);
    default:
      return Reason::unsupported_network;
  }
}

// PPP in HDLC framing, or Cisco's HDLC, which has an EtherType.
Reason ppp_hdlc(Bytes frame, LinkHeader& out) {
  if (frame.size() >= 4 && (frame[0] == 0x0f || frame[0] == 0x8f))
    return decode_ethertype(load_u16(&frame[2]), frame.subspan(4), out);
  return decode_ppp(frame, out);
}

}  // namespace

Reason decode_ppp(Bytes bytes, LinkHeader& out) {
  Cursor in(bytes);
  if (bytes.size() >= 2 && bytes[0] == 0xff && bytes[1] == 0x03) in.skip(2);
  uint16_t protocol = in.u8();
  if ((protocol & 1) == 0) protocol = static_cast<uint16_t>(protocol << 8 | in.u8());
  if (in.failed()) return Reason::not_enough_header;
  switch (protocol) {
    case 0x0021:
    case 0x0057:
      return raw_ip(in.rest(), out);
    case 0x0281:
    case 0x0283:
      return mpls(in, out);
    default:
      return Reason::unsupported_network;
  }
}

Reason decode_ethertype(uint16_t type, Bytes bytes, LinkHeader& out) {
  Cursor in(bytes);
  for (int tags = 0; tags < max_tags; ++tags) {
    switch (type) {
      case ethertype::ipv4:
      case ethertype::ipv6:
        return raw_ip(in.rest(), out);
      case ethertype::vlan:
      case ethertype::vlan_service:
      case ethertype::vlan_old: {
        uint16_t id = in.u16() & 0x0fff;
        type = in.u16();
        if (in.failed()) return Reason::not_enough_header;
        if (out.vlan_count < out.vlan.size()) out.vlan[out.vlan_count++] = id;
        continue;
      }
      case ethertype::cisco_metadata: {
        in.skip(1);
        in.skip(size_t{4} * in.u8());
        type = in.u16();
        if (in.failed()) return Reason::not_enough_header;
        continue;
      }
      case ethertype::mpls:
      case ethertype::mpls_multicast:
        return mpls(in, out);
      case ethertype::pppoe_session:
        return pppoe(in, out);
      default:
        if (type <= ethertype::largest_length && out.source.present) return llc(in, out);
        return Reason::unsupported_network;
    }
  }
  return Reason::malformed_link;
}

bool is_supported_link(uint32_t link) {
  LinkHeader header;
  return decode_link(link, {}, header) != Reason::unsupported_link_type;
}

Reason decode_link(uint32_t link, Bytes frame, LinkHeader& out) {
  out = LinkHeader{};
  switch (link) {
    case link_type::ethernet:
      return ethernet(frame, out);
    case link_type::raw:
    case link_type::raw_dlt:
    case link_type::raw_openbsd:
    case link_type::ipv4:
    case link_type::ipv6:
      return raw_ip(frame, out);
    case link_type::linux_sll:
      return linux_sll(frame, out);
    case link_type::linux_sll2:
      return linux_sll2(frame, out);
    case link_type::null:
    case link_type::loop:
      return bsd_loopback(frame, out);
    case link_type::ppp:
      return decode_ppp(frame, out);
    case link_type::ppp_hdlc:
      return ppp_hdlc(frame, out);
    case link_type::ppp_ether:
      return pppoe(Cursor(frame), out);
    default:
      return Reason::unsupported_link_type;
  }
}

}  // namespace handprint
