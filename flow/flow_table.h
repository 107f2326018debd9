// SPDX-License-Identifier: Apache-2.0
// The flows that are open: found by key, ordered by last packet, and waiting for a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "flow/flow.h"

namespace handprint {

class FlowTable {
 public:
  // Room for as many flows as fit `bytes` with their part of the index; at least 16.
  // Allocates here and nothing afterwards. Throws std::bad_alloc.
  FlowTable(std::size_t bytes, uint64_t seed);

  uint64_t hash(const FlowKey& key) const { return hash_of(key, seed_); }
  // The newest flow with this key, or null.
  Flow* find(const FlowKey& key, uint64_t hash) { return from(buckets_[hash & mask_], key, hash); }
  // The flow with the same key that was added before this one, or null: two network namespaces
  // may use the same addresses and ports at the same time.
  Flow* next(const Flow& flow) { return from(flow.chain, flow.key, flow.hash); }
  // A fresh flow under this key, the newest by last packet. Null when the table is full: the caller
  // makes room by closing oldest().
  Flow* add(const FlowKey& key, uint64_t hash);
  // Takes a flow out; it is empty afterwards. It must wait in no queue.
  void remove(Flow& flow);

  // The second index: flows by the first sequence number of the client, which address translation
  // leaves alone. A flow stands in it once.
  void index_syn(Flow& flow, uint32_t client_isn);
  // The newest flow with this number, and the one that was added before another; null at the end.
  Flow* by_syn(uint32_t client_isn);
  Flow* next_by_syn(const Flow& flow);
  Flow* at_index(uint32_t index) { return at(index); }

  // A packet came: the flow is the newest.
  void touch(Flow& flow);
  // The flow whose last packet is the oldest; null when there is none.
  Flow* oldest() { return at(lru_.first); }
  // The flow whose last packet came next after this one's.
  Flow* newer(const Flow& flow) { return at(flow.newer); }

  // Puts the flow at the end of a queue, out of the one it waits in. Wait::none: into none.
  void wait(Flow& flow, Wait queue, PacketTime now);
  // The flow that comes behind a waiting one.
  Flow* waiting_behind(const Flow& flow) { return at(flow.wait_after); }
  // The flow that waits longest there, or null.
  Flow* waiting(Wait queue) { return at(queues_[static_cast<std::size_t>(queue)].first); }

  std::size_t size() const { return size_; }
  std::size_t limit() const { return limit_; }

 private:
  struct List {
    uint32_t first = no_flow, last = no_flow;
  };
  Flow* at(uint32_t index) { return index == no_flow ? nullptr : &flows_[index]; }
  Flow* from(uint32_t index, const FlowKey& key, uint64_t hash);
  uint32_t& syn_bucket(uint32_t client_isn);
  Flow* from_syn(uint32_t index, uint32_t client_isn);
  void unlink_syn(Flow& flow);
  void unlink_age(Flow& flow);
  void link_newest(Flow& flow);

  uint64_t seed_;
  std::size_t limit_;
  std::size_t size_ = 0;
  uint32_t mask_;
  uint32_t free_ = no_flow;  // through Flow::chain
  uint32_t untouched_ = 0;   // flows from here on were never used: their pages stay untouched
  struct Release {
    void operator()(Flow* flows) const;
  };
  std::unique_ptr<Flow, Release> memory_;
  Flow* flows_;
  std::unique_ptr<uint32_t[]> buckets_;
  std::unique_ptr<uint32_t[]> syn_buckets_;
  List lru_;
  std::array<List, wait_count> queues_;
};

}  // namespace handprint
