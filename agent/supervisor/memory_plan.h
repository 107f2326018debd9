// SPDX-License-Identifier: Apache-2.0
// What the agent can come to take when everything that grows is full, told before anything is loaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/config/settings.h"
#include "fingerprint/result.h"

namespace handprint {

struct MemoryPart {
  std::string name;  // "packet ring", "connections" …
  uint64_t bytes = 0;
};

struct MemoryPlan {
  std::vector<MemoryPart> parts;
  uint64_t limit = 0;  // limits.memory, 0: none

  uint64_t total() const;
  // "85.2 MB: connections 16.8, packet ring 4.2 …", the greatest parts first.
  std::string text() const;
  // An error that names the parts where the total is over the limit.
  Result<void> check() const;
};

// Needs no privilege. What goes with each socket of the host (its owner, 112 bytes) is not in it.
MemoryPlan plan_memory(const Settings& settings);

}  // namespace handprint
