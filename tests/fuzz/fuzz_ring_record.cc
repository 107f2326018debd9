// SPDX-License-Identifier: Apache-2.0
// Any bytes as a record of the two rings. Version and kind are set right in half of the runs, so
// that the lengths behind them are reached.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "agent/source/live/record.h"

using namespace handprint;

namespace {

bool within(Bytes inner, Bytes outer) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::vector<uint8_t> original(data + 1, data + size);
  std::vector<uint8_t> record = original;
  if ((data[0] & 1) != 0 && record.size() >= 2) {
    record[0] = HP_WIRE_VERSION;
    record[1] = (data[0] & 2) != 0   ? HP_RECORD_PACKET
                : (data[0] & 4) != 0 ? HP_RECORD_OWNER
                                     : HP_RECORD_PROCESS;
  }
  static const std::unique_ptr<PacketRecord> packet = std::make_unique<PacketRecord>();
  if (decode_packet_record(record, 1, *packet) == Reason::ok && packet->has_segment) {
    const Segment& segment = packet->segment;
    if (!within(segment.packet->payload, record)) std::abort();
    if (segment.copy_offset + segment.packet->payload.size() > segment.packet->payload_length)
      std::abort();
    if (segment.content >= HP_CONTENT_COUNT) std::abort();
  }
  ProcessRecord process;
  if (decode_process_record(record, process) == Reason::ok) {
    if (!within(process.path, record) || !within(process.args, record)) std::abort();
    if (process.path.size() > HP_PATH_MAX || process.args.size() > HP_ARGS_MAX) std::abort();
  }
  return 0;
}
