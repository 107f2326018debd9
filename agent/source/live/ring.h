// SPDX-License-Identifier: Apache-2.0
// The reading side of a BPF ring buffer. libbpf's own reader drains without bound; this one stops
// after a batch and at a position that was noted before, which is what lets process events be read
// before the packets that refer to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "fingerprint/cursor.h"
#include "fingerprint/result.h"

namespace handprint {

// Where records come from: a kernel ring, or memory of a test.
class Ring {
 public:
  virtual ~Ring() = default;
  // How far the kernel has written: pass it to next() to read no further.
  virtual uint64_t produced() const = 0;
  // The next committed record before position `limit`, or an empty view. It stays valid until
  // release(). Records that the kernel discarded are skipped.
  virtual Bytes next(uint64_t limit) = 0;
  // Gives everything up to and with the record of the last next() back to the kernel.
  virtual void release() = 0;
  // Readable when the kernel wakes the reader; -1 where there is none.
  virtual int descriptor() const = 0;
};

// Maps the BPF_MAP_TYPE_RINGBUF of descriptor `map_fd` (which stays the caller's). `bytes` is its
// max_entries. Goes on where the last reader stopped, or at the newest record where what that one left
// is no position.
Result<std::unique_ptr<Ring>> open_kernel_ring(int map_fd, uint32_t bytes);

// The same protocol over memory: `consumer` and `producer` are the two position words, `data` the
// ring of `bytes` mapped twice in a row.
std::unique_ptr<Ring> open_memory_ring(uint64_t* consumer, const uint64_t* producer,
                                       const uint8_t* data, uint32_t bytes);

}  // namespace handprint
