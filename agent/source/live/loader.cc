// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>

#include "agent/source/live/host.h"
#include "flow/selection.h"
#include "handprint_bpf.skel.h"

namespace handprint {
namespace {

struct ProgramRow {
  const char* program;
  ProgramGroup group;
};

constexpr ProgramRow programs[] = {
    {"tc_ingress", ProgramGroup::capture_tc},
    {"tc_egress", ProgramGroup::capture_tc},
    {"tc_ingress_l3", ProgramGroup::capture_tc},
    {"tc_egress_l3", ProgramGroup::capture_tc},
    {"cgroup_ingress", ProgramGroup::capture_cgroup},
    {"cgroup_egress", ProgramGroup::capture_cgroup},
    {"xdp_ingress", ProgramGroup::capture_xdp},
    {"sock_state", ProgramGroup::owner_trace},
    {"sock_read", ProgramGroup::owner_trace},
    {"process_exec", ProgramGroup::exec_trace},
    {"sock_create", ProgramGroup::owner_cgroup},
    {"seed_sockets", ProgramGroup::seed},
};

// The verifier's log of one program; it fills from the front, and what matters is at its end.
constexpr std::size_t log_bytes = 256u << 10;
// The verifier's reason and statistics, without the walk that led there: that would not fit, and
// kernels before 6.4 then answer ENOSPC in place of the reason.
constexpr uint32_t log_level = 4;  // BPF_LOG_STATS, which no header of user space has

// libbpf speaks through one function for the whole process.
std::mutex libbpf_mutex;
std::string* libbpf_text = nullptr;

int collect(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || libbpf_text == nullptr || libbpf_text->size() > (64u << 10))
    return 0;
  char line[2048];
  const int length = std::vsnprintf(line, sizeof(line), format, arguments);
  if (length > 0)
    libbpf_text->append(line,
                        std::min<std::size_t>(static_cast<std::size_t>(length), sizeof(line) - 1));
  return 0;
}

// While it lives, libbpf's messages go into `text` and no other loading takes place.
class LibbpfMessages {
 public:
  explicit LibbpfMessages(std::string& text) : lock_(libbpf_mutex) {
    libbpf_text = &text;
    before_ = libbpf_set_print(collect);
  }
  ~LibbpfMessages() {
    libbpf_set_print(before_);
    libbpf_text = nullptr;
  }
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  libbpf_print_fn_t before_ = nullptr;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string join(const std::vector<std::string_view>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += ", ";
    out += part;
  }
  return out;
}

// The last lines of a verifier log, without its statistics and its remarks on static subprograms.
std::string last_lines(std::string_view log, std::size_t count) {
  std::vector<std::string_view> lines;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
    if (line.empty() || line.starts_with("processed ") || line.starts_with("verification time") ||
        line.starts_with("stack depth") || line.starts_with("reg type unsupported for arg#"))
      continue;
    lines.push_back(line);
  }
  std::string out;
  for (std::size_t i = lines.size() > count ? lines.size() - count : 0; i < lines.size(); ++i) {
    out += "\n  ";
    out += lines[i].substr(0, 300);
  }
  return out;
}

struct Refusal {
  int error = 0;              // errno
  std::string_view program;   // empty: not one program's fault
  std::string_view log;       // the verifier's
  std::string_view messages;  // libbpf's
};

