// SPDX-License-Identifier: Apache-2.0
// Who a process is. Filled by the agent (agent/process), carried by documents, never changed after.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace handprint {

struct ProcessFacts {
  uint32_t pid = 0;         // initial pid namespace
  uint32_t parent_pid = 0;  // 0 if unknown
  uint64_t start_ns = 0;    // boot clock
  uint32_t uid = 0;
  uint32_t gid = 0;
  bool has_user = false;            // uid is known
  std::string name;                 // comm of the thread group leader
  std::string executable;           // absolute path in its mount namespace, empty if unknown
  bool executable_deleted = false;  // the path names it no more: unlinked, replaced, or a memfd
  bool kernel_thread = false;       // name is all there is
  std::vector<std::string> args;    // empty if unknown
  std::string entity_id;            // of (boot id, pid, start)
  std::string user_name;            // only for processes of the host's own user namespace
  std::string sha256;               // of the executable, 64 hex digits, empty if not computed
  std::string container_id;         // 64 hex digits as a rule
  std::string container_runtime;    // docker, containerd, podman, cri-o …
  std::string service;              // systemd unit
  std::string pod_uid, pod_name, pod_namespace;
  std::string cgroup;         // path
  int64_t start_wall_ns = 0;  // wall time of the start, 0 if unknown
};

using ProcessRef = std::shared_ptr<const ProcessFacts>;

}  // namespace handprint
