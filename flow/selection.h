// SPDX-License-Identifier: Apache-2.0
// The selector's home in user space: the same C step and the same slot table as in the kernel, over
// plain arrays. Files go through it, and the equivalence test compares it with the kernel.
#pragma once

#include <cstdint>
#include <memory>

#include "bpf/selector.h"
#include "bpf/slots.h"
#include "fingerprint/packet.h"
#include "flow/segment.h"

namespace handprint {

// The policy of `hello` as the kernel uses it live: bounded requests, 16 KiB windows.
hp_policy live_policy();
// The same for files: the limits that protect a host (requests a flow) are off, and certificates are
// read unless `mode` says otherwise.
hp_policy file_policy(hp_mode mode = HP_MODE_CERTIFICATES);

class Selection {
 public:
  // seed: of the slot table's hash (fixed for files). Allocates the table here, nothing afterwards.
  Selection(const hp_policy& policy, uint32_t seed);
  ~Selection();

  // Decides on one decoded packet seen at `scope` (interface) at `time`. True: selected; decision
  // says which payload bytes. Not TCP or UDP, or no ports: false.
  bool select(const Packet& packet, PacketTime time, uint32_t scope, hp_decision& decision);

  // For the equivalence test: the table as the kernel lays it out.
  const hp_set* sets() const;
  const hp_slot* slots() const;

 private:
  struct Table;
  std::unique_ptr<Table> table_;
  hp_policy policy_;
  uint32_t seed_;
};

}  // namespace handprint
