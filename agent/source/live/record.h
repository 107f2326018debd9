// SPDX-License-Identifier: Apache-2.0
// Ring records as the kernel wrote them become what the engine and the process table are fed. The
// lengths inside a record are checked as if an enemy had written them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpf/wire.h"
#include "fingerprint/cursor.h"
#include "fingerprint/packet.h"
#include "fingerprint/reason.h"
#include "flow/segment.h"

namespace handprint {

// One record of the ring "packets", decoded. Views point into the record's bytes and into this
// object: valid until either goes.
struct PacketRecord {
  bool has_late_syn = false;
  Segment late_syn;          // comes before `segment`: a SYN whose own record was held back
  bool has_segment = false;  // false: only the late SYN could be read
  Segment segment;
  uint32_t cpu = 0;
  uint32_t sequence = 0;

  Packet packet, syn_packet;
  SocketAddresses socket;
  hp_packet header{};
};

// Decodes a record of the ring "packets". `own_netns` is the inode number of the reader's network
// namespace: interface numbers of other namespaces mean nothing here and become 0 (unknown); 0 for
// "keep them all". Returns ok when out.segment or out.late_syn can be fed; otherwise
// not_enough_header (record shorter than its lengths say), not_this_protocol (another version or
// kind of record), or what decode_packet() says of its headers. Never allocates.
Reason decode_packet_record(Bytes record, uint32_t own_netns, PacketRecord& out);

// One record of the ring "processes".
struct ProcessRecord {
  uint8_t record = 0;  // HP_RECORD_PROCESS or HP_RECORD_OWNER
  hp_process process{};
  Bytes path;  // without the terminating NUL
  Bytes args;  // arguments separated by NUL
  hp_owner_event owner{};
};

// Decodes a record of the ring "processes", with the results of decode_packet_record().
Reason decode_process_record(Bytes record, ProcessRecord& out);

// Counts what the per-CPU sequence numbers prove missing. Records that come a little late (a
// softirq overtook the process that it interrupted) are not losses.
class SequenceGaps {
 public:
  void see(uint32_t cpu, uint32_t sequence);
  uint64_t missing() const { return missing_; }

 private:
  struct Cpu {
    uint32_t next = 0;
    bool seen = false;
  };
  std::vector<Cpu> cpus_;  // grows to the number of CPUs, at most 8192
  uint64_t missing_ = 0;
};

}  // namespace handprint
