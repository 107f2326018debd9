// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/interfaces.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <net/if.h>
#include <net/if_arp.h>
// After the C library's own names of interface flags.
#include <linux/if_link.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

namespace handprint {
namespace {

std::string attribute_text(const uint8_t* data, std::size_t length) {
  const auto* text = reinterpret_cast<const char*>(data);
  return {text, strnlen(text, length)};
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_tunnel(const Interface& interface) {
  return is_one_of(
      interface.kind,
      {"tun",     "wireguard", "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan",
       "ipip",    "ip6tnl",    "sit", "vti",    "vti6",   "xfrm",      "vxlan",  "geneve",
       "bareudp", "gtp",       "ppp", "ovpn",   "amt",    "l2tp"});
}

// Its packets are seen again elsewhere, or it carries this host's traffic to itself.
bool never_uplink(const Interface& interface) {
  return interface.loopback ||
         is_one_of(interface.kind, {"veth", "netkit", "vlan", "macvlan", "macvtap", "ipvlan",
                                    "ipvtap", "dummy", "ifb", "nlmon", "vrf"}) ||
         (!interface.member_kind.empty() && interface.member_kind != "vrf");
}

bool is_uplink(const Interface& interface) {
  if (never_uplink(interface)) return false;
  return interface.kind.empty() || is_one_of(interface.kind, {"bond", "team"}) ||
         interface.default_route;
}

bool is_of_kind(const Interface& interface, std::string_view kind) {
  if (kind == "all") return true;
  if (kind == "uplink") return is_uplink(interface);
  if (kind == "loopback") return interface.loopback;
  if (kind == "tunnel") return is_tunnel(interface);
  if (kind == "veth") return is_one_of(interface.kind, {"veth", "netkit"});
  return interface.kind == kind;
}

// The link by which a packet to `destination` would leave, 0 if none. Asking for one route instead
// of reading the table keeps this cheap on routers with a million routes.
uint32_t route_to(NetlinkSocket& socket, int family, const char* destination) {
  std::array<uint8_t, 16> address{};
  if (inet_pton(family, destination, address.data()) != 1) return 0;
  const std::size_t length = family == AF_INET ? 4 : 16;
  NetlinkMessage request(RTM_GETROUTE, 0);
  rtmsg body{};
  body.rtm_family = static_cast<unsigned char>(family);
  body.rtm_dst_len = static_cast<unsigned char>(length * 8);
  request.body(body);
  request.attribute(RTA_DST, address.data(), length);
  uint32_t index = 0;
  const int result = socket.request(request, [&index](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWROUTE) return;
    const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(message));
    if (route->rtm_type != RTN_UNICAST) return;
    each_attribute(message, sizeof(rtmsg),
                   [&index](uint16_t type, const uint8_t* data, std::size_t size) {
                     if (type == RTA_OIF && size == sizeof(index))
                       std::memcpy(&index, data, sizeof(index));
                   });
  });
  return result == 0 ? index : 0;
}

}  // namespace

bool Interface::has_ethernet_header() const {
  return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

bool read_interface(const nlmsghdr* message, Interface& out) {
  if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) return false;
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
  const auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  if (info->ifi_family != AF_UNSPEC) return false;
  out = Interface{};
  out.index = static_cast<uint32_t>(info->ifi_index);
  out.type = info->ifi_type;
  out.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
  out.up = (info->ifi_flags & IFF_UP) != 0;
  each_attribute(
      message, sizeof(ifinfomsg), [&out](uint16_t type, const uint8_t* data, std::size_t size) {
        if (type == IFLA_IFNAME) out.name = attribute_text(data, size);
        // Its first two members have been rx_packets and tx_packets ever since.
        if (type == IFLA_STATS64 && size >= 2 * sizeof(uint64_t)) {
          std::array<uint64_t, 2> packets{};
          std::memcpy(packets.data(), data, sizeof packets);
          out.packets = packets[0] + packets[1];
        }
        if (type == IFLA_LINKINFO) {
          each_attribute(data, size,
                         [&out](uint16_t inner, const uint8_t* value, std::size_t length) {
                           if (inner == IFLA_INFO_KIND) out.kind = attribute_text(value, length);
                           if (inner == IFLA_INFO_SLAVE_KIND)
                             out.member_kind = attribute_text(value, length);
                         });
        }
      });
  return out.index != 0 && !out.name.empty();
}

int read_interfaces(NetlinkSocket& socket, Interfaces& out) {
  NetlinkMessage request(RTM_GETLINK, NLM_F_DUMP);
  request.body(ifinfomsg{});
  Interfaces found;
  const int result = socket.request(request, [&found](const nlmsghdr* message) {
    Interface interface;
    if (message->nlmsg_type == RTM_NEWLINK && read_interface(message, interface))
      found[interface.index] = std::move(interface);
  });
  if (result != 0) return result;
  mark_default_routes(socket, found);
  out = std::move(found);
  return 0;
}

bool read_interface(NetlinkSocket& socket, uint32_t index, Interface& out) {
  NetlinkMessage request(RTM_GETLINK, 0);
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  request.body(body);
  bool found = false;
  const int result = socket.request(
      request, [&](const nlmsghdr* message) { found = read_interface(message, out) || found; });
  return result == 0 && found;
}

bool mark_default_routes(NetlinkSocket& socket, Interfaces& interfaces) {
  // Addresses that no route but a default one leads to: reserved (RFC 1112 section 4) and for
  // documentation (RFC 3849).
  const std::set<uint32_t> used = {route_to(socket, AF_INET, "240.0.0.1"),
                                   route_to(socket, AF_INET6, "2001:db8::1")};
  bool changed = false;
  for (auto& [index, interface] : interfaces) {
    const bool now = used.contains(index) && !interface.loopback;
    changed |= now != interface.default_route;
    interface.default_route = now;
  }
  return changed;
}

bool is_interface_kind(std::string_view word) {
  return is_one_of(word, {"uplink", "veth", "bridge", "loopback", "tunnel", "all"});
}

InterfaceSelection::InterfaceSelection(const std::vector<std::string>& words) {
  bool any = false;
  for (const std::string& word : words) {
    const bool exclude = word.starts_with('!');
    words_.push_back({exclude ? word.substr(1) : word, exclude});
    any |= !exclude;
  }
  if (!any) words_.insert(words_.begin(), {"uplink", false});
}

bool InterfaceSelection::uses_routes() const {
  return std::any_of(words_.begin(), words_.end(),
                     [](const Word& word) { return word.text == "uplink"; });
}

bool InterfaceSelection::chooses(const Interface& interface) const {
  const Interfaces alone{{interface.index, interface}};
  return !choose(alone).empty();
}

std::vector<uint32_t> InterfaceSelection::choose(const Interfaces& interfaces) const {
  const bool has_uplink = std::any_of(interfaces.begin(), interfaces.end(),
                                      [](const auto& entry) { return is_uplink(entry.second); });
  const auto matches = [has_uplink](const Interface& interface, const std::string& word) {
    if (word == "uplink" && !has_uplink) return interface.default_route;
    if (is_interface_kind(word)) return is_of_kind(interface, word);
    return fnmatch(word.c_str(), interface.name.c_str(), 0) == 0;
  };
  std::vector<uint32_t> chosen;
  for (const auto& [index, interface] : interfaces) {
    bool in = false;
    bool out = false;
    for (const Word& word : words_) {
      if (!matches(interface, word.text)) continue;
      (word.exclude ? out : in) = true;
    }
    if (in && !out) chosen.push_back(index);
  }
  return chosen;
}

}  // namespace handprint
