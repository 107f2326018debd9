// SPDX-License-Identifier: Apache-2.0
// The service that answers "who is process P": reads /proc, places cgroups, names users, digests
// executables. It has threads of its own; whoever asks never waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "agent/process/message.h"
#include "agent/source/live/descriptor.h"
#include "fingerprint/result.h"

namespace handprint {

struct ProcessInfoOptions {
  bool digests = true;                    // SHA-256 of executables
  uint64_t digest_max_bytes = 64u << 20;  // larger files are left alone
  uint64_t digest_bytes_per_second = 32u << 20;
  std::string proc = "/proc";  // other roots are for tests
  std::string cgroup_root;     // of cgroup2; empty: found in mountinfo
  std::string pod_logs = "/var/log/pods";
};

struct ProcessInfoCounters {
  uint64_t requests = 0;
  uint64_t alive = 0;            // found in /proc with the right start time
  uint64_t gone = 0;             // ended before they were looked up
  uint64_t reused = 0;           // the pid belongs to another process by now
  uint64_t replies_dropped = 0;  // the reader was too slow
  uint64_t digests = 0;          // computed
  uint64_t digest_hits = 0;      // answered from the cache
  uint64_t digest_refused = 0;   // too large, network or FUSE file system, unreadable, queue full
  uint64_t users_asked = 0;
};

class ProcessInfo {
 public:
  // Starts the service.
  static Result<std::unique_ptr<ProcessInfo>> start(const ProcessInfoOptions& options);
  // Ends its threads; a user look-up that hangs is left behind.
  ~ProcessInfo();
  ProcessInfo(const ProcessInfo&) = delete;
  ProcessInfo& operator=(const ProcessInfo&) = delete;

  // Serves another asker from here on, over the service's end of a socket pair that the caller made
  // with make_pair(); the asker before has ended.
  void serve(Descriptor service);
  // {asker's end, service's end}
  static Result<std::pair<Descriptor, Descriptor>> make_pair();

  // Advances while requests are taken up, or there are none.
  uint64_t heartbeat() const;

  // The asker's end of the socket pair (non-blocking, SOCK_SEQPACKET), for ProcessTable. Owned
  // here.
  int descriptor() const;
  ProcessInfoCounters counters() const;

 private:
  ProcessInfo() = default;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace handprint
