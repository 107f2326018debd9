// SPDX-License-Identifier: Apache-2.0
// The rings of a capture that another process holds, with the names of its interfaces as that
// process tells them.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "agent/source/live/descriptor.h"
#include "agent/source/live/live_feed.h"
#include "fingerprint/result.h"

namespace handprint {

struct RingSizes {
  uint32_t packet_bytes = 0, process_bytes = 0;  // max_entries of the maps
};

class RingFeed : public LiveFeed {
 public:
  static constexpr std::size_t most_gone =
      4096;  // names of vanished interfaces that are remembered

  // Maps both rings and goes on where their last reader stopped. own_netns as in
  // decode_packet_record().
  static Result<std::unique_ptr<RingFeed>> open(Descriptor packets, Descriptor processes,
                                                RingSizes sizes, uint32_t own_netns,
                                                std::vector<hp_owner> seeded);

  // Notes a name. One that is gone is remembered for the records still under way.
  void interface_is(uint32_t interface, std::string_view name);
  void interface_gone(uint32_t interface);

  const std::vector<hp_owner>& seeded() const override { return seeded_; }
  std::size_t poll(LiveSink& sink, std::chrono::steady_clock::time_point deadline) override {
    return reader_->poll(sink, deadline);
  }
  std::size_t drain(LiveSink& sink, std::size_t limit) override {
    return reader_->drain(sink, limit);
  }
  const ReaderCounters& reader_counters() const override { return reader_->counters(); }
  // The process that holds the programs has detached them by then.
  void stop() override {}
  std::string interface_name(uint32_t interface) const override;

 private:
  struct Name {
    std::string text;
    bool gone = false;
  };
  RingFeed() = default;
  Descriptor packets_, processes_;
  std::unique_ptr<RingReader> reader_;
  std::vector<hp_owner> seeded_;
  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, Name> names_;
  std::deque<uint32_t> gone_;
};

}  // namespace handprint
