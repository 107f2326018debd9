// SPDX-License-Identifier: Apache-2.0
#include "flow/pool.h"

#include <cstdlib>
#include <new>

namespace handprint {

namespace {
constexpr std::size_t round_up(std::size_t size) {
  return ((size < sizeof(FreeBlock) ? sizeof(FreeBlock) : size) + 15) & ~std::size_t{15};
}
}  // namespace

void BlockPool::Release::operator()(void* memory) const { std::free(memory); }

BlockPool::BlockPool(std::size_t block_size, std::size_t count)
    : block_size_(round_up(block_size)), count_(count) {
  if (count == 0) return;
  auto* memory = static_cast<unsigned char*>(std::aligned_alloc(16, block_size_ * count));
  if (memory == nullptr) throw std::bad_alloc();
  memory_.reset(memory);
  // Linked from the front, so that a quiet program touches only the first pages.
  for (std::size_t i = count; i-- > 0;) {
    auto* block = reinterpret_cast<FreeBlock*>(memory + i * block_size_);
    block->next = free_;
    free_ = block;
  }
}

}  // namespace handprint