// Says in words why the kernel refused.
GroupReport explain(ProgramGroup group, const Refusal& refusal) {
  GroupReport report;
  report.group = group;
  const auto say = [&](LoadCause cause, std::string detail, std::string hint) {
    report.cause = cause;
    report.detail = std::move(detail);
    report.hint = std::move(hint);
  };
  const std::string error = std::strerror(refusal.error);
  const std::vector<std::string_view> missing = missing_capabilities();
  const std::string lockdown = lockdown_mode();
  const bool denied = refusal.error == EPERM || refusal.error == EACCES;

  // Without a capability the kernel withholds helpers, loops and maps too, so that it refuses in
  // many ways; the missing capability is the reason for all of them.
  if (!missing.empty()) {
    const std::string unprivileged = read_small_file("/proc/sys/kernel/unprivileged_bpf_disabled");
    std::string detail = "this process lacks " + join(missing);
    if (unprivileged == "1" || unprivileged == "2")
      detail += " and kernel.unprivileged_bpf_disabled is " + unprivileged;
    say(LoadCause::no_capability, detail,
        "run it as root or give it CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (the systemd unit does)");
  } else if (access("/sys/kernel/btf/vmlinux", R_OK) != 0 &&
             (contains(refusal.messages, "BTF") || refusal.error == ESRCH ||
              refusal.error == ENOENT)) {
    say(LoadCause::no_btf,
        "the kernel does not offer its type information (/sys/kernel/btf/vmlinux)",
        "use a kernel that is built with CONFIG_DEBUG_INFO_BTF; in a container, mount "
        "/sys/kernel/btf");
  } else if (contains(refusal.log, "unknown func") || contains(refusal.log, "invalid func") ||
             contains(refusal.log, "cannot use helper")) {
    if (lockdown == "confidentiality") {
      say(LoadCause::lockdown, "kernel lockdown (confidentiality) withholds helpers that it needs",
          "boot with lockdown=integrity to have it");
    } else {
      say(LoadCause::no_helper,
          "this kernel lacks a helper that " + std::string(refusal.program) +
              " calls:" + last_lines(refusal.log, 1),
          "a newer kernel has it");
    }
  } else if (contains(refusal.messages, "failed to find kernel BTF type ID")) {
    say(LoadCause::no_program_type,
        "this kernel has no trace point for " + std::string(refusal.program),
        "a newer kernel has it");
  } else if (refusal.error == ENOMEM) {
    say(LoadCause::no_memory, "not enough memory for programs and maps",
        "choose smaller ring buffers, or raise RLIMIT_MEMLOCK on kernels before 5.11");
  } else if (refusal.error == EINVAL && contains(refusal.messages, "map 'packets'")) {
    say(LoadCause::no_ring_buffer, "this kernel has no BPF ring buffers",
        "Linux 5.8 and newer have them");
  } else if (!refusal.log.empty() && !last_lines(refusal.log, 1).empty()) {
    say(LoadCause::verifier,
        "the kernel's verifier refused " + std::string(refusal.program) + " (" + error +
            "):" + last_lines(refusal.log, 6),
        "please report this with the kernel's version");
  } else if (denied && lockdown == "confidentiality") {
    say(LoadCause::lockdown, "kernel lockdown (confidentiality) forbids it",
        "boot with lockdown=integrity to have it");
  } else if (denied) {
    say(LoadCause::no_capability, "the kernel forbids it (" + error + ")",
        "a security module or a container's seccomp filter may refuse bpf(2)");
  } else if (refusal.error == ENOSYS) {
    say(LoadCause::no_program_type, "bpf(2) is missing in this kernel or filtered away", "");
  } else if (refusal.error == EINVAL && !refusal.program.empty()) {
    say(LoadCause::no_program_type,
        "this kernel does not know programs like " + std::string(refusal.program),
        "a newer kernel does");
  } else {
    say(LoadCause::other, error + last_lines(refusal.messages, 3), "");
  }
  return report;
}

uint32_t ring_size(uint32_t asked, uint32_t base) {
  const auto page = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
  uint32_t want = asked;
  if (want == 0) {
    const long cpus = sysconf(_SC_NPROCESSORS_CONF);
    want = cpus >= 32 ? base * 4 : cpus >= 8 ? base * 2 : base;
  }
  want = std::clamp<uint32_t>(want, page, 1u << 30);
  uint32_t size = page;
  while (size < want) size *= 2;
  return size;
}

// What the kernel charges for a map (the memlock line of fdinfo); 0 if it does not say.
uint64_t charged_bytes(int map_fd) {
  const std::string text = read_small_file("/proc/self/fdinfo/" + std::to_string(map_fd));
  const std::size_t at = text.find("memlock:");
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + 8, nullptr, 10);
}

