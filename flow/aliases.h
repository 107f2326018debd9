// SPDX-License-Identifier: Apache-2.0
// The further addresses and ports of flows whose packets are translated on their way: a second
// index beside the flow table's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "flow/flow_key.h"
#include "flow/segment.h"

namespace handprint {

inline constexpr uint32_t no_alias = 0xffffffff;

// What passed under one pair of addresses and ports, which tells how near to which end it is: a SYN
// is seen near the client first, and its answer last.
struct Passage {
  PacketTime syn = 0;      // first SYN, with has_syn
  PacketTime syn_ack = 0;  // first SYN+ACK, with has_syn_ack
  bool has_syn = false;
  bool has_syn_ack = false;
  uint8_t socket_of =
      0;  // bit d: the socket of the end that sends in direction d of the flow has it
};

struct Alias {
  FlowKey key;
  uint64_t hash = 0;
  Passage passage;
  uint32_t flow = 0;          // index in the flow table
  uint32_t chain = no_alias;  // next of the same bucket
  uint32_t next = no_alias;   // next of the same flow
  uint8_t flip = 0;           // direction of the flow = direction of this key ^ flip
};

// Owns the entries; a flow holds the head of its list. Nothing is allocated after the constructor.
class Aliases {
 public:
  // At most so many of one flow.
  static constexpr uint32_t of_flow = 8;

  // Room for as many as fit `bytes`, at least 8. Throws std::bad_alloc.
  explicit Aliases(std::size_t bytes);

  // Adds a key to the flow's list. False when there is no room, in all or for this flow.
  bool add(uint32_t& head, uint32_t flow, const FlowKey& key, uint64_t hash, uint8_t flip,
           const Passage& passage);
  // Takes one out of the list of its flow; the index must be in it.
  void remove(uint32_t& head, uint32_t index);
  // Takes all of a flow out.
  void remove_all(uint32_t& head);

  // The newest with this key, or null; next() gives those that were added before it.
  Alias* find(const FlowKey& key, uint64_t hash) {
    return size_ == 0 ? nullptr : from(buckets_[hash & mask_], key, hash);
  }
  Alias* next(const Alias& alias) { return from(alias.chain, alias.key, alias.hash); }
  // The entries of one flow, by the head of its list: at(head), at(alias->next) …, null at the end.
  Alias* at(uint32_t index) { return index == no_alias ? nullptr : &entries_[index]; }
  const Alias* at(uint32_t index) const { return index == no_alias ? nullptr : &entries_[index]; }
  uint32_t index_of(const Alias& alias) const {
    return static_cast<uint32_t>(&alias - entries_.get());
  }

  std::size_t size() const { return size_; }
  std::size_t limit() const { return limit_; }

 private:
  Alias* from(uint32_t index, const FlowKey& key, uint64_t hash);
  void unchain(uint32_t index);

  std::size_t limit_;
  std::size_t size_ = 0;
  uint32_t mask_;
  uint32_t free_ = no_alias;  // through Alias::chain
  uint32_t untouched_ = 0;
  std::unique_ptr<Alias[]> entries_;
  std::unique_ptr<uint32_t[]> buckets_;
};

}  // namespace handprint
