// SPDX-License-Identifier: Apache-2.0
#include "flow/arena.h"

namespace handprint {

bool Arena::grow(std::size_t bytes) {
  if (bytes > largest) return false;
  bool large = bytes > DocumentPool::small_size - header;
  void* block = large ? pool_->large.take() : pool_->small.take();
  if (block == nullptr && !large) {
    // Small chunks ran out before large ones: better a large one than no document.
    block = pool_->large.take();
    large = block != nullptr;
  }
  if (block == nullptr) return false;
  auto* chunk = new (block) Chunk;
  chunk->link.next = current_ == nullptr ? nullptr : &current_->link;
  chunk->large = large;
  current_ = chunk;
  used_ = 0;
  capacity_ = (large ? DocumentPool::large_size : DocumentPool::small_size) - header;
  footprint_ += large ? DocumentPool::large_size : DocumentPool::small_size;
  return true;
}

void Arena::free_all() {
  // The two sizes go to two stacks; each chain is given back by one exchange.
  FreeBlock* first[2] = {};
  FreeBlock* last[2] = {};
  FreeBlock* at = current_ == nullptr ? nullptr : &current_->link;
  while (at != nullptr) {
    FreeBlock* const next = at->next;
    const int size = reinterpret_cast<Chunk*>(at)->large ? 1 : 0;
    if (first[size] == nullptr) last[size] = at;
    at->next = first[size];
    first[size] = at;
    at = next;
  }
  DocumentPool* const pool = pool_;
  if (first[0] != nullptr) pool->small.give_chain(first[0], last[0]);
  if (first[1] != nullptr) pool->large.give_chain(first[1], last[1]);
}

}  // namespace handprint
