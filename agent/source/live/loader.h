// SPDX-License-Identifier: Apache-2.0
// Opens the embedded BPF object, finds out by trial what this kernel takes of it, and loads that.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/source/live/options.h"
#include "fingerprint/result.h"

struct bpf_link;
struct handprint_bpf;

namespace handprint {

// Programs that are useful only together. One group that a kernel refuses does not stop the others.
enum class ProgramGroup : uint8_t {
  capture_tc,      // tc_ingress, tc_egress, tc_ingress_l3, tc_egress_l3
  capture_cgroup,  // cgroup_ingress, cgroup_egress
  capture_xdp,     // xdp_ingress
  owner_trace,     // sock_state, sock_read: owners by connect(), listen() and first read
  exec_trace,      // process_exec: executables and command lines of processes that live briefly
  owner_cgroup,    // sock_create: owners of UDP sockets, and of all where owner_trace is missing
  seed,            // seed_sockets: owners of sockets that are older than the agent
};
inline constexpr std::size_t program_groups = 7;

using GroupSet = std::bitset<program_groups>;
// What a hook needs; `automatic` is cgroup and tc.
GroupSet groups_for(LiveHook hook, bool owners);

// "capture_tc", …
std::string_view name(ProgramGroup group);
// What a person loses without it, in words.
std::string_view purpose(ProgramGroup group);

// Why a group did not load. Named so that tests and `doctor` can tell the cases apart.
enum class LoadCause : uint8_t {
  none,             // it loaded
  not_wanted,       // not needed for the hook that was asked for
  no_capability,    // CAP_BPF, CAP_NET_ADMIN or CAP_PERFMON is missing
  no_btf,           // /sys/kernel/btf/vmlinux is missing or unreadable
  no_ring_buffer,   // kernel before 5.8
  no_program_type,  // the kernel does not know this type of program or its attach point
  no_helper,        // … or a helper that it calls
  lockdown,         // kernel lockdown forbids it
  verifier,         // the verifier refused the program: a defect of handprint
  no_memory,        // out of memory, or over RLIMIT_MEMLOCK on old kernels
  other,
};
std::string_view name(LoadCause cause);

struct GroupReport {
  ProgramGroup group{};
  LoadCause cause = LoadCause::not_wanted;
  std::string detail;  // a sentence for people; with the last lines of the verifier's log
  std::string hint;    // what to do about it, empty where nothing can be done
  bool loaded() const { return cause == LoadCause::none; }
};

struct LoadReport {
  std::array<GroupReport, program_groups> groups{};
  uint32_t packet_ring_bytes = 0;
  uint32_t process_ring_bytes = 0;
  uint64_t map_bytes = 0;  // estimate of all maps, rings included
  const GroupReport& operator[](ProgramGroup group) const {
    return groups[static_cast<std::size_t>(group)];
  }
};

// A map as it will be created.
struct MapPlan {
  std::string name;
  uint64_t bytes = 0;  // with every place of it in use, on every possible CPU
};
// What the maps will take for these options; needs no privilege, loads nothing. Without those whose
// entries belong to sockets.
std::vector<MapPlan> planned_maps(const LiveOptions& options);

using KernelCounters = std::array<uint64_t, HP_COUNT_MAX>;

// "packets", "lost_ring" …: stable names of enum hp_counter for metrics and logs.
std::string_view counter_name(uint32_t counter);

// Holds the loaded object. Every descriptor stays valid as long as the Loader lives.
class Loader {
 public:
  // Loads those of the groups in `wanted` that the kernel takes. Fails only when no capture group
  // could be loaded: the error then names the cause in words; `report`, if given, is filled in
  // either case. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.
  static Result<std::unique_ptr<Loader>> load(const LiveOptions& options, GroupSet wanted,
                                              LoadReport* report = nullptr);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  const LoadReport& report() const { return report_; }
  bool has(ProgramGroup group) const { return report_[group].loaded(); }

  // Writes the configuration that programs read at every packet; takes effect at once.
  Result<void> configure(const hp_config& config);
  const hp_config& config() const { return config_; }

  // Sums over CPUs. Does not allocate after the first call.
  bool read_counters(KernelCounters& out);

  // Attaches the tracing programs (owner_trace, exec_trace). Owners of later sockets are known from
  // here on. What cannot be attached is reported in `report()` as not loaded.
  void attach_tracing();

  // Runs seed_sockets once: gives existing sockets their owners in the kernel. Result: these
  // owners, each once; empty without the group. Call after attach_tracing().
  std::vector<hp_owner> seed();

  // Empties the note of processes that were announced already.
  void forget_announced();

  // Descriptor of a program or map by its name in bpf/, -1 when it is not loaded.
  int program(std::string_view name) const;
  int map(std::string_view name) const;

 private:
  Loader() = default;
  handprint_bpf* object_ = nullptr;
  LoadReport report_;
  hp_config config_{};
  std::vector<uint64_t> per_cpu_;
  std::vector<bpf_link*> tracing_links_;
  friend class LoadAttempt;
};

}  // namespace handprint
