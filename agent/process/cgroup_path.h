// SPDX-License-Identifier: Apache-2.0
// What a cgroup path says about the process in it: systemd unit, container, pod.
#pragma once

#include <string>
#include <string_view>

namespace handprint {

struct CgroupPlace {
  std::string cgroup;             // the path, from the root of its hierarchy
  std::string container_id;       // 64 hex digits; the name for LXC
  std::string container_runtime;  // docker, containerd, podman, cri-o, lxc; empty where the path
                                  // does not tell
  std::string service;            // systemd unit; of the container's own systemd where it has one
  std::string pod_uid;            // as Kubernetes writes it, with dashes
};

// Reads one path. Knows Docker, containerd (ctr, nerdctl, CRI), Podman (also rootless and split
// cgroups), CRI-O, LXC, and the kubelet, each with the systemd and the cgroupfs driver. Of nested
// containers the innermost counts. A monitor (conmon) is not its container.
CgroupPlace place_cgroup(std::string_view path);

// Reads the text of /proc/PID/cgroup: every line of v1, hybrid and v2 hosts. The line that tells
// most counts (a container before a pod before a unit, then the deepest); what it leaves open the
// others fill.
CgroupPlace place_process(std::string_view proc_cgroup);

// Name and namespace of a pod from the names of the kubelet's log directories,
// <namespace>_<name>_<uid>. True when `directory` is one of `pod_uid`.
bool read_pod_directory(std::string_view directory, std::string_view pod_uid, std::string& name,
                        std::string& pod_namespace);

}  // namespace handprint
