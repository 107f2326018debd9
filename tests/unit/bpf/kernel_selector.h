// SPDX-License-Identifier: Apache-2.0
// The capture programs under BPF_PROG_TEST_RUN: frames in, records out, no interface and no
// traffic.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/slots.h"
#include "bpf/wire.h"

struct bpf_program;

namespace handprint::test {

// A record of the ring, taken apart.
struct Record {
  hp_packet packet{};
  std::vector<uint8_t> syn, headers, payload;
};

struct RunResult {
  int error = 0;             // errno of the test run: the frame was not taken
  uint32_t verdict = 0;      // what the program returned
  uint32_t nanoseconds = 0;  // per run
};

// The programs that one object loads for a test.
enum class Program {
  tc_ingress,
  tc_egress,
  tc_ingress_l3,
  cgroup_ingress,
  cgroup_egress,
  xdp_ingress
};

class KernelSelector {
 public:
  // Loads the programs with the live policy, no rates, and the test clock. checksums:
  // hp_packet.checksum is filled where the configuration asks for it. On failure error() says why.
  explicit KernelSelector(std::span<const Program> programs, bool checksums = false);
  ~KernelSelector();
  KernelSelector(const KernelSelector&) = delete;
  KernelSelector& operator=(const KernelSelector&) = delete;

  // Empty if the programs are loaded; otherwise the reason, "needs …" when privilege is missing.
  const std::string& error() const { return error_; }
  bool lacks_privilege() const { return lacks_privilege_; }

  // The configuration as the programs see it; changes count at once.
  hp_config& config();

  RunResult run(Program program, std::span<const uint8_t> frame, uint32_t repeat = 1);
  // Takes what lies in the ring.
  std::vector<Record> records();
  // Likewise without copying the bytes out: they are valid during the call only.
  void drain(const std::function<void(const hp_packet&, const uint8_t* bytes)>& taker);

  uint64_t counter(hp_counter counter) const;
  std::array<uint64_t, HP_COUNT_MAX> counters() const;
  // The window table, mapped: HP_SETS sets, HP_SLOTS slots.
  hp_set* sets();
  hp_slot* slots();
  // Forgets every window, bucket and counter.
  void reset();

  int map_descriptor(const char* name) const;
  int program_descriptor(Program program) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string error_;
  bool lacks_privilege_ = false;
};

}  // namespace handprint::test
