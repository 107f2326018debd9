// SPDX-License-Identifier: Apache-2.0
// Attaching to the traffic-control hook of an interface, as a guest: other programs' filters, links
// and qdiscs are left as they are, and packets go on to them.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/source/live/descriptor.h"
#include "agent/source/live/interfaces.h"
#include "agent/source/live/netlink.h"
#include "bpf/wire.h"

namespace handprint {

// Our filters are told from others by their name together with a handle: tc_filter_handle plus the
// slot of the agent that they belong to.
inline constexpr uint32_t tc_filter_handle = 0x6870;
inline constexpr char tc_filter_name[] = "handprint";
inline constexpr int tc_slots = 16;

// clsact filters outlive their process, so it must be told whether those that are found belong to
// an agent that lives. Each agent with filters holds one slot of its network namespace, by an
// abstract socket name that the kernel frees when it ends, however it ends.
class TcClaim {
 public:
  // The lowest slot that no living agent holds; the last one, shared, when all are held.
  static TcClaim take();
  // That slot, if no living agent holds it.
  static bool is_free(int slot);
  int slot() const { return slot_; }

 private:
  TcClaim(Descriptor socket, int slot) : socket_(std::move(socket)), slot_(slot) {}
  Descriptor socket_;
  int slot_;
};

struct TcFilter {
  uint32_t interface = 0;
  uint8_t direction = HP_INGRESS;
  uint16_t preference = 0;
  int slot = -1;  // of the agent that it belongs to; -1: not ours
};

// TCX: a link at the head of the interface's programs. Result: its descriptor (closing it
// detaches), or a negative errno; -EINVAL or -EOPNOTSUPP where the kernel has no TCX (before 6.6).
int attach_tcx(uint32_t interface, uint8_t direction, int program);

// Whether the program is the first of the interface's TCX programs, so that none in front of it can end
// the chain (or the kernel cannot be asked).
bool is_first_tcx(uint32_t interface, uint8_t direction, int program);

// clsact: makes the qdisc if there is none, and puts the program at the lowest free preference. A
// filter of our slot that is already there is replaced in one step, so that no packet passes
// unseen. Result: 0 or a negative errno; `preference` is where it stands.
int attach_clsact(NetlinkSocket& socket, uint32_t interface, uint8_t direction, int program,
                  int slot, uint16_t& preference);

// Removes the filter of a slot, and nothing else. 0, also when it is not there; or a negative
// errno.
int detach_clsact(NetlinkSocket& socket, uint32_t interface, uint8_t direction, int slot);

// Removes our filters that no living agent holds from these interfaces. Result: how many, or the
// last negative errno.
int remove_leftovers(NetlinkSocket& socket, const Interfaces& interfaces);

// All filters of one direction of an interface; empty without clsact.
std::vector<TcFilter> tc_filters(NetlinkSocket& socket, uint32_t interface, uint8_t direction);

}  // namespace handprint
