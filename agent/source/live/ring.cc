// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

namespace handprint {
namespace {

// The protocol of BPF_MAP_TYPE_RINGBUF (Documentation/bpf/ringbuf.rst): two ever-growing positions;
// each record has a 32-bit length with two flag bits and a 32-bit page offset in front, and the
// next begins at a multiple of eight.
class MappedRing : public Ring {
 public:
  MappedRing(uint64_t* consumer, const uint64_t* producer, const uint8_t* data, uint32_t bytes,
             int descriptor)
      : consumer_(consumer),
        producer_(producer),
        data_(data),
        mask_(bytes - 1),
        descriptor_(descriptor) {
    position_ = std::atomic_ref<uint64_t>(*consumer_).load(std::memory_order_relaxed);
  }
  ~MappedRing() override {
    if (map_consumer_ != nullptr) munmap(map_consumer_, map_consumer_bytes_);
    if (map_producer_ != nullptr) munmap(map_producer_, map_producer_bytes_);
  }
  void own(void* consumer, std::size_t consumer_bytes, void* producer, std::size_t producer_bytes) {
    map_consumer_ = consumer;
    map_consumer_bytes_ = consumer_bytes;
    map_producer_ = producer;
    map_producer_bytes_ = producer_bytes;
  }

  uint64_t produced() const override { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }

  Bytes next(uint64_t limit) override {
    while (position_ < limit) {
      const uint8_t* record = data_ + (position_ & mask_);
      const uint32_t word =
          __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
      if ((word & BPF_RINGBUF_BUSY_BIT) != 0) return {};
      const uint32_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      // The kernel never writes more than the ring; a memory of a test may.
      if (length > mask_) return {};
      position_ += (uint64_t{length} + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7};
      if ((word & BPF_RINGBUF_DISCARD_BIT) == 0) return {record + BPF_RINGBUF_HDR_SZ, length};
    }
    return {};
  }

  // Goes on at the newest record where the consumer's position, which the last reader left, is none:
  // a reader that was taken over may have written anything there.
  void check_position() {
    const uint64_t end = produced();
    bool good = position_ <= end && end - position_ <= mask_ + 1 && position_ % 8 == 0;
    for (uint64_t at = position_; good && at < end;) {
      const uint32_t word =
          __atomic_load_n(reinterpret_cast<const uint32_t*>(data_ + (at & mask_)), __ATOMIC_ACQUIRE);
      if ((word & BPF_RINGBUF_BUSY_BIT) != 0) break;
      const uint64_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7};
      good = length <= mask_ && at <= end;
    }
    if (good) return;
    position_ = end;
    release();
  }

  void release() override { __atomic_store_n(consumer_, position_, __ATOMIC_RELEASE); }
  int descriptor() const override { return descriptor_; }

 private:
  uint64_t* consumer_;
  const uint64_t* producer_;
  const uint8_t* data_;
  uint64_t mask_;
  uint64_t position_ = 0;
  int descriptor_;
  void* map_consumer_ = nullptr;
  std::size_t map_consumer_bytes_ = 0;
  void* map_producer_ = nullptr;
  std::size_t map_producer_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Ring>> open_kernel_ring(int map_fd, uint32_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto failed = [](const char* what) {
    Error error;
    error.message = std::string("cannot map a ring buffer (") + what + "): " + std::strerror(errno);
    return error;
  };
  void* consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return failed("consumer page");
  // The producer's page, then the data twice in a row so that no record is ever split.
  const std::size_t producer_bytes = page + 2 * std::size_t{bytes};
  void* producer =
      mmap(nullptr, producer_bytes, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page));
  if (producer == MAP_FAILED) {
    Error error = failed("data pages");
    munmap(consumer, page);
    return error;
  }
  auto ring = std::make_unique<MappedRing>(
      static_cast<uint64_t*>(consumer), static_cast<const uint64_t*>(producer),
      static_cast<const uint8_t*>(producer) + page, bytes, map_fd);
  ring->own(consumer, page, producer, producer_bytes);
  ring->check_position();
  return std::unique_ptr<Ring>(std::move(ring));
}

std::unique_ptr<Ring> open_memory_ring(uint64_t* consumer, const uint64_t* producer,
                                       const uint8_t* data, uint32_t bytes) {
  return std::make_unique<MappedRing>(consumer, producer, data, bytes, -1);
}

}  // namespace handprint
