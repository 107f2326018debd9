// SPDX-License-Identifier: Apache-2.0
// Blocks of one size, carved from one allocation that is made at the start.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace handprint {

// A block that nobody uses; the link stands in the block itself.
struct FreeBlock {
  FreeBlock* next;
};

// Blocks for one thread.
class BlockPool {
 public:
  // `block_size` is rounded up to 16 bytes; `count` may be 0. Throws std::bad_alloc.
  BlockPool(std::size_t block_size, std::size_t count);

  // A block of block_size() bytes, 16-byte aligned, with undefined content; null when none is free.
  void* take() {
    FreeBlock* block = free_;
    if (block == nullptr) return nullptr;
    free_ = block->next;
    ++used_;
    return block;
  }
  // Gives a block back. It must come from this pool.
  void give(void* block) {
    auto* freed = static_cast<FreeBlock*>(block);
    freed->next = free_;
    free_ = freed;
    --used_;
  }

  std::size_t block_size() const { return block_size_; }
  std::size_t count() const { return count_; }
  std::size_t used() const { return used_; }

 protected:
  FreeBlock* free_ = nullptr;
  std::size_t used_ = 0;

 private:
  struct Release {
    void operator()(void* memory) const;
  };
  std::size_t block_size_;
  std::size_t count_;
  std::unique_ptr<void, Release> memory_;
};

// Blocks that one thread takes and any thread gives back. Taking needs no lock and no atomic
// operation as long as the own list has blocks; given blocks wait on a stack that is fetched whole,
// so that the usual trouble of lock-free stacks (a head that was away and came back) cannot arise.
class SharedBlockPool : private BlockPool {
 public:
  using BlockPool::block_size;
  using BlockPool::BlockPool;
  using BlockPool::count;

  // As BlockPool::take(). Only the owner's thread.
  void* take() {
    if (free_ == nullptr) free_ = returned_.exchange(nullptr, std::memory_order_acquire);
    return BlockPool::take();
  }
  // Gives a chain of blocks back, linked from first to last by FreeBlock::next. Any thread.
  void give_chain(FreeBlock* first, FreeBlock* last) {
    FreeBlock* head = returned_.load(std::memory_order_relaxed);
    do {
      last->next = head;
    } while (!returned_.compare_exchange_weak(head, first, std::memory_order_release,
                                              std::memory_order_relaxed));
  }

 private:
  std::atomic<FreeBlock*> returned_{nullptr};
};

}  // namespace handprint
