// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/load_control.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace handprint {
namespace {

constexpr uint64_t packet_ns = 30;     // between a bare acknowledgement and bulk data
constexpr uint64_t selected_ns = 250;  // a hello, copied
constexpr uint64_t process_ns = 2000;  // an exec that is announced

// So that a test need not wait for minutes. Nothing else reads the environment for it.
int64_t second_ns() {
  constexpr int64_t whole = 1'000'000'000;
  const char* text = std::getenv("HANDPRINT_TEST_GOVERNOR_MS");
  if (text == nullptr) return whole;
  return std::clamp<int64_t>(std::strtol(text, nullptr, 10), 20, 1000) * 1'000'000;
}

GovernorOptions options(int64_t second) {
  GovernorOptions out;
  out.patience = 10 * second;
  out.relief = 30 * second;
  out.retry = 60 * second;
  return out;
}

// CPU time of a process with all its threads, 0 if it is gone.
uint64_t process_cpu(pid_t pid) {
  clockid_t clock;
  timespec time{};
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
    return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

uint64_t estimated_kernel_ns(const KernelCounters& counters, uint64_t process_records) {
  return counters[HP_COUNT_PACKETS] * packet_ns + counters[HP_COUNT_SELECTED] * selected_ns +
         process_records * process_ns;
}

LoadControl::LoadControl(uint32_t limit)
    : second_(second_ns()),
      governor_(options(second_)),
      cpus_(static_cast<double>(std::max<long>(sysconf(_SC_NPROCESSORS_ONLN), 1))) {
  set_limit(limit);
}

// Of the whole host, and at most one core of it.
void LoadControl::set_limit(uint32_t limit) {
  limit_percent_ = std::min(static_cast<double>(limit) / 1000, 100 / cpus_);
}

void LoadControl::reset() {
  governor_.reset();
  began_ = false;
}

bool LoadControl::update(int64_t now_ns, std::span<const pid_t> processes,
                         const KernelCounters& counters, uint64_t process_records) {
  uint64_t used = 0;
  std::map<pid_t, uint64_t> now_process;
  for (const pid_t pid : processes) {
    const uint64_t total = process_cpu(pid);
    const auto before = last_process_.find(pid);
    if (before != last_process_.end() && total > before->second) used += total - before->second;
    now_process[pid] = total;
  }
  const uint64_t kernel = estimated_kernel_ns(counters, process_records);
  if (kernel > last_kernel_) used += kernel - last_kernel_;
  const double span = static_cast<double>(now_ns - last_now_);
  const bool first = !began_ || span <= 0;
  began_ = true;
  last_now_ = now_ns;
  last_kernel_ = kernel;
  last_process_ = std::move(now_process);
  if (first) return false;
  used_percent_ = static_cast<double>(used) / span / cpus_ * 100;
  if (limit_percent_ <= 0) {
    if (governor_.step() == 0) return false;
    governor_.reset();
    return true;
  }
  return governor_.update(now_ns, used_percent_ / limit_percent_);
}

void LoadControl::apply(hp_config& config) const {
  if (governor_.first_request_only()) config.policy.requests = 1;
  config.sample_shift = governor_.sample_shift();
  if (governor_.detached()) config.disabled = 1;
}

}  // namespace handprint