// In the order of enum hp_counter.
constexpr const char* counter_names[] = {
    "packets",   "selected",     "emitted",           "syn_stashed",
    "syn_late",  "lost_ring",    "lost_ring_process", "lost_rate",
    "lost_load", "slot_evicted", "fragment",          "parse",
    "own",       "left_to_cgroup", "sampled_out",
};

}  // namespace

std::string_view name(LiveHook hook) {
  switch (hook) {
    case LiveHook::automatic:
      return "auto";
    case LiveHook::cgroup:
      return "cgroup";
    case LiveHook::tc:
      return "tc";
    case LiveHook::xdp:
      return "xdp";
  }
  return "";
}

std::string_view name(ProgramGroup group) {
  switch (group) {
    case ProgramGroup::capture_tc:
      return "capture_tc";
    case ProgramGroup::capture_cgroup:
      return "capture_cgroup";
    case ProgramGroup::capture_xdp:
      return "capture_xdp";
    case ProgramGroup::owner_trace:
      return "owner_trace";
    case ProgramGroup::exec_trace:
      return "exec_trace";
    case ProgramGroup::owner_cgroup:
      return "owner_cgroup";
    case ProgramGroup::seed:
      return "seed";
  }
  return "";
}

std::string_view purpose(ProgramGroup group) {
  switch (group) {
    case ProgramGroup::capture_tc:
      return "capture on interfaces";
    case ProgramGroup::capture_cgroup:
      return "capture at the sockets of every process and container";
    case ProgramGroup::capture_xdp:
      return "capture in the network driver";
    case ProgramGroup::owner_trace:
      return "processes behind TCP connections";
    case ProgramGroup::exec_trace:
      return "executables of processes that live briefly";
    case ProgramGroup::owner_cgroup:
      return "processes behind UDP sockets";
    case ProgramGroup::seed:
      return "processes behind sockets that are older than the agent";
  }
  return "";
}

std::string_view name(LoadCause cause) {
  switch (cause) {
    case LoadCause::none:
      return "ok";
    case LoadCause::not_wanted:
      return "not-wanted";
    case LoadCause::no_capability:
      return "no-capability";
    case LoadCause::no_btf:
      return "no-btf";
    case LoadCause::no_ring_buffer:
      return "no-ring-buffer";
    case LoadCause::no_program_type:
      return "no-program-type";
    case LoadCause::no_helper:
      return "no-helper";
    case LoadCause::lockdown:
      return "lockdown";
    case LoadCause::verifier:
      return "verifier";
    case LoadCause::no_memory:
      return "no-memory";
    case LoadCause::other:
      return "other";
  }
  return "";
}

std::string_view counter_name(uint32_t counter) {
  static_assert(std::size(counter_names) == HP_COUNT_MAX);
  return counter < HP_COUNT_MAX ? counter_names[counter] : "";
}

GroupSet groups_for(LiveHook hook, bool owners) {
  GroupSet wanted;
  const auto want = [&wanted](ProgramGroup group) { wanted.set(static_cast<std::size_t>(group)); };
  if (hook == LiveHook::cgroup || hook == LiveHook::automatic) want(ProgramGroup::capture_cgroup);
  if (hook != LiveHook::cgroup) want(ProgramGroup::capture_tc);
  if (hook == LiveHook::xdp) want(ProgramGroup::capture_xdp);
  if (owners) {
    want(ProgramGroup::owner_trace);
    want(ProgramGroup::exec_trace);
    want(ProgramGroup::owner_cgroup);
    want(ProgramGroup::seed);
  }
  return wanted;
}

