// SPDX-License-Identifier: Apache-2.0
#include "agent/process/cgroup_path.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace handprint {
namespace {

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID "8a6ac8a2-4f5c-4d0b-9d5e-0c9b3f1d2e3f"
#define UID_SYSTEMD "8a6ac8a2_4f5c_4d0b_9d5e_0c9b3f1d2e3f"
#define HASH "a1b2c3d4e5f60718293a4b5c6d7e8f90"

struct Row {
  const char* name;
  const char* path;
  const char* container;
  const char* runtime;
  const char* service;
  const char* pod;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const Row rows[] = {
    {"root", "/", "", "", "", ""},
    {"unit", "/system.slice/nginx.service", "", "", "nginx.service", ""},
    {"template", "/system.slice/system-postgresql.slice/postgresql@15-main.service", "", "",
     "postgresql@15-main.service", ""},
    {"user_unit", "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service", "", "",
     "firefox.service", ""},
    {"session", "/user.slice/user-1000.slice/session-3.scope", "", "", "session-3.scope", ""},
    {"user_manager", "/user.slice/user-1000.slice/user@1000.service/init.scope", "", "",
     "user@1000.service", ""},
    {"pid_1", "/init.scope", "", "", "init.scope", ""},
    {"escaped", "/system.slice/_cpu.service", "", "", "cpu.service", ""},
    {"docker_systemd", "/system.slice/docker-" ID ".scope", ID, "docker", "", ""},
    {"docker_cgroupfs", "/docker/" ID, ID, "docker", "", ""},
    {"docker_rootless",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", ID, "docker",
     "", ""},
    {"docker_in_docker", "/docker/" ID "/docker/" ID2, ID2, "docker", "", ""},
    {"systemd_in_docker", "/docker/" ID "/system.slice/sshd.service", ID, "docker", "sshd.service",
     ""},
    {"docker_daemon", "/system.slice/docker.service", "", "", "docker.service", ""},
    {"short_id", "/docker/0123456789ab", "", "", "", ""},
    {"not_hex", "/docker/z123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "", "",
     "", ""},
    {"containerd_ctr", "/default/" ID, ID, "containerd", "", ""},
    {"nerdctl", "/system.slice/nerdctl-" ID ".scope", ID, "containerd", "", ""},
    {"podman", "/machine.slice/libpod-" ID ".scope/container", ID, "podman", "", ""},
    {"podman_rootless",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container", ID,
     "podman", "", ""},
    {"podman_cgroupfs", "/libpod_parent/libpod-" ID, ID, "podman", "", ""},
    {"podman_pod", "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", ID,
     "podman", "", ""},
    {"podman_quadlet", "/system.slice/web.service/libpod-payload-" ID, ID, "podman", "web.service",
     ""},
    {"podman_monitor", "/machine.slice/libpod-conmon-" ID ".scope", "", "",
     "libpod-conmon-" ID ".scope", ""},
    {"crio",
     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SYSTEMD ".slice/crio-" ID
     ".scope",
     ID, "cri-o", "", UID},
    {"crio_inner", "/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/crio-" ID ".scope/container",
     ID, "cri-o", "", UID},
    {"crio_cgroupfs", "/kubepods/besteffort/pod" UID "/crio-" ID, ID, "cri-o", "", UID},
    {"crio_monitor", "/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/crio-conmon-" ID ".scope",
     "", "", "crio-conmon-" ID ".scope", UID},
    {"kubelet_containerd_systemd",
     "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_SYSTEMD
     ".slice/cri-containerd-" ID ".scope",
     ID, "containerd", "", UID},
    {"kubelet_guaranteed",
     "/kubepods.slice/kubepods-pod" UID_SYSTEMD ".slice/cri-containerd-" ID ".scope", ID,
     "containerd", "", UID},
    {"kubelet_cgroupfs", "/kubepods/burstable/pod" UID "/" ID, ID, "", "", UID},
    {"kubelet_static_pod", "/kubepods/burstable/pod" HASH "/" ID, ID, "", "", HASH},
    {"kubelet_docker",
     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SYSTEMD
     ".slice/docker-" ID ".scope",
     ID, "docker", "", UID},
    {"kubelet_mixed_drivers",
     "/system.slice/containerd.service/kubepods-burstable-pod" UID_SYSTEMD
     ".slice:cri-containerd:" ID,
     ID, "containerd", "", UID},
    {"kind",
     "/docker/" ID2 "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
     "kubelet-kubepods-burstable-pod" UID_SYSTEMD ".slice/cri-containerd-" ID ".scope",
     ID, "containerd", "", UID},
    {"lxc", "/lxc/web", "web", "lxc", "", ""},
    {"lxc_payload", "/lxc.payload.web/system.slice/cron.service", "web", "lxc", "cron.service", ""},
    {"ecs", "/ecs/9c2f0e6a1b7d4d8c9d59c0a7/" ID, ID, "", "", ""},
    {"pod_word_elsewhere", "/system.slice/podinfo.service", "", "", "podinfo.service", ""},
    {"bad_pod", "/kubepods/burstable/pod1234", "", "", "", ""},
    {"empty", "", "", "", "", ""},
    {"slashes", "////", "", "", "", ""},
};

class CgroupPath : public testing::TestWithParam<Row> {};

TEST_P(CgroupPath, IsPlaced) {
  const Row& row = GetParam();
  const CgroupPlace place = place_cgroup(row.path);
  EXPECT_EQ(place.cgroup, row.path);
  EXPECT_EQ(place.container_id, row.container);
  EXPECT_EQ(place.container_runtime, row.runtime);
  EXPECT_EQ(place.service, row.service);
  EXPECT_EQ(place.pod_uid, row.pod);
}

INSTANTIATE_TEST_SUITE_P(Paths, CgroupPath, testing::ValuesIn(rows),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ProcCgroup, V2HasOneLine) {
  const CgroupPlace place = place_process("0::/system.slice/docker-" ID ".scope\n");
  EXPECT_EQ(place.container_id, ID);
  EXPECT_EQ(place.container_runtime, "docker");
}

TEST(ProcCgroup, V1TakesTheLineThatNamesTheContainer) {
  const CgroupPlace place = place_process(
      "12:pids:/system.slice/docker.service\n"
      "11:memory:/docker/" ID
      "\n"
      "10:devices:/docker/" ID
      "\n"
      "2:cpu,cpuacct:/\n"
      "1:name=systemd:/docker/" ID "\n");
  EXPECT_EQ(place.container_id, ID);
  EXPECT_EQ(place.container_runtime, "docker");
  EXPECT_EQ(place.cgroup, "/docker/" ID);
  EXPECT_EQ(place.service, "");
}

TEST(ProcCgroup, HybridHostHasTheUnitInTheNamedHierarchyOnly) {
  const CgroupPlace place = place_process(
      "9:name=systemd:/system.slice/nginx.service\n"
      "8:pids:/\n"
      "0::/\n");
  EXPECT_EQ(place.service, "nginx.service");
  EXPECT_EQ(place.cgroup, "/system.slice/nginx.service");
  EXPECT_EQ(place.container_id, "");
}

TEST(ProcCgroup, HybridKubernetesCombinesLines) {
  const CgroupPlace place = place_process(
      "5:memory:/kubepods/burstable/pod" UID "/" ID
      "\n"
      "1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SYSTEMD
      ".slice/cri-containerd-" ID
      ".scope\n"
      "0::/system.slice/containerd.service\n");
  EXPECT_EQ(place.container_id, ID);
  EXPECT_EQ(place.container_runtime, "containerd");
  EXPECT_EQ(place.pod_uid, UID);
  EXPECT_EQ(place.service, "");
}

TEST(ProcCgroup, PathsMayHoldColons) {
  const CgroupPlace place =
      place_process("0::/system.slice/containerd.service/kubepods-pod" UID_SYSTEMD
                    ".slice:cri-containerd:" ID "\n");
  EXPECT_EQ(place.container_id, ID);
  EXPECT_EQ(place.pod_uid, UID);
}

TEST(ProcCgroup, NonsenseSaysNothing) {
  for (const char* text : {"", "\n\n", "0", "0:", "::", "no colons here", "1:2\n3:4"}) {
    const CgroupPlace place = place_process(text);
    EXPECT_EQ(place.container_id, "") << text;
    EXPECT_EQ(place.service, "") << text;
  }
}

TEST(PodDirectory, IsRead) {
  std::string name, pod_namespace;
  ASSERT_TRUE(
      read_pod_directory("kube-system_coredns-5d78c9869d-abcde_" UID, UID, name, pod_namespace));
  EXPECT_EQ(name, "coredns-5d78c9869d-abcde");
  EXPECT_EQ(pod_namespace, "kube-system");
}

TEST(PodDirectory, OthersAreRefused) {
  std::string name, pod_namespace;
  for (const char* directory :
       {"", UID, "_" UID, "_x_" UID, "ns__" UID, "ns_name_other", "a_b_c_" UID})
    EXPECT_FALSE(read_pod_directory(directory, UID, name, pod_namespace)) << directory;
  EXPECT_FALSE(read_pod_directory("ns_name_", "", name, pod_namespace));
}

}  // namespace
}  // namespace handprint
