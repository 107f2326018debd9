// SPDX-License-Identifier: Apache-2.0
#include "flow/flow_table.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace handprint {

static_assert(std::is_trivially_destructible_v<Flow>, "flows are reused without being destroyed");

void FlowTable::Release::operator()(Flow* flows) const { std::free(flows); }

FlowTable::FlowTable(std::size_t bytes, uint64_t seed)
    : seed_(seed),
      limit_(std::max<std::size_t>(bytes / (sizeof(Flow) + 4 * sizeof(uint32_t)), 16)) {
  const std::size_t buckets = std::bit_ceil(limit_);
  mask_ = static_cast<uint32_t>(buckets - 1);
  flows_ = static_cast<Flow*>(std::aligned_alloc(alignof(std::max_align_t),
                                                 (limit_ * sizeof(Flow) + 15) & ~std::size_t{15}));
  if (flows_ == nullptr) throw std::bad_alloc();
  memory_.reset(flows_);
  buckets_ = std::make_unique_for_overwrite<uint32_t[]>(buckets);
  std::fill_n(buckets_.get(), buckets, no_flow);
  syn_buckets_ = std::make_unique_for_overwrite<uint32_t[]>(buckets);
  std::fill_n(syn_buckets_.get(), buckets, no_flow);
}

Flow* FlowTable::from(uint32_t index, const FlowKey& key, uint64_t hash) {
  for (uint32_t i = index; i != no_flow; i = flows_[i].chain)
    if (flows_[i].hash == hash && flows_[i].key == key) return &flows_[i];
  return nullptr;
}

Flow* FlowTable::add(const FlowKey& key, uint64_t hash) {
  uint32_t index = free_;
  if (index != no_flow) {
    free_ = flows_[index].chain;
  } else if (untouched_ < limit_) {
    index = untouched_++;
  } else {
    return nullptr;
  }
  Flow* const flow = new (&flows_[index]) Flow;
  flow->index = index;
  flow->key = key;
  flow->hash = hash;
  uint32_t& bucket = buckets_[hash & mask_];
  flow->chain = bucket;
  bucket = index;
  link_newest(*flow);
  ++size_;
  return flow;
}

void FlowTable::remove(Flow& flow) {
  uint32_t* link = &buckets_[flow.hash & mask_];
  while (*link != flow.index) link = &flows_[*link].chain;
  *link = flow.chain;
  unlink_syn(flow);
  unlink_age(flow);
  flow.chain = free_;
  free_ = flow.index;
  --size_;
}

uint32_t& FlowTable::syn_bucket(uint32_t client_isn) {
  return syn_buckets_[mix_words(client_isn ^ seed_, 0xe7037ed1a0b428dbULL) & mask_];
}

void FlowTable::index_syn(Flow& flow, uint32_t client_isn) {
  unlink_syn(flow);
  uint32_t& bucket = syn_bucket(client_isn);
  flow.client_isn = client_isn;
  flow.syn_indexed = true;
  flow.same_syn_before = no_flow;
  flow.same_syn_after = bucket;
  if (bucket != no_flow) flows_[bucket].same_syn_before = flow.index;
  bucket = flow.index;
}

Flow* FlowTable::by_syn(uint32_t client_isn) {
  return from_syn(syn_bucket(client_isn), client_isn);
}

Flow* FlowTable::next_by_syn(const Flow& flow) {
  return from_syn(flow.same_syn_after, flow.client_isn);
}

Flow* FlowTable::from_syn(uint32_t index, uint32_t client_isn) {
  while (index != no_flow && flows_[index].client_isn != client_isn)
    index = flows_[index].same_syn_after;
  return at(index);
}

void FlowTable::unlink_syn(Flow& flow) {
  if (!flow.syn_indexed) return;
  (flow.same_syn_before != no_flow ? flows_[flow.same_syn_before].same_syn_after
                                   : syn_bucket(flow.client_isn)) = flow.same_syn_after;
  if (flow.same_syn_after != no_flow)
    flows_[flow.same_syn_after].same_syn_before = flow.same_syn_before;
  flow.syn_indexed = false;
}

void FlowTable::unlink_age(Flow& flow) {
  (flow.older != no_flow ? flows_[flow.older].newer : lru_.first) = flow.newer;
  (flow.newer != no_flow ? flows_[flow.newer].older : lru_.last) = flow.older;
}

void FlowTable::link_newest(Flow& flow) {
  flow.older = lru_.last;
  flow.newer = no_flow;
  (lru_.last != no_flow ? flows_[lru_.last].newer : lru_.first) = flow.index;
  lru_.last = flow.index;
}

void FlowTable::touch(Flow& flow) {
  if (flow.newer == no_flow) return;
  unlink_age(flow);
  link_newest(flow);
}

void FlowTable::wait(Flow& flow, Wait queue, PacketTime now) {
  if (flow.wait != Wait::none) {
    List& list = queues_[static_cast<std::size_t>(flow.wait)];
    (flow.wait_before != no_flow ? flows_[flow.wait_before].wait_after : list.first) =
        flow.wait_after;
    (flow.wait_after != no_flow ? flows_[flow.wait_after].wait_before : list.last) =
        flow.wait_before;
  }
  flow.wait = queue;
  if (queue == Wait::none) return;
  List& list = queues_[static_cast<std::size_t>(queue)];
  flow.wait_since = now;
  flow.wait_before = list.last;
  flow.wait_after = no_flow;
  (list.last != no_flow ? flows_[list.last].wait_after : list.first) = flow.index;
  list.last = flow.index;
}

}  // namespace handprint