// One opening and loading of the object with a given set of groups.
class LoadAttempt {
 public:
  LoadAttempt(const GroupSet& groups, bool xdp_frags, bool checksums, const LoadReport& report) {
    LibbpfMessages listen(messages_);
    object_ = handprint_bpf__open();
    if (object_ == nullptr) {
      error_ = errno != 0 ? errno : EINVAL;
      return;
    }
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_->obj) {
      const ProgramRow* row = find(bpf_program__name(program));
      const bool wanted = row != nullptr && groups.test(static_cast<std::size_t>(row->group));
      bpf_program__set_autoload(program, wanted);
      if (!wanted) continue;
      logs_.push_back({row, std::make_unique<char[]>(log_bytes)});
      bpf_program__set_log_buf(program, logs_.back().text.get(), log_bytes);
      bpf_program__set_log_level(program, log_level);
      if (row->group == ProgramGroup::capture_xdp && xdp_frags)
        bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
    }
    object_->rodata->hp_checksums = checksums ? 1 : 0;
    set_ring("packets", report.packet_ring_bytes);
    set_ring("processes", report.process_ring_bytes);
    const int result = handprint_bpf__load(object_);
    if (result != 0) error_ = -result;
  }
  ~LoadAttempt() { handprint_bpf__destroy(object_); }
  LoadAttempt(const LoadAttempt&) = delete;
  LoadAttempt& operator=(const LoadAttempt&) = delete;

  bool loaded() const { return error_ == 0; }
  handprint_bpf* release() { return std::exchange(object_, nullptr); }

  // The program that was refused; null when the refusal is not one program's.
  const ProgramRow* refused() const {
    for (const ProgramRow& row : programs) {
      const std::string quoted = "prog '" + std::string(row.program) + "'";
      if (contains(messages_, quoted + ": BPF program load failed") ||
          contains(messages_, quoted + ": failed to"))
        return &row;
    }
    return nullptr;
  }

  Refusal refusal(const ProgramRow* row) const {
    Refusal refusal{error_, row != nullptr ? row->program : "", {}, messages_};
    for (const auto& log : logs_)
      if (log.row == row) refusal.log = log.text.get();
    return refusal;
  }

 private:
  struct Log {
    const ProgramRow* row;
    std::unique_ptr<char[]> text;
  };

  static const ProgramRow* find(std::string_view program) {
    for (const ProgramRow& row : programs)
      if (program == row.program) return &row;
    return nullptr;
  }
  void set_ring(const char* map_name, uint32_t bytes) {
    if (bpf_map* map = bpf_object__find_map_by_name(object_->obj, map_name))
      bpf_map__set_max_entries(map, bytes);
  }

  handprint_bpf* object_ = nullptr;
  int error_ = 0;
  std::string messages_;
  std::vector<Log> logs_;
};

std::vector<MapPlan> planned_maps(const LiveOptions& options) {
  std::vector<MapPlan> out;
  std::string messages;
  LibbpfMessages listen(messages);
  handprint_bpf* object = handprint_bpf__open();
  if (object == nullptr) return out;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t cpus = static_cast<uint64_t>(std::max(libbpf_num_possible_cpus(), 1));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object->obj) {
    const std::string name = bpf_map__name(map);
    uint64_t entries = bpf_map__max_entries(map);
    const uint64_t value = (bpf_map__value_size(map) + 7u) & ~uint64_t{7};
    const uint64_t key = (bpf_map__key_size(map) + 7u) & ~uint64_t{7};
    constexpr uint64_t hash_overhead = 64;  // element, bucket
    uint64_t bytes = 0;
    switch (bpf_map__type(map)) {
      case BPF_MAP_TYPE_RINGBUF:
        if (name == "packets") entries = ring_size(options.packet_ring_bytes, 4u << 20);
        if (name == "processes") entries = ring_size(options.process_ring_bytes, 2u << 20);
        // The data pages are mapped twice in a row: one more table of them, and three pages before.
        bytes = entries + 2 * (entries / page) * sizeof(void*) + 3 * page;
        break;
      case BPF_MAP_TYPE_PERCPU_ARRAY:
        bytes = entries * value * cpus;
        break;
      case BPF_MAP_TYPE_HASH:
      case BPF_MAP_TYPE_LRU_HASH:
        bytes = entries * (key + value + hash_overhead);
        break;
      case BPF_MAP_TYPE_PERCPU_HASH:
      case BPF_MAP_TYPE_LRU_PERCPU_HASH:
        bytes = entries * (key + value * cpus + hash_overhead);
        break;
      case BPF_MAP_TYPE_ARRAY:
        bytes = entries * value;
        break;
      default:
        continue;  // storage that goes with its socket
    }
    out.push_back({name, bytes});
  }
  handprint_bpf__destroy(object);
  return out;
}

