// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/live_source.h"

#include <algorithm>
#include <chrono>
#include <ctime>

namespace handprint {
namespace {

constexpr PacketTime margin_ns = 20'000'000;

}  // namespace

PacketTime boot_time() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return PacketTime{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

LiveSource::LiveSource(LiveFeed& feed, ProcessTable& processes)
    : feed_(feed), processes_(processes) {
  for (const hp_owner& owner : feed.seeded()) processes_.request(owner);
}

Source::State LiveSource::pump(Engine& engine, int timeout_ms) {
  engine_ = &engine;
  const PacketTime before = boot_time();
  const std::size_t count = feed_.poll(
      *this, std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms));
  if (count >= RingReader::batch) return State::more;
  now_ = std::max(now_, before - margin_ns);
  return count == 0 ? State::idle : State::more;
}

void LiveSource::drain(Engine& engine) {
  engine_ = &engine;
  feed_.drain(*this);
}

void LiveSource::segment(const Segment& segment) {
  if (segment.owner != nullptr) processes_.request(*segment.owner);
  engine_->segment(segment);
}

void LiveSource::owner(const hp_owner_event& event) {
  processes_.request(event.owner);
  engine_->owner(event);
}

void LiveSource::process(const hp_process& process, std::string_view path, std::string_view args) {
  processes_.process(process, path, args);
}

}  // namespace handprint
