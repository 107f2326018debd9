// SPDX-License-Identifier: Apache-2.0
// The kernel's rings as a source: process events go to the process table, packets to the engine.
#pragma once

#include "agent/process/process_table.h"
#include "agent/source/live/live_feed.h"
#include "agent/source/source.h"

namespace handprint {

class LiveSource : public Source, private LiveSink {
 public:
  // Both must outlive the source.
  LiveSource(LiveFeed& feed, ProcessTable& processes);

  State pump(Engine& engine, int timeout_ms) override;
  // The boot clock as it was before the rings were last found empty, less a margin for records that
  // were being written: nothing older can come any more.
  PacketTime now() const override { return now_; }

  // Everything that is in the rings, after the capture was stopped.
  void drain(Engine& engine);

 private:
  void segment(const Segment& segment) override;
  void owner(const hp_owner_event& event) override;
  void process(const hp_process& process, std::string_view path, std::string_view args) override;

  LiveFeed& feed_;
  ProcessTable& processes_;
  Engine* engine_ = nullptr;
  PacketTime now_ = 0;
};

// The boot clock, ns.
PacketTime boot_time();

}  // namespace handprint
