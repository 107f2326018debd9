// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/governor.h"

#include <algorithm>
#include <cmath>

namespace handprint {

uint8_t Governor::sample_shift() const {
  if (step_ < first_sample) return 0;
  return static_cast<uint8_t>(std::min(step_, last_sample) - first_sample + 1);
}

std::string Governor::describe(uint32_t step) {
  if (step == 0) return "everything";
  if (step < first_sample) return "first requests only";
  if (step >= detached_step) return "detached";
  return "1 connection in " + std::to_string(1u << (step - first_sample + 1));
}

void Governor::move(uint32_t step, int64_t now) {
  if (step > step_) {
    ++counters_.steps_up;
    if (step == detached_step) ++counters_.detaches;
  } else {
    ++counters_.steps_down;
  }
  step_ = step;
  // Every step is given its time to show what it does.
  moved_at_ = above_since_ = below_since_ = now;
}

void Governor::reset() {
  step_ = 0;
  began_ = false;
}

bool Governor::update(int64_t now, double load) {
  if (!std::isfinite(load) || load < 0) load = 0;
  if (!began_) {
    began_ = true;
    moved_at_ = above_since_ = below_since_ = now;
  }
  if (detached()) {
    // Nothing is seen, so that the load says nothing about what would be.
    if (now - moved_at_ < options_.retry) return false;
    move(last_sample, now);
    return true;
  }
  if (load <= 1.0) above_since_ = now;
  if (load >= options_.low) below_since_ = now;
  if (now - above_since_ >= options_.patience) {
    move(step_ + 1, now);
    return true;
  }
  if (step_ > 0 && now - below_since_ >= options_.relief) {
    move(step_ - 1, now);
    return true;
  }
  return false;
}

}  // namespace handprint
