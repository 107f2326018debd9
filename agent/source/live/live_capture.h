// SPDX-License-Identifier: Apache-2.0
// Live capture as the pipeline sees it: loaded, attached, seeded, read, stopped.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/source/live/live_feed.h"
#include "agent/source/live/loader.h"
#include "agent/source/live/options.h"
#include "agent/source/live/ring_reader.h"
#include "fingerprint/result.h"

namespace handprint {

class Attacher;

// A place where programs are attached now.
struct AttachedPoint {
  LiveHook hook{};
  std::string name;        // interface name, or the path of the cgroup root
  uint32_t interface = 0;  // 0 for a cgroup
  std::string how;         // "cgroup link", "tcx", "clsact", "xdp native", "xdp generic", …
};

// A place where they should be and are not.
struct AttachFailure {
  std::string name;
  std::string reason;
};

// What following the interfaces met with.
struct FollowCounters {
  // Interfaces that packets may have passed before the programs were attached to them: one that was in
  // use already when its turn came, one that was gone by then.
  uint64_t attach_late = 0;
  uint64_t overruns = 0;  // times that the kernel dropped announcements, so that all was read anew
  uint64_t moved_to_front = 0;  // times that another program had come before ours, which went back to the head
};

// Owns loader, attachments (with their own thread, which follows interfaces by netlink) and ring
// reader. poll() and drain() belong to one thread; everything else may be called from any.
class LiveCapture : public LiveFeed {
 public:
  // Loads, attaches tracing, then capture programs, and seeds owners of existing sockets. Fails
  // with a reason in words when nothing can be captured. `report`, if given, is filled in either
  // case.
  static Result<std::unique_ptr<LiveCapture>> start(const LiveOptions& options,
                                                    LoadReport* report = nullptr);
  ~LiveCapture() override;
  LiveCapture(const LiveCapture&) = delete;
  LiveCapture& operator=(const LiveCapture&) = delete;

  // The hook in use (`automatic` resolved), and what loaded.
  LiveHook hook() const;
  const LoadReport& report() const;

  const std::vector<hp_owner>& seeded() const override;

  // Not with LiveOptions::read false, where another process reads the rings.
  std::size_t poll(LiveSink& sink, std::chrono::steady_clock::time_point deadline) override;
  std::size_t drain(LiveSink& sink, std::size_t limit = SIZE_MAX) override;
  const ReaderCounters& reader_counters() const override;

  // The descriptors of the rings "packets" and "processes", for that other process.
  int packet_ring() const;
  int process_ring() const;
  // Packet records that stand in their ring unread. Reads their lengths only, and not while somebody
  // reads the ring.
  uint64_t unread_packets() const;
  // Makes the kernel tell of every process anew: for a reader that knows none.
  void forget_announced();

  // Takes over what may change while running: interfaces, policy, rates. A change of hook or ring
  // size needs a new start and is an error here.
  Result<void> reconfigure(const LiveOptions& options);

  // Detaches the capture programs, and attaches them again. What is loaded stays loaded.
  void pause();
  Result<void> resume();

  // Detaches everything from the kernel. What is in the rings stays readable: drain() after it.
  void stop() override;

  std::vector<AttachedPoint> attached() const;
  std::vector<AttachFailure> failures() const;
  FollowCounters follow_counters() const;
  bool read_counters(KernelCounters& out) const;
  std::string interface_name(uint32_t interface) const override;

 private:
  LiveCapture();
  static Result<std::unique_ptr<LiveCapture>> start_hook(const LiveOptions& options, LiveHook hook,
                                                         LoadReport* report);
  LiveHook hook_{};
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Attacher> attacher_;
  std::unique_ptr<RingReader> reader_;
  std::vector<hp_owner> seeded_;
};

// Removes clsact filters that an agent which was killed left on any interface of this network
// namespace (TCX, XDP and cgroup links go with their process). Filters of others and qdiscs are
// never touched. Result: how many were removed.
Result<std::size_t> detach_leftovers();

}  // namespace handprint
