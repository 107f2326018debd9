// SPDX-License-Identifier: Apache-2.0
// Processes by (pid, start): what exec events told, completed by the process-information service.
// Bounded; the one that was not needed for longest goes first. Belongs to the pipeline thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/process/message.h"
#include "bpf/wire.h"
#include "flow/process_facts.h"
#include "flow/segment.h"

namespace handprint {

struct ProcessTableOptions {
  std::size_t bytes = 8u << 20;  // budget of all entries; facts that documents share come on top
  uint64_t hash_seed = 0;        // 0: random
  bool arguments = true;         // false: command lines are never kept
  int service = -1;              // ProcessInfo::descriptor(); -1: only what the kernel tells
  // 32 hex digits of /proc/sys/kernel/random/boot_id without dashes; empty: read from there.
  std::string_view boot_id = {};
};

struct ProcessTableCounters {
  uint64_t entries = 0;  // now
  uint64_t bytes = 0;    // now
  uint64_t execs = 0;    // events taken
  uint64_t evicted = 0;
  uint64_t requests = 0;       // sent to the service
  uint64_t requests_held = 0;  // the service's queue was full; sent later
  uint64_t replies = 0;
  uint64_t replies_refused = 0;  // malformed, or of a process that is not in the table any more
};

class ProcessTable {
 public:
  explicit ProcessTable(const ProcessTableOptions& options);
  ~ProcessTable();
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  // An event of the ring "processes". args are separated by NUL.
  void process(const hp_process& event, std::string_view path, std::string_view args);

  // Notes an owner at its first sight and asks the service for what is missing. Cheap when the
  // owner is known: call it for every segment and owner event. pid 0 is ignored.
  void request(const hp_owner& owner);

  // Takes the answers that have come and sends requests that were held. Never blocks. Call it once
  // a round of the pipeline. Result: answers taken.
  std::size_t poll();

  // Goes on with another process-information service (its descriptor stays the caller's): the one
  // before has ended, and what it still owed is asked for again. Never blocks.
  void use_service(int descriptor);

  // Who the owner was at boot-clock time `at`: the image that it ran then, as far as known; at the
  // least pid, name, user and start from the owner itself. Null for pid 0. A process that replaced
  // its image after `at` is told by the image before; where that is not known, the executable stays
  // empty. INT64_MAX: the newest image.
  ProcessRef find(const hp_owner& owner, PacketTime at);

  // Completes an owner of which only the pid is known (a sender that was seen from the other side):
  // the newest process of that pid, if it began before `at`. Right as long as the process is known
  // to have lived at `at`, since a pid belongs to one process at a time. False: `owner` is as it
  // was.
  bool identify(hp_owner& owner, PacketTime at) const;

  // True while the service still owes facts about this owner (the digest is never waited for).
  bool pending(const hp_owner& owner) const;

  ProcessTableCounters counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace handprint
