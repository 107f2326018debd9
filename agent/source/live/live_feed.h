// SPDX-License-Identifier: Apache-2.0
// What the pipeline reads live traffic from: the capture itself in one process, or the rings that
// another process handed over.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/source/live/ring_reader.h"

namespace handprint {

class LiveFeed {
 public:
  virtual ~LiveFeed() = default;

  // Owners of the sockets that existed at the start: give them to ProcessTable::request() once.
  virtual const std::vector<hp_owner>& seeded() const = 0;

  // As RingReader::poll() and drain(); one thread.
  virtual std::size_t poll(LiveSink& sink, std::chrono::steady_clock::time_point deadline) = 0;
  virtual std::size_t drain(LiveSink& sink, std::size_t limit = SIZE_MAX) = 0;
  virtual const ReaderCounters& reader_counters() const = 0;

  // Nothing more comes into the rings once it returns; what is there stays readable.
  virtual void stop() = 0;

  // Name of an interface of the agent's network namespace, "" if unknown. Any thread.
  virtual std::string interface_name(uint32_t interface) const = 0;
};

}  // namespace handprint