Result<std::unique_ptr<Loader>> Loader::load(const LiveOptions& options, GroupSet wanted,
                                             LoadReport* out) {
  LoadReport report;
  report.packet_ring_bytes = ring_size(options.packet_ring_bytes, 4u << 20);
  report.process_ring_bytes = ring_size(options.process_ring_bytes, 2u << 20);
  for (std::size_t i = 0; i < program_groups; ++i) {
    report.groups[i].group = static_cast<ProgramGroup>(i);
    report.groups[i].cause = LoadCause::not_wanted;
  }
  GroupSet capture;
  for (auto group :
       {ProgramGroup::capture_tc, ProgramGroup::capture_cgroup, ProgramGroup::capture_xdp})
    capture.set(static_cast<std::size_t>(group));

  handprint_bpf* object = nullptr;
  GroupSet groups = wanted;
  bool frags = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, nullptr) == 1;
  // Each round takes one refused group out (or the frags flag), so there are at most nine.
  while (groups.any()) {
    LoadAttempt attempt(groups, frags, options.config.checksum != 0, report);
    if (attempt.loaded()) {
      for (std::size_t i = 0; i < program_groups; ++i)
        if (groups.test(i)) report.groups[i].cause = LoadCause::none;
      if ((groups & capture).any()) object = attempt.release();
      break;
    }
    const ProgramRow* row = attempt.refused();
    if (row == nullptr) {
      for (std::size_t i = 0; i < program_groups; ++i)
        if (groups.test(i))
          report.groups[i] = explain(static_cast<ProgramGroup>(i), attempt.refusal(nullptr));
      groups.reset();
      break;
    }
    if (row->group == ProgramGroup::capture_xdp && frags) {
      frags = false;
      continue;
    }
    const auto index = static_cast<std::size_t>(row->group);
    report.groups[index] = explain(row->group, attempt.refusal(row));
    groups.reset(index);
  }
  if (object == nullptr) {
    Error error;
    for (std::size_t i = 0; i < program_groups; ++i) {
      const GroupReport& group = report.groups[i];
      if (!(wanted & capture).test(i) || group.loaded()) continue;
      // The verifier's log stays in the report.
      std::string first_line = group.detail.substr(0, group.detail.find(":\n"));
      error.message = "cannot capture: " + first_line.substr(0, first_line.find('\n'));
      if (!group.hint.empty()) error.message += "; " + group.hint;
      break;
    }
    if (error.message.empty()) error.message = "cannot capture: no capture hook was asked for";
    if (out != nullptr) *out = report;
    return error;
  }

  std::unique_ptr<Loader> loader(new Loader);
  loader->object_ = object;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object->obj) {
    if (bpf_map__fd(map) >= 0) report.map_bytes += charged_bytes(bpf_map__fd(map));
  }
  loader->report_ = report;
  if (out != nullptr) *out = report;
  const int cpus = libbpf_num_possible_cpus();
  loader->per_cpu_.resize(cpus > 0 ? static_cast<std::size_t>(cpus) : 1);
  Result<void> configured = loader->configure(options.config);
  if (!configured) return configured.error();
  return loader;
}

Loader::~Loader() {
  for (bpf_link* link : tracing_links_) bpf_link__destroy(link);
  handprint_bpf__destroy(object_);
}

Result<void> Loader::configure(const hp_config& config) {
  hp_config full = config;
  if (full.policy.segments == 0) full.policy = live_policy();
  if (full.agent_pid == 0) full.agent_pid = static_cast<uint32_t>(getpid());
  if (full.hash_seed == 0) full.hash_seed = config_.hash_seed;
  // The table's hash stays for the life of the table.
  while (full.hash_seed == 0)
    if (getrandom(&full.hash_seed, sizeof(full.hash_seed), 0) < 0) full.hash_seed = 0x68703031;
  if (full.wakeup_bytes == 0) full.wakeup_bytes = report_.packet_ring_bytes / 4;
  const uint32_t key = 0;
  if (bpf_map_update_elem(map("config"), &key, &full, BPF_ANY) != 0) {
    Error error;
    error.message = std::string("cannot write the configuration of the kernel programs: ") +
                    std::strerror(errno);
    return error;
  }
  config_ = full;
  return {};
}

