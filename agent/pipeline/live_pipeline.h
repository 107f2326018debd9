// SPDX-License-Identifier: Apache-2.0
// The pipeline thread of live traffic: rings → engine → process facts → outputs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/pipeline/identity.h"
#include "agent/pipeline/live_source.h"
#include "agent/process/annotate.h"
#include "agent/process/process_info.h"
#include "agent/sink/outlet.h"
#include "flow/engine.h"

namespace handprint {

// What a reload may change on the pipeline thread: built aside, never changed, published as a whole.
struct LiveSnapshot {
  std::string sensor;
  std::vector<std::string> labels;
};

struct LivePipelineOptions {
  EngineOptions engine;
  ProcessTableOptions processes;
  Identity identity;
  uint64_t document_limit = 0;         // 0: no limit
  std::function<void()> limit_reached;  // called once, on the pipeline thread
};

// Sources of unanswered SYNs that are no records.
struct ScanReport {
  static constexpr std::size_t most = 16;
  std::array<ScanSource, most> top{};  // the greatest first; version 0 behind the last
  uint64_t sources = 0;                // that have a counter
  uint64_t others = 0;                 // SYNs of sources that lost theirs
};

// Counters as they were at the end of the last round.
struct LivePipelineCounters {
  ReaderCounters reader;
  EngineCounters engine;
  ProcessTableCounters processes;
  uint64_t documents = 0;    // handed to the outputs
  uint64_t unannotated = 0;  // went on without an answer about their process
  ScanReport scans;          // since this worker began
};

class LivePipeline {
 public:
  // Everything given by reference outlives the pipeline.
  LivePipeline(LiveFeed& feed, std::vector<Output*> outputs, const LivePipelineOptions& options,
               std::shared_ptr<const LiveSnapshot> snapshot);
  ~LivePipeline();
  LivePipeline(const LivePipeline&) = delete;
  LivePipeline& operator=(const LivePipeline&) = delete;

  // Waits, at most `ms`, until the processes behind the sockets that existed before the capture are
  // known. Packets are taken meanwhile. Before start().
  void learn_existing(int ms);

  void start();

  // The most bytes of documents that a queue may hold.
  std::size_t queue_limit() const { return engine_.document_bytes() / 2; }

  // Goes on with another process-information service, from the next batch on. Any thread; the
  // descriptor is the pipeline's from here on.
  void use_process_service(int descriptor);

  // Publishes a new snapshot: the pipeline takes it up between two batches.
  void publish(std::shared_ptr<const LiveSnapshot> snapshot);

  // Detaches, drains the rings until they are empty, writes every open flow and hands all documents
  // over. False when that took longer than `ms`; the thread goes on then.
  bool stop(int ms);

  uint64_t heartbeat() const { return heartbeat_.load(); }
  LivePipelineCounters counters() const;

 private:
  void run();
  void round(int timeout_ms);
  void finish();
  void take_snapshot();
  void read_clocks(bool always);
  void publish_counters();

  LiveFeed& feed_;
  LivePipelineOptions options_;
  Outlet outlet_;
  ProcessTable processes_;
  Annotator annotator_;
  Engine engine_;
  LiveSource source_;

  std::atomic<std::shared_ptr<const LiveSnapshot>> published_;
  std::shared_ptr<const LiveSnapshot> snapshot_;
  int64_t wall_offset_ = 0;
  PacketTime clocks_read_ = 0;

  Descriptor process_service_;              // taken up
  std::atomic<int> next_process_service_{-1};

  std::atomic<bool> stopping_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<uint64_t> heartbeat_{0};
  mutable std::mutex counters_mutex_;
  LivePipelineCounters counters_;
  std::thread thread_;
};

}  // namespace handprint
