// SPDX-License-Identifier: Apache-2.0
// A file whose mere existence keeps this program out of the kernel.
#pragma once

#include <string>
#include <vector>

#include "agent/source/live/descriptor.h"

namespace handprint {

// The kill switch of every agent on a host, and one beside its own configuration file.
inline constexpr const char* host_kill_switch = "/etc/handprint/disabled";

class KillSwitch {
 public:
  // `config`: path of the configuration, may be empty.
  explicit KillSwitch(const std::string& config);

  // Readable when something changed in one of the folders; -1 where they cannot be watched. The
  // files are looked at once a second all the same.
  int descriptor() const { return watch_.get(); }

  // The file that stands there now; empty if none does. Looks each time it is asked.
  std::string engaged();

 private:
  std::vector<std::string> paths_;
  Descriptor watch_;
};

}  // namespace handprint
