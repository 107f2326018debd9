// SPDX-License-Identifier: Apache-2.0
// Reads /proc/PID of one process, and only of that one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/source/live/descriptor.h"

namespace handprint {

// Kernel start times in /proc/PID/stat are in these (USER_HZ is 100 on every Linux port but old
// Alpha).
inline constexpr uint64_t nanoseconds_per_tick = 10'000'000;

// The fields of /proc/PID/stat that matter.
struct ProcStat {
  std::string name;
  uint32_t parent_pid = 0;
  bool kernel_thread = false;
  uint64_t start_ticks = 0;
};
// False for anything that is not such a line. The name may hold blanks and parentheses.
bool read_stat(std::string_view text, ProcStat& out);

struct ProcFacts {
  ProcStat stat;
  uint32_t uid = 0, gid = 0;
  bool has_user = false;
  std::string executable;  // empty: unreadable, or a kernel thread
  bool executable_deleted = false;
  uint32_t exe_device = 0;  // st_dev
  uint64_t exe_inode = 0;
  std::string args;  // separated by NUL, without the last one
  bool args_cut = false;
  std::string cgroup;   // text of /proc/PID/cgroup
  uint32_t userns = 0;  // inode number, 0 if unreadable
  Descriptor exe;       // O_PATH of the executable, for its digest
};

enum class ProcAnswer : uint8_t { found, gone, reused };

// Reads process `pid` that began at `start_ns` (boot clock). Everything is read through one
// descriptor of /proc/PID, so a pid that is given to another process meanwhile cannot mix two of
// them; an exec in between is noticed and read again. At most args_limit bytes of arguments are
// kept.
ProcAnswer read_process(const std::string& proc, uint32_t pid, uint64_t start_ns,
                        std::size_t args_limit, ProcFacts& out);

}  // namespace handprint
