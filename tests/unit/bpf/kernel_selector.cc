// SPDX-License-Identifier: Apache-2.0
#include "kernel_selector.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "flow/selection.h"
#include "handprint_bpf.skel.h"

namespace handprint::test {
namespace {

constexpr std::array<const char*, 6> program_names = {
    "tc_ingress", "tc_egress", "tc_ingress_l3", "cgroup_ingress", "cgroup_egress", "xdp_ingress"};

std::string last_message;

int keep_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[1024];
  const int length = vsnprintf(line, sizeof(line), format, arguments);
  if (length > 0 && last_message.size() < 4096) last_message += line;
  return length;
}

template <typename T>
T* map_array(int descriptor, size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

constexpr size_t page_round(size_t bytes) { return (bytes + 4095) & ~size_t{4095}; }

}  // namespace

struct KernelSelector::State {
  handprint_bpf* skeleton = nullptr;
  ring_buffer* ring = nullptr;
  std::function<void(const hp_packet&, const uint8_t*)> taker;
  hp_config* config = nullptr;
  hp_set* sets = nullptr;
  hp_slot* slots = nullptr;
  std::array<int, program_names.size()> programs{};
  std::vector<uint8_t> out = std::vector<uint8_t>(70000);

  ~State() {
    ring_buffer__free(ring);
    if (config) munmap(config, page_round(sizeof(hp_config)));
    if (sets) munmap(sets, page_round(sizeof(hp_set) * HP_SETS));
    if (slots) munmap(slots, page_round(sizeof(hp_slot) * (HP_SLOTS + 1)));
    handprint_bpf__destroy(skeleton);
  }

  static int on_record(void* context, void* data, size_t) {
    auto* self = static_cast<State*>(context);
    if (self->taker)
      self->taker(*static_cast<hp_packet*>(data), static_cast<uint8_t*>(data) + sizeof(hp_packet));
    return 0;
  }
};

KernelSelector::KernelSelector(std::span<const Program> programs, bool checksums)
    : state_(std::make_unique<State>()) {
  last_message.clear();
  libbpf_set_print(keep_message);
  handprint_bpf* skeleton = handprint_bpf__open();
  if (!skeleton) {
    error_ = "the programs cannot be opened: " + last_message;
    return;
  }
  state_->skeleton = skeleton;
  skeleton->rodata->hp_checksums = checksums;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) bpf_program__set_autoload(program, false);
  for (Program wanted : programs) {
    program =
        bpf_object__find_program_by_name(skeleton->obj, program_names[static_cast<size_t>(wanted)]);
    bpf_program__set_autoload(program, true);
    if (wanted == Program::xdp_ingress) bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
  }
  for (const char* name : {"config", "sets", "slots"})
    bpf_map__set_map_flags(bpf_object__find_map_by_name(skeleton->obj, name), BPF_F_MMAPABLE);
  if (const int error = handprint_bpf__load(skeleton); error != 0) {
    lacks_privilege_ = error == -EPERM || error == -EACCES;
    error_ = lacks_privilege_ && last_message.find("processed") == std::string::npos
                 ? "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or root)"
                 : "the programs do not load: " + last_message;
    return;
  }
  for (Program wanted : programs) {
    program =
        bpf_object__find_program_by_name(skeleton->obj, program_names[static_cast<size_t>(wanted)]);
    state_->programs[static_cast<size_t>(wanted)] = bpf_program__fd(program);
  }
  state_->config = map_array<hp_config>(map_descriptor("config"), page_round(sizeof(hp_config)));
  state_->sets = map_array<hp_set>(map_descriptor("sets"), page_round(sizeof(hp_set) * HP_SETS));
  state_->slots =
      map_array<hp_slot>(map_descriptor("slots"), page_round(sizeof(hp_slot) * (HP_SLOTS + 1)));
  state_->ring =
      ring_buffer__new(map_descriptor("packets"), State::on_record, state_.get(), nullptr);
  if (!state_->config || !state_->sets || !state_->slots || !state_->ring) {
    error_ = std::string("the maps cannot be mapped: ") + strerror(errno);
    return;
  }
  hp_config& c = *state_->config;
  c = {};
  c.policy = live_policy();
  c.test_time_ns = 1;
  c.wakeup_bytes = 1u << 30;
}

KernelSelector::~KernelSelector() = default;

hp_config& KernelSelector::config() { return *state_->config; }
hp_set* KernelSelector::sets() { return state_->sets; }
hp_slot* KernelSelector::slots() { return state_->slots; }

int KernelSelector::map_descriptor(const char* name) const {
  return bpf_object__find_map_fd_by_name(state_->skeleton->obj, name);
}

int KernelSelector::program_descriptor(Program program) const {
  return state_->programs[static_cast<size_t>(program)];
}

RunResult KernelSelector::run(Program program, std::span<const uint8_t> frame, uint32_t repeat) {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.data_out = state_->out.data();
  options.data_size_out = static_cast<uint32_t>(state_->out.size());
  options.repeat = static_cast<int>(repeat);
  RunResult result;
  if (bpf_prog_test_run_opts(program_descriptor(program), &options) != 0) {
    result.error = errno;
    return result;
  }
  result.verdict = options.retval;
  result.nanoseconds = options.duration;
  return result;
}

void KernelSelector::drain(const std::function<void(const hp_packet&, const uint8_t*)>& taker) {
  state_->taker = taker;
  ring_buffer__consume(state_->ring);
  state_->taker = nullptr;
}

std::vector<Record> KernelSelector::records() {
  std::vector<Record> all;
  drain([&](const hp_packet& packet, const uint8_t* bytes) {
    Record& record = all.emplace_back();
    record.packet = packet;
    record.syn.assign(bytes, bytes + packet.syn_len);
    bytes += packet.syn_len;
    record.headers.assign(bytes, bytes + packet.header_len);
    bytes += packet.header_len;
    record.payload.assign(bytes, bytes + packet.copy_len);
  });
  return all;
}

std::array<uint64_t, HP_COUNT_MAX> KernelSelector::counters() const {
  std::array<uint64_t, HP_COUNT_MAX> sums{};
  std::vector<uint64_t> values(static_cast<size_t>(libbpf_num_possible_cpus()));
  for (uint32_t i = 0; i < HP_COUNT_MAX; ++i) {
    if (bpf_map_lookup_elem(map_descriptor("counters"), &i, values.data()) != 0) continue;
    for (uint64_t value : values) sums[i] += value;
  }
  return sums;
}

uint64_t KernelSelector::counter(hp_counter counter) const { return counters()[counter]; }

void KernelSelector::reset() {
  std::memset(state_->sets, 0, sizeof(hp_set) * HP_SETS);
  const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  std::vector<uint64_t> zeros(cpus * 2);
  for (uint32_t i = 0; i < HP_COUNT_MAX; ++i)
    bpf_map_update_elem(map_descriptor("counters"), &i, zeros.data(), BPF_ANY);
  uint32_t key = 0;
  bpf_map_update_elem(map_descriptor("buckets"), &key, zeros.data(), BPF_ANY);
  drain([](const hp_packet&, const uint8_t*) {});
}

}  // namespace handprint::test
