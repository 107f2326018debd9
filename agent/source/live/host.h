// SPDX-License-Identifier: Apache-2.0
// Facts about this host that decide what live capture can do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace handprint {

// The whole of a small file (at most 64 KiB), without its last newline; empty if unreadable.
std::string read_small_file(const std::string& path);

// Effective capabilities of this process, bit n for capability number n (capability.h).
uint64_t effective_capabilities();

// Names of those among CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON that are missing; CAP_SYS_ADMIN stands
// for CAP_BPF and CAP_PERFMON.
std::vector<std::string_view> missing_capabilities();

// "none", "integrity", "confidentiality"; empty where the kernel has no lockdown.
std::string lockdown_mode();

struct CgroupMount {
  std::string path;
  bool whole = false;  // the mount shows the whole hierarchy, not a part of it
};
// Finds cgroup2 in the text of /proc/PID/mountinfo: a mount of the whole hierarchy first, else any.
// An empty path if there is none.
CgroupMount find_cgroup2(std::string_view mountinfo);
// The same for this process.
CgroupMount cgroup2_mount();

// Inode number of this process's network namespace, 0 if unreadable.
uint32_t own_network_namespace();

}  // namespace handprint
