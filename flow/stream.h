// SPDX-License-Identifier: Apache-2.0
// The bytes of one direction, placed by their sequence numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "flow/pool.h"

namespace handprint {

struct Stream;

// The part of a message that is there already, while the rest is awaited.
struct StreamBuffer {
  static constexpr uint32_t max_ranges = 32;  // QUIC clients shuffle a hello in up to 28 pieces

  struct Range {
    uint16_t from, to;  // offsets from Stream::begin
  };

  Stream* owner = nullptr;
  StreamBuffer* older = nullptr;  // by time of allocation, among buffers of one size
  StreamBuffer* newer = nullptr;
  uint16_t capacity = 0;
  bool large = false;
  uint8_t range_count = 0;
  std::array<Range, max_ranges> ranges;

  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(this + 1); }

  // Puts bytes at [offset, offset + bytes.size()), which must lie within the capacity. Bytes that
  // are there already stay: where two segments differ, the first one wins, as it does in most
  // stacks for data that was already accepted. Result: bytes that were new; -1 when the ranges are
  // too many and nothing was placed.
  int place(uint32_t offset, Bytes bytes);
  // What lies from the beginning on without a gap.
  uint32_t contiguous() const { return range_count != 0 && ranges[0].from == 0 ? ranges[0].to : 0; }
};

// One direction of a flow. No window of memory is held between messages.
struct Stream {
  uint32_t base = 0;    // sequence number of the first stream byte, if has_base
  uint32_t begin = 0;   // sequence number from which on nothing was dissected yet, if has_begin
  uint32_t needed = 0;  // contiguous bytes from `begin` below which dissecting is in vain
  bool has_base = false;
  bool has_begin = false;
  bool truncated = false;   // a segment of the message at hand was cut by the capture
  bool over_limit = false;  // the message at hand goes beyond what is kept
  bool evicted = false;     // its bytes were dropped for want of memory
  StreamBuffer* buffer = nullptr;

  // At the first byte of the stream, as far as is known.
  bool at_start() const { return has_base && begin == base; }
};

// The buffers of all streams. When none is free, the stream whose buffer is the oldest loses it: a
// flood of half hellos evicts itself.
class StreamPool {
 public:
  static constexpr uint32_t small_capacity =
      2944;  // hellos with a post-quantum share: up to 2.3 KB
  static constexpr uint32_t large_capacity = 16384;  // what a window copies at most
  static constexpr std::size_t small_bytes = sizeof(StreamBuffer) + small_capacity;
  static constexpr std::size_t large_bytes = sizeof(StreamBuffer) + large_capacity;

  StreamPool(std::size_t small_count, std::size_t large_count);

  struct Placed {
    uint32_t fresh = 0;    // bytes that were new
    uint32_t dropped = 0;  // bytes that found no room
  };
  // Keeps bytes of `stream` that begin `offset` bytes behind stream.begin.
  Placed place(Stream& stream, uint32_t offset, Bytes bytes);

  // What the stream holds from `begin` on without a gap.
  static Bytes contiguous(const Stream& stream) {
    if (stream.buffer == nullptr) return {};
    return {stream.buffer->data(), stream.buffer->contiguous()};
  }
  // The first n kept bytes were dissected: `begin` moves on, what lies behind them stays.
  void consume(Stream& stream, uint32_t n);
  // Forgets what is kept.
  void drop(Stream& stream);

  // Streams that lost their buffer to another one, and the bytes that went with it.
  uint64_t streams_evicted() const { return streams_evicted_; }
  uint64_t bytes_evicted() const { return bytes_evicted_; }

 private:
  struct Ages {
    StreamBuffer* oldest = nullptr;
    StreamBuffer* newest = nullptr;
  };
  StreamBuffer* take(bool large);
  void give(StreamBuffer* buffer);
  bool enlarge(Stream& stream);

  BlockPool small_;
  BlockPool large_;
  std::array<Ages, 2> ages_;
  uint64_t streams_evicted_ = 0;
  uint64_t bytes_evicted_ = 0;
};

}  // namespace handprint
