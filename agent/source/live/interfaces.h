// SPDX-License-Identifier: Apache-2.0
// The interfaces of this network namespace, and which of them a selection means.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/source/live/netlink.h"

namespace handprint {

struct Interface {
  uint32_t index = 0;
  std::string name;
  std::string kind;  // of IFLA_INFO_KIND: "veth", "bridge", "vlan" …; empty for real devices
  std::string member_kind;  // kind of the device that it is a member of: "bridge", "bond", "vrf" …
  uint16_t type = 0;        // ARPHRD_…
  bool loopback = false;
  bool up = false;
  bool default_route = false;
  uint64_t packets = 0;  // that passed it so far, in both directions

  // Frames begin with an Ethernet header (loopback too); otherwise with IP.
  bool has_ethernet_header() const;
};

// From one RTM_NEWLINK message. False for other messages and for bridge port announcements, which
// speak of the same link with less.
bool read_interface(const nlmsghdr* message, Interface& out);

using Interfaces = std::map<uint32_t, Interface>;

// Reads all links and marks those that default routes use. Negative errno on failure.
int read_interfaces(NetlinkSocket& socket, Interfaces& out);
// Reads one link anew. False: it is gone.
bool read_interface(NetlinkSocket& socket, uint32_t index, Interface& out);
// Marks the links that packets to unlisted addresses leave by. Result: whether a mark changed.
bool mark_default_routes(NetlinkSocket& socket, Interfaces& interfaces);

// Which interfaces are meant: names, globs (* ? [a-z]), kinds, each with "!" for "not".
class InterfaceSelection {
 public:
  // Empty: "uplink".
  explicit InterfaceSelection(const std::vector<std::string>& words);

  // The chosen ones' indices, in order. "uplink" means real devices and what the default route
  // uses, without loopback, veth, VLAN children, and members of bridges and bonds; where that
  // leaves nothing (inside a container), whatever the default route uses.
  std::vector<uint32_t> choose(const Interfaces& interfaces) const;
  // Whether it would be chosen if there were no other.
  bool chooses(const Interface& interface) const;
  // A kind that depends on routes stands in it.
  bool uses_routes() const;

 private:
  struct Word {
    std::string text;
    bool exclude;
  };
  std::vector<Word> words_;
};

// True for "uplink", "veth", "bridge", "loopback", "tunnel", "all".
bool is_interface_kind(std::string_view word);

}  // namespace handprint
