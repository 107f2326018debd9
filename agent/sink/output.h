// SPDX-License-Identifier: Apache-2.0
// One sink with its queue and its thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/sink/batch.h"
#include "agent/sink/sink.h"

namespace handprint {

struct OutputCounters {
  uint64_t written = 0;        // documents
  uint64_t bytes = 0;
  uint64_t dropped = 0;        // documents: the queue was full, or the sink failed for good
  uint64_t errors = 0;         // failed writes, retries included
  uint64_t queue_bytes = 0;    // waiting now
  uint64_t queue_documents = 0;
};

// What an output wants to tell people. Called on its thread, once a change of state, not per document.
struct OutputEvents {
  std::function<void(std::string_view sink, std::string_view message)> failed;
  std::function<void(std::string_view sink, std::string_view message)> recovered;
  // Nobody will read from the sink any more (EPIPE), or, for files, it failed.
  std::function<void(std::string_view sink, int error)> ended;
};

struct OutputOptions {
  std::size_t queue_bytes = 64u << 20;
  // Live traffic is never held up: a full queue drops and counts, and a failed write is tried again
  // each second while the queue lasts. A file waits for room, and a failed write ends the output.
  bool live = true;
};

class Output {
 public:
  Output(std::unique_ptr<Sink> sink, const OutputOptions& options, OutputEvents events);
  // Ends the thread; what still waits is dropped. Call finish() before.
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Queues a batch. Live: never waits. From the pipeline thread only.
  void push(const std::shared_ptr<const Batch>& batch);

  // From here on the queue holds at most so many bytes of documents.
  void bound(std::size_t queue_bytes);

  // Opens the sink anew before the next write.
  void reopen();

  // Writes all that waits, syncs, and ends the thread; gives up after `ms`, so that a device that
  // hangs cannot hold the stop. False if documents were lost by that or a sync failed.
  bool finish(int ms);

  // True once the sink takes no more.
  bool ended() const { return ended_.load(); }
  int error() const { return error_.load(); }

  OutputCounters counters() const;
  std::string_view name() const { return sink_->name(); }
  // Advances while the thread is alive and not stuck in a device.
  uint64_t heartbeat() const { return heartbeat_.load(); }
  bool busy() const { return busy_.load(); }
  // For how long the device has not returned from a write, in ms; 0: it is not being waited for. Such
  // an output is alive, and nothing that this program could do makes its device answer.
  uint32_t waiting_ms() const;

 private:
  void run();
  void idle();
  void write(const Batch& batch);

  std::unique_ptr<Sink> sink_;
  OutputOptions options_;
  OutputEvents events_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable room_;
  std::deque<std::shared_ptr<const Batch>> queue_;
  std::size_t queued_bytes_ = 0;
  std::size_t queued_documents_ = 0;
  bool finishing_ = false;
  bool stopping_ = false;
  bool done_ = false;
  bool lost_ = false;
  bool failing_ = false;  // of the output's own thread: it was told that the place is gone
  std::atomic<bool> reopen_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> busy_{false};
  std::atomic<int> error_{0};
  std::atomic<int64_t> writing_since_{0};  // steady clock, ns
  std::atomic<uint64_t> written_{0}, bytes_{0}, dropped_{0}, errors_{0}, heartbeat_{0};
  std::thread thread_;
};

}  // namespace handprint
