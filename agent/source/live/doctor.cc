// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/doctor.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <iterator>
#include <string>
#include <utility>

#include "agent/source/live/host.h"
#include "agent/source/live/loader.h"
#include "agent/source/live/tc_filter.h"

namespace handprint {
namespace {

std::string mebibytes(uint64_t bytes) {
  const uint64_t tenths = bytes * 10 / (1u << 20);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

Check kernel() {
  utsname names{};
  uname(&names);
  Check check{"kernel", CheckState::ok,
              std::string(names.sysname) + " " + names.release + " " + names.machine, ""};
  return check;
}

Check btf() {
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
    return {"btf", CheckState::ok, "/sys/kernel/btf/vmlinux is there", ""};
  return {"btf", CheckState::fail, "/sys/kernel/btf/vmlinux is missing or unreadable",
          "use a kernel with CONFIG_DEBUG_INFO_BTF; in a container, mount /sys/kernel/btf"};
}

Check cgroup(const LiveOptions& options) {
  const CgroupMount mount =
      options.cgroup_root.empty() ? cgroup2_mount() : CgroupMount{options.cgroup_root, true};
  if (mount.path.empty())
    return {"cgroup2", options.hook == LiveHook::cgroup ? CheckState::fail : CheckState::warn,
            "no cgroup2 hierarchy is mounted, so the hook cgroup cannot be used",
            "mount -t cgroup2 none /sys/fs/cgroup/unified"};
  if (!mount.whole)
    return {"cgroup2", CheckState::warn,
            mount.path +
                " shows a part of the hierarchy: only its processes are seen by the hook cgroup",
            "in a container, share the host's cgroup namespace"};
  return {"cgroup2", CheckState::ok, "mounted at " + mount.path, ""};
}

Check capabilities() {
  const std::vector<std::string_view> missing = missing_capabilities();
  const uint64_t have = effective_capabilities();
  std::string held;
  const std::pair<unsigned, const char*> named[] = {{39, "CAP_BPF"},
                                                    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                                    {38, "CAP_PERFMON"},
                                                    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
                                                    {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
                                                    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}};
  for (const auto& [number, name] : named) {
    if ((have >> number & 1) == 0) continue;
    if (!held.empty()) held += ", ";
    held += name;
  }
  if (held.empty()) held = "none of those that matter";
  if (!missing.empty()) {
    std::string lacking;
    for (const auto& name : missing) lacking += (lacking.empty() ? "" : ", ") + std::string(name);
    return {"capabilities", CheckState::fail, "missing: " + lacking + "; held: " + held,
            "run it as root or through the systemd unit"};
  }
  if ((have >> CAP_SYS_PTRACE & 1) == 0)
    return {
        "capabilities", CheckState::warn,
        held +
            "; without CAP_SYS_PTRACE, executables of other users' running processes stay unknown "
            "unless their start was seen",
        "give it CAP_SYS_PTRACE"};
  return {"capabilities", CheckState::ok, held, ""};
}

Check unprivileged() {
  const std::string value = read_small_file("/proc/sys/kernel/unprivileged_bpf_disabled");
  if (value.empty())
    return {"unprivileged_bpf", CheckState::ok, "kernel.unprivileged_bpf_disabled is not offered",
            ""};
  return {"unprivileged_bpf", CheckState::ok, "kernel.unprivileged_bpf_disabled = " + value, ""};
}

Check lockdown() {
  const std::string mode = lockdown_mode();
  if (mode == "confidentiality")
    return {"lockdown", CheckState::warn,
            "confidentiality: command lines and executables cannot be read in the kernel",
            "boot with lockdown=integrity to have them"};
  return {"lockdown", CheckState::ok, mode.empty() ? "not in this kernel" : mode, ""};
}

// The smallest program that tc takes; it is attached to nothing. Result: a descriptor or -errno.
int load_tc_nothing() {
  const bpf_insn nothing[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K,
       .dst_reg = BPF_REG_0,
       .src_reg = 0,
       .off = 0,
       .imm = -1},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", nothing, std::size(nothing),
                       nullptr);
}

// Asked for an interface that cannot be, a kernel with TCX says so (ENODEV); one without does not
// know the place (EINVAL). The program must be a real one: older kernels look at it first.
Check tcx() {
  const int program = load_tc_nothing();
  const int result = program < 0 ? program : attach_tcx(INT_MAX, HP_INGRESS, program);
  if (program >= 0) close(program);
  if (result == -ENODEV) return {"tcx", CheckState::ok, "TCX links", ""};
  if (result == -EPERM || result == -EACCES)
    return {"tcx", CheckState::warn, "cannot be told without privilege", "run doctor as root"};
  return {"tcx", CheckState::ok,
          "no TCX (before Linux 6.6): clsact filters are used for the hook tc", ""};
}

CheckState state_of(const GroupReport& group) {
  if (group.loaded()) return CheckState::ok;
  return group.group == ProgramGroup::capture_tc || group.group == ProgramGroup::capture_cgroup
             ? CheckState::fail
             : CheckState::warn;
}

}  // namespace

std::string_view name(CheckState state) {
  switch (state) {
    case CheckState::ok:
      return "ok";
    case CheckState::warn:
      return "warn";
    case CheckState::fail:
      return "fail";
  }
  return "";
}

std::vector<Check> examine_live_capture(const LiveOptions& options) {
  std::vector<Check> checks = {kernel(),   btf(), cgroup(options), capabilities(), unprivileged(),
                               lockdown(), tcx()};
  LoadReport report;
  GroupSet all;
  all.set();
  const Result<std::unique_ptr<Loader>> loader = Loader::load(options, all, &report);
  for (const GroupReport& group : report.groups) {
    Check check{std::string(name(group.group)), state_of(group), std::string(purpose(group.group)),
                group.hint};
    check.detail += group.loaded() ? ": loads" : ": " + group.detail;
    checks.push_back(std::move(check));
  }
  if (loader) {
    checks.push_back({"memory", CheckState::ok,
                      "rings " + mebibytes(report.packet_ring_bytes) + " and " +
                          mebibytes(report.process_ring_bytes) + ", all kernel maps " +
                          mebibytes(report.map_bytes),
                      ""});
  } else {
    checks.push_back({"capture", CheckState::fail, loader.error().message, ""});
  }
  return checks;
}

}  // namespace handprint
