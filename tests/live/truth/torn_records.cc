// SPDX-License-Identifier: Apache-2.0
// Reads the rings of a capture whose kernel side puts a checksum over each payload copy, until
// SIGTERM, and counts the copies that do not match: records that something else wrote into while
// they were made. Prints one JSON object at the end.
//
//   torn_records cgroup|tc [INTERFACE]
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/source/live/live_capture.h"

namespace {

volatile std::sig_atomic_t stopped = 0;

// Takes everything and keeps only numbers.
class Counter : public handprint::LiveSink {
 public:
  void segment(const handprint::Segment& segment) override {
    bytes += segment.packet == nullptr ? 0 : segment.packet->payload.size();
    ++segments[segment.direction == HP_EGRESS ? 1 : 0];
  }
  void owner(const hp_owner_event&) override {}
  void process(const hp_process&, std::string_view, std::string_view) override {}

  uint64_t bytes = 0;
  uint64_t segments[2] = {};
};

}  // namespace

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  handprint::LiveOptions options;
  if (argc < 2) return 2;
  options.hook =
      std::strcmp(argv[1], "cgroup") == 0 ? handprint::LiveHook::cgroup : handprint::LiveHook::tc;
  if (argc > 2) options.interfaces = {argv[2]};
  options.config.checksum = 1;
  auto started = handprint::LiveCapture::start(options);
  if (!started) {
    std::fprintf(stderr, "torn_records: %s\n", started.error().message.c_str());
    return 1;
  }
  const std::unique_ptr<handprint::LiveCapture> capture = std::move(started).value();
  std::signal(SIGTERM, [](int) { stopped = 1; });
  std::fprintf(stderr, "handprint: capturing\n");
  Counter counter;
  while (!stopped) capture->poll(counter, Clock::now() + std::chrono::milliseconds(10));
  capture->stop();
  capture->drain(counter);
  const handprint::ReaderCounters& read = capture->reader_counters();
  std::printf("{\"records\":%llu,\"ingress\":%llu,\"egress\":%llu,\"bytes\":%llu,\"torn\":%llu,"
              "\"bad\":%llu,\"missing\":%llu}\n",
              static_cast<unsigned long long>(read.packet_records),
              static_cast<unsigned long long>(counter.segments[0]),
              static_cast<unsigned long long>(counter.segments[1]),
              static_cast<unsigned long long>(counter.bytes),
              static_cast<unsigned long long>(read.torn),
              static_cast<unsigned long long>(read.bad_records),
              static_cast<unsigned long long>(read.missing));
  return 0;
}
