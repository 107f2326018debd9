// SPDX-License-Identifier: Apache-2.0
#include "flow/aliases.h"

#include <algorithm>
#include <bit>

namespace handprint {

Aliases::Aliases(std::size_t bytes)
    : limit_(std::max<std::size_t>(bytes / (sizeof(Alias) + sizeof(uint32_t)), 8)) {
  const std::size_t buckets = std::bit_ceil(limit_);
  mask_ = static_cast<uint32_t>(buckets - 1);
  entries_ = std::make_unique_for_overwrite<Alias[]>(limit_);
  buckets_ = std::make_unique_for_overwrite<uint32_t[]>(buckets);
  std::fill_n(buckets_.get(), buckets, no_alias);
}

Alias* Aliases::from(uint32_t index, const FlowKey& key, uint64_t hash) {
  for (uint32_t i = index; i != no_alias; i = entries_[i].chain)
    if (entries_[i].hash == hash && entries_[i].key == key) return &entries_[i];
  return nullptr;
}

bool Aliases::add(uint32_t& head, uint32_t flow, const FlowKey& key, uint64_t hash, uint8_t flip,
                  const Passage& passage) {
  uint32_t of_this = 0;
  for (uint32_t i = head; i != no_alias; i = entries_[i].next) ++of_this;
  if (of_this >= of_flow) return false;
  uint32_t index = free_;
  if (index != no_alias) {
    free_ = entries_[index].chain;
  } else if (untouched_ < limit_) {
    index = untouched_++;
  } else {
    return false;
  }
  uint32_t& bucket = buckets_[hash & mask_];
  entries_[index] = {key, hash, passage, flow, bucket, head, flip};
  bucket = index;
  head = index;
  ++size_;
  return true;
}

void Aliases::unchain(uint32_t index) {
  uint32_t* link = &buckets_[entries_[index].hash & mask_];
  while (*link != index) link = &entries_[*link].chain;
  *link = entries_[index].chain;
  entries_[index].chain = free_;
  free_ = index;
  --size_;
}

void Aliases::remove(uint32_t& head, uint32_t index) {
  uint32_t* link = &head;
  while (*link != index) link = &entries_[*link].next;
  *link = entries_[index].next;
  unchain(index);
}

void Aliases::remove_all(uint32_t& head) {
  while (head != no_alias) {
    const uint32_t index = head;
    head = entries_[index].next;
    unchain(index);
  }
}

}  // namespace handprint
