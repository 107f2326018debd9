// SPDX-License-Identifier: Apache-2.0
// What the live source is asked to do. Filled from the configuration; plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/wire.h"

namespace handprint {

enum class LiveHook : uint8_t {
  automatic,  // cgroup, and tc on `interfaces` for what no socket of this host sends or receives and
              // for where the rest passed; tc alone where no cgroup2 root is mounted
  cgroup,     // every socket of every cgroup, both directions; `interfaces` is not used
  tc,         // chosen interfaces, both directions
  xdp,        // chosen interfaces: ingress by XDP, egress by tc
};

enum class XdpMode : uint8_t {
  native,             // in the driver, or not at all
  native_or_generic,  // in the driver, else in the network stack
  generic,            // in the network stack
};

// "auto", "cgroup", "tc", "xdp".
std::string_view name(LiveHook hook);

struct LiveOptions {
  LiveHook hook = LiveHook::automatic;
  // Names ("eth0"), globs ("wg*") and kinds ("uplink", "veth", "bridge", "loopback", "tunnel",
  // "all"). A name that begins with "!" takes interfaces out again. Empty: "uplink".
  std::vector<std::string> interfaces;
  XdpMode xdp_mode = XdpMode::native_or_generic;
  bool tcx = true;     // false: clsact filters even where the kernel has TCX
  bool owners = true;  // find the processes behind the sockets
  bool read = true;    // false: another process reads the rings
  // Told the names of this network namespace's interfaces: all at the start, then what changes, and an
  // empty name for one that is gone. Called before packets of a new interface are copied, on the
  // thread that starts and on the one that follows interfaces.
  std::function<void(uint32_t interface, std::string_view name)> interface_changed;
  // Ring sizes in bytes, rounded up to a power of two of at least a page; 0: 4 MiB of packets and
  // 2 MiB of process events, more from eight CPUs on.
  uint32_t packet_ring_bytes = 0;
  uint32_t process_ring_bytes = 0;
  // Where cgroup2 is mounted; empty: found in /proc/self/mountinfo.
  std::string cgroup_root;
  // Policy, rates and seed as they go into the kernel. agent_pid 0 means this process; hash_seed 0
  // means a random one; policy.segments 0 means the whole policy of live_policy().
  hp_config config{};
};

}  // namespace handprint
