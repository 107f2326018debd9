// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/packet.h"

namespace handprint {
namespace {

constexpr int max_tunnels = 3;
constexpr int max_extension_headers = 16;

namespace ip_protocol {
constexpr uint8_t hop_by_hop = 0;
constexpr uint8_t ipv4 = 4;
constexpr uint8_t ipv6 = 41;
constexpr uint8_t routing = 43;
constexpr uint8_t fragment = 44;
constexpr uint8_t gre = 47;
constexpr uint8_t authentication = 51;
constexpr uint8_t destination = 60;
constexpr uint8_t mobility = 135;
constexpr uint8_t host_identity = 139;
constexpr uint8_t shim6 = 140;
}  // namespace ip_protocol

constexpr uint16_t vxlan_port = 4789;
constexpr uint16_t vxlan_port_linux = 8472;
constexpr uint16_t vxlan_gpe_port = 4790;
constexpr uint16_t geneve_port = 6081;
constexpr uint16_t gtp_port = 2152;

// Bytes of a layer: those captured, and how many the capture left off behind them.
struct Layer {
  Bytes bytes;
  size_t left_off = 0;

  size_t length() const { return bytes.size() + left_off; }
  // The same, ending where a length field says. A field that promises more than was on the wire
  // makes the rest count as left off, so that nothing is taken for complete.
  void trim(size_t length) {
    if (length <= bytes.size()) {
      bytes = bytes.first(length);
      left_off = 0;
    } else {
      left_off = length - bytes.size();
    }
  }
  // The same without its first n bytes, which must be there.
  Layer behind(size_t n) const { return {bytes.subspan(n), left_off}; }
};

Reason decode_ip(Layer network, int depth, Packet& out);

// Takes the facts of the inner packet if the bytes are one; `out` stays the outer packet if not.
bool open_tunnel(Tunnel kind, uint32_t id, const LinkHeader& link, const Layer& carried, int depth,
                 Packet& out, Reason& reason) {
  Packet inner;
  Layer network{link.network, carried.left_off};
  Reason inner_reason = decode_ip(network, depth + 1, inner);
  if (inner.ip_version == 0) return false;
  inner.source_mac = link.source.present ? link.source : out.source_mac;
  inner.destination_mac = link.destination.present ? link.destination : out.destination_mac;
  inner.vlan = link.vlan_count != 0 ? link.vlan : out.vlan;
  inner.vlan_count = link.vlan_count != 0 ? link.vlan_count : out.vlan_count;
  inner.tunnel = kind;
  inner.tunnel_id = id;
  inner.outer_source = out.source;
  inner.outer_destination = out.destination;
  out = inner;
  reason = inner_reason;
  return true;
}

// RFC 2784 and 2890; version 1 is PPTP's (RFC 2637).
bool open_gre(const Layer& layer, int depth, Packet& out, Reason& reason) {
  Cursor in(layer.bytes);
  uint16_t flags = in.u16();
  uint16_t type = in.u16();
  uint32_t key = 0;
  LinkHeader link;
  Tunnel kind = Tunnel::gre;
  Reason opened = Reason::malformed_tunnel;
  if ((flags & 0x4000) != 0) return false;  // source routing went out of use with RFC 2784
  if ((flags & 7) == 1) {
    if (type != 0x880b || (flags & 0x2000) == 0) return false;
    in.skip(2);
    key = in.u16();
    if ((flags & 0x1000) != 0) in.skip(4);
    if ((flags & 0x0080) != 0) in.skip(4);
    if (in.failed()) return false;
    opened = decode_ppp(in.rest(), link);
  } else if ((flags & 7) == 0) {
    if ((flags & 0x8000) != 0) in.skip(4);
    if ((flags & 0x2000) != 0) key = in.u32();
    if ((flags & 0x1000) != 0) in.skip(4);
    switch (type) {
      case 0x6558:
        break;
      case 0x88be:  // ERSPAN I has no header of its own and no sequence number, II has both
        kind = Tunnel::erspan;
        if ((flags & 0x1000) == 0) break;
        in.skip(2);
        key = in.u16() & 0x03ff;
        in.skip(4);
        break;
      case 0x22eb: {  // ERSPAN III; the last bit announces a platform header
        kind = Tunnel::erspan;
        in.skip(2);
        key = in.u16() & 0x03ff;
        in.skip(7);
        if ((in.u8() & 1) != 0) in.skip(8);
        break;
      }
      default:
        if (in.failed()) return false;
        opened = decode_ethertype(type, in.rest(), link);
        return opened == Reason::ok && open_tunnel(kind, key, link, layer, depth, out, reason);
    }
    if (in.failed()) return false;
    opened = decode_link(link_type::ethernet, in.rest(), link);
  }
  return opened == Reason::ok && open_tunnel(kind, key, link, layer, depth, out, reason);
}

// RFC 7348. On Linux' old port the reserved bits must be zero too, since other things use it.
bool open_vxlan(const Layer& layer, bool strict, int depth, Packet& out, Reason& reason) {
  Cursor in(layer.bytes);
  uint32_t flags = in.u32();
  uint32_t id = in.u32();
  if (in.failed() || (flags & 0x08000000) == 0) return false;
  if (strict && (flags != 0x08000000 || (id & 0xff) != 0)) return false;
  LinkHeader link;
  return decode_link(link_type::ethernet, in.rest(), link) == Reason::ok &&
         open_tunnel(Tunnel::vxlan, id >> 8, link, layer, depth, out, reason);
}

// draft-ietf-nvo3-vxlan-gpe: a flag says that the last byte of the first word names the protocol.
bool open_vxlan_gpe(const Layer& layer, int depth, Packet& out, Reason& reason) {
  Cursor in(layer.bytes);
  uint32_t flags = in.u32();
  uint32_t id = in.u32();
  if (in.failed() || (flags & 0xf8ffff00) != 0x08000000) return false;
  const uint8_t protocol = (flags & 0x04000000) != 0 ? static_cast<uint8_t>(flags) : uint8_t{3};
  LinkHeader link;
  Reason opened = protocol == 3   ? decode_link(link_type::ethernet, in.rest(), link)
                  : protocol <= 2 ? decode_link(link_type::raw, in.rest(), link)
                                  : Reason::malformed_tunnel;
  return opened == Reason::ok &&
         open_tunnel(Tunnel::vxlan, id >> 8, link, layer, depth, out, reason);
}

// 3GPP TS 29.281 section 5: version 1, message G-PDU, tunnel id; three flags announce four more
// bytes, of which the last begins a chain of extension headers counted in words.
bool open_gtp(const Layer& layer, int depth, Packet& out, Reason& reason) {
  Cursor in(layer.bytes);
  uint8_t flags = in.u8();
  uint8_t type = in.u8();
  in.skip(2);
  uint32_t id = in.u32();
  if (in.failed() || (flags & 0xf0) != 0x30 || type != 0xff) return false;
  if ((flags & 7) != 0) {
    in.skip(3);
    uint8_t next = in.u8();
    for (int i = 0; next != 0 && i < 8; ++i) {
      uint8_t words = in.u8();
      if (words == 0 || in.failed()) return false;
      in.skip(size_t{4} * words - 2);
      next = in.u8();
    }
  }
  LinkHeader link;
  return !in.failed() && decode_link(link_type::raw, in.rest(), link) == Reason::ok &&
         open_tunnel(Tunnel::gtp, id, link, layer, depth, out, reason);
}

// RFC 8926: version, length of the options in words, flags, type, VNI.
bool open_geneve(const Layer& layer, int depth, Packet& out, Reason& reason) {
  Cursor in(layer.bytes);
  uint8_t version_length = in.u8();
  in.skip(1);
  uint16_t type = in.u16();
  uint32_t id = in.u32();
  in.skip(size_t{4} * (version_length & 0x3f));
  if (in.failed() || (version_length >> 6) != 0) return false;
  LinkHeader link;
  Reason opened = type == 0x6558 ? decode_link(link_type::ethernet, in.rest(), link)
                                 : decode_ethertype(type, in.rest(), link);
  return opened == Reason::ok &&
         open_tunnel(Tunnel::geneve, id >> 8, link, layer, depth, out, reason);
}

bool open_ip_in_ip(const Layer& layer, int depth, Packet& out, Reason& reason) {
  LinkHeader link;
  return decode_link(link_type::raw, layer.bytes, link) == Reason::ok &&
         open_tunnel(Tunnel::ip_in_ip, 0, link, layer, depth, out, reason);
}

Reason decode_tcp(const Layer& layer, Packet& out) {
  if (layer.bytes.size() < 20)
    return layer.length() < 20 ? Reason::malformed_tcp : Reason::not_enough_header;
  Cursor in(layer.bytes);
  out.source_port = in.u16();
  out.destination_port = in.u16();
  out.sequence = in.u32();
  out.acknowledgement = in.u32();
  uint16_t offset_flags = in.u16();
  out.flags = offset_flags & 0x0fff;
  out.window = in.u16();
  in.skip(2);
  out.urgent = in.u16();
  size_t header = static_cast<size_t>(offset_flags >> 12) * 4;
  if (header < 20 || header > layer.length()) return Reason::malformed_tcp;
  if (header > layer.bytes.size()) return Reason::not_enough_header;
  out.transport_header_length = static_cast<uint16_t>(header);
  out.tcp_options = layer.bytes.subspan(20, header - 20);
  out.payload = layer.bytes.subspan(header);
  out.payload_length = static_cast<uint32_t>(layer.length() - header);
  return Reason::ok;
}

Reason decode_udp(Layer layer, int depth, Packet& out) {
  if (layer.bytes.size() < 8)
    return layer.length() < 8 ? Reason::malformed_udp : Reason::not_enough_header;
  Cursor in(layer.bytes);
  out.source_port = in.u16();
  out.destination_port = in.u16();
  size_t length = in.u16();
  if (length != 0 && length < 8) return Reason::malformed_udp;
  if (length != 0 && length < layer.length()) layer.trim(length);  // 0: a jumbogram (RFC 2675)
  out.transport_header_length = 8;
  Layer payload = layer.behind(8);
  out.payload = payload.bytes;
  out.payload_length = static_cast<uint32_t>(payload.length());

  Reason reason = Reason::ok;
  if (depth < max_tunnels) {
    bool opened = false;
    switch (out.destination_port) {
      case vxlan_port:
        opened = open_vxlan(payload, false, depth, out, reason);
        break;
      case vxlan_port_linux:
        opened = open_vxlan(payload, true, depth, out, reason);
        break;
      case vxlan_gpe_port:
        opened = open_vxlan_gpe(payload, depth, out, reason);
        break;
      case geneve_port:
        opened = open_geneve(payload, depth, out, reason);
        break;
      case gtp_port:
        opened = open_gtp(payload, depth, out, reason);
        break;
      default:
        break;
    }
    if (opened) return reason;
  }
  return Reason::ok;
}

Reason decode_transport(const Layer& layer, int depth, Packet& out) {
  Reason reason = Reason::unsupported_transport;
  switch (out.protocol) {
    case protocol_tcp:
      return decode_tcp(layer, out);
    case protocol_udp:
      return decode_udp(layer, depth, out);
    case ip_protocol::gre:
      if (depth < max_tunnels) open_gre(layer, depth, out, reason);
      return reason;
    case ip_protocol::ipv4:
    case ip_protocol::ipv6:
      if (depth < max_tunnels) open_ip_in_ip(layer, depth, out, reason);
      return reason;
    default:
      return Reason::unsupported_transport;
  }
}

Reason decode_ipv4(Layer network, int depth, Packet& out) {
  if (network.bytes.size() < 20) return Reason::not_enough_header;
  Cursor in(network.bytes);
  size_t header = static_cast<size_t>(in.u8() & 15) * 4;
  uint8_t tos = in.u8();
  size_t total = in.u16();
  if (header < 20 || (total != 0 && total < header)) return Reason::malformed_ip;
  out.ip_version = 4;
  out.tos = tos;
  out.ip_id = in.u16();
  uint16_t fragment = in.u16();
  out.ttl = in.u8();
  out.protocol = in.u8();
  in.skip(2);
  out.source = Address::from(in.take(4));
  out.destination = Address::from(in.take(4));
  out.reserved_flag = (fragment & 0x8000) != 0;
  out.dont_fragment = (fragment & 0x4000) != 0;
  out.more_fragments = (fragment & 0x2000) != 0;
  out.ip_options_length = static_cast<uint8_t>(header - 20);
  out.ip_header_length = static_cast<uint16_t>(header);
  if (total != 0) network.trim(total);
  if ((fragment & 0x1fff) != 0) return Reason::fragment;
  if (header > network.bytes.size()) return Reason::not_enough_header;
  return decode_transport(network.behind(header), depth, out);
}

Reason decode_ipv6(Layer network, int depth, Packet& out) {
  if (network.bytes.size() < 40) return Reason::not_enough_header;
  Cursor in(network.bytes);
  uint32_t first = in.u32();
  size_t length = in.u16();
  uint8_t next = in.u8();
  out.ip_version = 6;
  out.tos = static_cast<uint8_t>(first >> 20);
  out.flow_label = first & 0xfffff;
  out.ttl = in.u8();
  out.source = Address::from(in.take(16));
  out.destination = Address::from(in.take(16));
  if (length != 0) network.trim(40 + length);

  size_t header = 40;
  for (int i = 0; i < max_extension_headers; ++i) {
    Bytes rest = network.bytes.subspan(header);
    size_t size = 8;
    switch (next) {
      case ip_protocol::hop_by_hop:
      case ip_protocol::routing:
      case ip_protocol::destination:
      case ip_protocol::mobility:
      case ip_protocol::host_identity:
      case ip_protocol::shim6:
        if (rest.size() >= 2) size = (size_t{rest[1]} + 1) * 8;
        break;
      case ip_protocol::authentication:
        if (rest.size() >= 2) size = (size_t{rest[1]} + 2) * 4;
        break;
      case ip_protocol::fragment:
        break;
      default:
        out.protocol = next;
        out.ip_header_length = static_cast<uint16_t>(header);
        return decode_transport(network.behind(header), depth, out);
    }
    if (size > rest.size()) {
      out.protocol = next;
      return size > rest.size() + network.left_off ? Reason::malformed_ip
                                                   : Reason::not_enough_header;
    }
    if (next == ip_protocol::fragment) {
      uint16_t offset_flags = load_u16(&rest[2]);
      out.more_fragments = (offset_flags & 1) != 0;
      if ((offset_flags & 0xfff8) != 0) {
        out.protocol = rest[0];
        return Reason::fragment;
      }
    }
    next = rest[0];
    header += size;
  }
  return Reason::malformed_ip;
}

Reason decode_ip(Layer network, int depth, Packet& out) {
  if (network.bytes.empty()) return Reason::not_enough_header;
  switch (network.bytes[0] >> 4) {
    case 4:
      return decode_ipv4(network, depth, out);
    case 6:
      return decode_ipv6(network, depth, out);
    default:
      return Reason::unsupported_network;
  }
}

}  // namespace

std::string_view name(Tunnel tunnel) {
  switch (tunnel) {
    case Tunnel::none:
      return "";
    case Tunnel::gre:
      return "gre";
    case Tunnel::erspan:
      return "erspan";
    case Tunnel::vxlan:
      return "vxlan";
    case Tunnel::geneve:
      return "geneve";
    case Tunnel::gtp:
      return "gtp";
    case Tunnel::ip_in_ip:
      return "ipip";
  }
  return "";
}

Reason decode_packet(uint32_t link, Bytes frame, uint32_t original_length, Packet& out) {
  out = Packet{};
  LinkHeader header;
  Reason reason = decode_link(link, frame, header);
  out.source_mac = header.source;
  out.destination_mac = header.destination;
  out.vlan = header.vlan;
  out.vlan_count = header.vlan_count;
  if (reason != Reason::ok) return reason;
  size_t left_off = original_length > frame.size() ? original_length - frame.size() : 0;
  return decode_ip({header.network, left_off}, 0, out);
}

}  // namespace handprint
