// SPDX-License-Identifier: Apache-2.0
// What is left out when the agent costs more than it may: a ladder of steps, climbed and descended by
// time alone. No clock, no I/O: time and load are arguments.
#pragma once

#include <cstdint>
#include <string>

namespace handprint {

struct GovernorOptions {
  // Nanoseconds of the caller's clock.
  int64_t patience = 10'000'000'000;    // above the limit for so long: a step up
  int64_t relief = 30'000'000'000;      // below `low` for so long: a step down
  int64_t retry = 60'000'000'000;       // after so long without the programs they come back
  double low = 0.7;                     // of the limit
};

class Governor {
 public:
  // 0: everything; 1: only the first request and answer of a connection; 2 to 7: that, of one
  // connection in 2, 4 … 64; 8: nothing, the programs are detached.
  static constexpr uint32_t first_sample = 2;
  static constexpr uint32_t last_sample = 7;
  static constexpr uint32_t detached_step = 8;

  struct Counters {
    uint64_t steps_up = 0;
    uint64_t steps_down = 0;
    uint64_t detaches = 0;
  };

  explicit Governor(const GovernorOptions& options = {}) : options_(options) {}

  // `now` in nanoseconds, never going backwards by more than it is ignored; `load` is what was used
  // since the call before as a share of the limit (1.0: as much as is allowed; not finite or negative
  // counts as 0). True when the step changed. At most one step a call.
  bool update(int64_t now, double load);
  // Back to the beginning, as after a new start. Counters stay.
  void reset();

  uint32_t step() const { return step_; }
  bool first_request_only() const { return step_ >= 1; }
  // Connections are sampled one in 2^shift.
  uint8_t sample_shift() const;
  bool detached() const { return step_ == detached_step; }
  const Counters& counters() const { return counters_; }

  // What a step means, for people: "everything", "first requests only", "1 connection in 8",
  // "detached".
  static std::string describe(uint32_t step);

 private:
  void move(uint32_t step, int64_t now);

  GovernorOptions options_;
  uint32_t step_ = 0;
  bool began_ = false;
  int64_t above_since_ = 0, below_since_ = 0;  // the last time that the load was not so
  int64_t moved_at_ = 0;
  Counters counters_;
};

}  // namespace handprint
