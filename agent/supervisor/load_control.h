// SPDX-License-Identifier: Apache-2.0
// Measures what the agent costs this host, and asks the governor what is to be left out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "agent/source/live/loader.h"
#include "agent/supervisor/governor.h"

namespace handprint {

// CPU time of the kernel programs, nanoseconds, estimated from how often they ran and what they did
// (docs/performance.md has the figures). The kernel's own statistics would cost every program of the
// host two readings of a clock a run, and a capability that the agent does not have.
uint64_t estimated_kernel_ns(const KernelCounters& counters, uint64_t process_records);

class LoadControl {
 public:
  // `limit`: thousandths of a percent of the host, 0 for none.
  explicit LoadControl(uint32_t limit);

  void set_limit(uint32_t limit);

  // Call it about once a `second()`. `processes`: those of the agent. True when the step changed:
  // apply() gives another configuration, and programs are to be attached or detached as detached()
  // says.
  bool update(int64_t now_ns, std::span<const pid_t> processes, const KernelCounters& counters,
              uint64_t process_records);
  // The programs were loaded anew: everything is looked at again.
  void reset();

  // Adds what is left out to the configuration.
  void apply(hp_config& config) const;

  const Governor& governor() const { return governor_; }
  double used_percent() const { return used_percent_; }    // of the host, over the last second
  double limit_percent() const { return limit_percent_; }  // likewise, 0 for none
  // Nanoseconds of a second of the ladder: shorter than one where a test asks for it.
  int64_t second() const { return second_; }

 private:
  int64_t second_;
  Governor governor_;
  double limit_percent_ = 0, used_percent_ = 0;
  double cpus_;
  bool began_ = false;
  int64_t last_now_ = 0;
  uint64_t last_kernel_ = 0;
  std::map<pid_t, uint64_t> last_process_;
};

}  // namespace handprint
