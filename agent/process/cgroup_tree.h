// SPDX-License-Identifier: Apache-2.0
// From a cgroup v2 id, as the kernel tells it, to the path.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "agent/source/live/descriptor.h"

namespace handprint {

// One thread at a time.
class CgroupTree {
 public:
  // root: where cgroup2 is mounted; empty or unreadable: every look-up fails.
  explicit CgroupTree(const std::string& root);

  // The path below the root, "/" for the root itself; empty if there is no such cgroup. Asks by
  // file handle (needs CAP_DAC_READ_SEARCH), else from a scan of the tree, which is repeated for an
  // unknown id at most once a second. Answers are kept: a cgroup that is gone by now is still
  // known.
  std::string path(uint64_t id);

 private:
  bool by_handle(uint64_t id, std::string& out);
  void scan();

  std::string root_;
  Descriptor directory_;
  bool handles_ = true;
  std::unordered_map<uint64_t, std::string> known_;  // at most most_known
  std::chrono::steady_clock::time_point next_scan_{};
  static constexpr std::size_t most_known = 16384;
};

}  // namespace handprint
