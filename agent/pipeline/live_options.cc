// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/live_options.h"

#include <net/if.h>

#include <algorithm>
#include <limits>

#include "flow/selection.h"

namespace handprint {
namespace {

constexpr std::string_view kind_prefix = "kind:";

std::string plain(const std::string& name) {
  return name.rfind(kind_prefix, 0) == 0 ? name.substr(kind_prefix.size()) : name;
}

}  // namespace

LiveOptions live_options(const Settings& settings) {
  LiveOptions out;
  const bool chosen = !settings.capture.interfaces.empty();
  switch (settings.capture.hook) {
    // Interfaces that are named say where tc attaches beside the sockets.
    case CaptureHook::automatic: out.hook = LiveHook::automatic; break;
    case CaptureHook::cgroup: out.hook = LiveHook::cgroup; break;
    case CaptureHook::tc: out.hook = LiveHook::tc; break;
    case CaptureHook::xdp: out.hook = LiveHook::xdp; break;
    case CaptureHook::clsact:
      out.hook = LiveHook::tc;
      out.tcx = false;
      break;
  }
  for (const std::string& name : settings.capture.interfaces) out.interfaces.push_back(plain(name));
  if (chosen || out.hook != LiveHook::cgroup)
    for (const std::string& name : settings.capture.exclude_interfaces)
      out.interfaces.push_back("!" + plain(name));
  const auto ring = [](uint64_t bytes) {
    return static_cast<uint32_t>(std::min<uint64_t>(bytes, 1u << 31));
  };
  out.packet_ring_bytes = ring(settings.capture.ring.packets);
  out.process_ring_bytes = ring(settings.capture.ring.processes);
  out.config.policy = live_policy();
  out.config.policy.requests = static_cast<uint8_t>(
      std::min<uint32_t>(settings.capture.requests_per_flow, std::numeric_limits<uint8_t>::max()));
  if (settings.capture.certificates) out.config.policy.mode = HP_MODE_CERTIFICATES;
  out.config.syn_rate = settings.limits.syn_rate;
  out.config.hello_rate = settings.limits.hello_rate;
  return out;
}

std::vector<std::string> missing_interfaces(const std::vector<std::string>& interfaces) {
  std::vector<std::string> out;
  for (const std::string& name : interfaces)
    if (name.rfind(kind_prefix, 0) != 0 && name.find_first_of("*?[") == std::string::npos &&
        if_nametoindex(name.c_str()) == 0)
      out.push_back(name);
  return out;
}

std::vector<std::string> present_interfaces() {
  std::vector<std::string> out;
  struct if_nameindex* list = if_nameindex();
  for (struct if_nameindex* at = list; at != nullptr && at->if_index != 0; ++at) out.emplace_back(at->if_name);
  if (list != nullptr) if_freenameindex(list);
  return out;
}

}  // namespace handprint