bool Loader::read_counters(KernelCounters& out) {
  const int fd = map("counters");
  for (uint32_t counter = 0; counter < HP_COUNT_MAX; ++counter) {
    if (bpf_map_lookup_elem(fd, &counter, per_cpu_.data()) != 0) return false;
    uint64_t sum = 0;
    for (const uint64_t value : per_cpu_) sum += value;
    out[counter] = sum;
  }
  return true;
}

void Loader::attach_tracing() {
  std::string messages;
  for (const ProgramRow& row : programs) {
    if (row.group != ProgramGroup::owner_trace && row.group != ProgramGroup::exec_trace) continue;
    if (!has(row.group)) continue;
    LibbpfMessages listen(messages);
    bpf_program* program = bpf_object__find_program_by_name(object_->obj, row.program);
    bpf_link* link = program != nullptr ? bpf_program__attach(program) : nullptr;
    if (link == nullptr) {
      GroupReport& group = report_.groups[static_cast<std::size_t>(row.group)];
      group = explain(row.group, Refusal{errno, row.program, {}, messages});
      continue;
    }
    tracing_links_.push_back(link);
  }
}

std::vector<hp_owner> Loader::seed() {
  std::vector<hp_owner> owners;
  if (!has(ProgramGroup::seed)) return owners;
  GroupReport& group = report_.groups[static_cast<std::size_t>(ProgramGroup::seed)];
  std::string messages;
  bpf_link* link = nullptr;
  {
    LibbpfMessages listen(messages);
    bpf_program* program = bpf_object__find_program_by_name(object_->obj, "seed_sockets");
    link = program != nullptr ? bpf_program__attach_iter(program, nullptr) : nullptr;
  }
  const int fd = link != nullptr ? bpf_iter_create(bpf_link__fd(link)) : -1;
  if (fd < 0) {
    group = explain(ProgramGroup::seed, Refusal{errno, "seed_sockets", {}, messages});
    bpf_link__destroy(link);
    return owners;
  }
  std::vector<char> buffer(sizeof(hp_seed) * 1024);
  std::size_t filled = 0;
  while (true) {
    const ssize_t got = read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
    std::size_t used = 0;
    for (; filled - used >= sizeof(hp_seed); used += sizeof(hp_seed)) {
      hp_seed seed;
      std::memcpy(&seed, buffer.data() + used, sizeof(seed));
      if (seed.owner.pid != 0) owners.push_back(seed.owner);
    }
    std::memmove(buffer.data(), buffer.data() + used, filled - used);
    filled -= used;
  }
  close(fd);
  bpf_link__destroy(link);
  const auto order = [](const hp_owner& a, const hp_owner& b) {
    return std::pair(a.pid, a.start_ns) < std::pair(b.pid, b.start_ns);
  };
  const auto same = [](const hp_owner& a, const hp_owner& b) {
    return a.pid == b.pid && a.start_ns == b.start_ns;
  };
  std::sort(owners.begin(), owners.end(), order);
  owners.erase(std::unique(owners.begin(), owners.end(), same), owners.end());
  return owners;
}

void Loader::forget_announced() {
  const bpf_map* announced = bpf_object__find_map_by_name(object_->obj, "announced");
  if (announced == nullptr || bpf_map__fd(announced) < 0) return;
  const std::vector<char> nobody(bpf_map__value_size(announced));
  for (uint32_t i = 0; i < bpf_map__max_entries(announced); ++i)
    bpf_map_update_elem(bpf_map__fd(announced), &i, nobody.data(), BPF_ANY);
}

int Loader::program(std::string_view wanted) const {
  const bpf_program* program =
      bpf_object__find_program_by_name(object_->obj, std::string(wanted).c_str());
  return program != nullptr ? bpf_program__fd(program) : -1;
}

int Loader::map(std::string_view wanted) const {
  const bpf_map* map = bpf_object__find_map_by_name(object_->obj, std::string(wanted).c_str());
  return map != nullptr ? bpf_map__fd(map) : -1;
}

}  // namespace handprint
