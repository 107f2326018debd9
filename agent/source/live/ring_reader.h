// SPDX-License-Identifier: Apache-2.0
// Drains the two rings: process events first, then packets in batches of at most 256.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/source/live/record.h"
#include "agent/source/live/ring.h"

namespace handprint {

// Who takes what the rings give. Called on the thread that polls; views are valid during the call.
class LiveSink {
 public:
  virtual ~LiveSink() = default;
  virtual void segment(const Segment& segment) = 0;
  virtual void owner(const hp_owner_event& event) = 0;
  virtual void process(const hp_process& process, std::string_view path, std::string_view args) = 0;
};

struct ReaderCounters {
  uint64_t packet_records = 0;   // read from the ring "packets"
  uint64_t segments = 0;         // given to the sink, late SYNs included
  uint64_t process_records = 0;  // read from the ring "processes"
  uint64_t bad_records = 0;      // lengths or headers that make no sense
  uint64_t missing = 0;          // packet records that the sequence numbers prove lost
  uint64_t torn = 0;  // payload copies that do not match their checksum (config.checksum)
};

// Wire rings, by epoll with a time-out of 10 ms: the kernel wakes the reader only when much is
// pending. One thread at a time.
class RingReader {
 public:
  static constexpr int timeout_ms = 10;
  static constexpr std::size_t batch = 256;

  // `processes` may be null. own_netns as in decode_packet_record().
  RingReader(std::unique_ptr<Ring> packets, std::unique_ptr<Ring> processes, uint32_t own_netns);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  // Waits until the kernel wakes, a time-out passed, or `deadline` came, then gives the sink one
  // batch: all process events there are, then at most 256 packets. Result: packet records read. 256
  // means that more may be waiting: call again with a deadline in the past.
  std::size_t poll(LiveSink& sink, std::chrono::steady_clock::time_point deadline);

  // Reads until both rings are empty, at most `limit` packet records (a host under load may never
  // be empty). Result: packet records read.
  std::size_t drain(LiveSink& sink, std::size_t limit = SIZE_MAX);

  const ReaderCounters& counters() const { return counters_; }

 private:
  std::size_t read_batch(LiveSink& sink);
  void read_processes(LiveSink& sink);
  void check_copy();

  std::unique_ptr<Ring> packets_;
  std::unique_ptr<Ring> processes_;
  uint32_t own_netns_;
  int epoll_ = -1;
  ReaderCounters counters_;
  SequenceGaps gaps_;
  std::unique_ptr<PacketRecord> packet_;
  std::unique_ptr<ProcessRecord> process_;
  std::vector<uint8_t> copy_;  // of a payload to be checked, with the room that hp_checksum() needs
};

}  // namespace handprint
