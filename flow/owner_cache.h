// SPDX-License-Identifier: Apache-2.0
// Owners that are known before the first packet of their flow is: process events are drained ahead
// of packets, so that a worker's first read is often heard of before its connection's SYN.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "bpf/wire.h"
#include "flow/flow_key.h"

namespace handprint {

class OwnerCache {
 public:
  // With the reader behind by half a second at 1,500 connections a second, 4 ways lost one in 500.
  static constexpr std::size_t sets = 1024;
  static constexpr std::size_t ways = 8;

  OwnerCache() : entries_(std::make_unique<std::array<Entry, sets * ways>>()) {}

  // Keeps an owner of the end that sends in `direction`; the oldest of its set gives way.
  void keep(const FlowKey& key, uint64_t hash, uint8_t direction, const hp_owner_event& event) {
    Entry* victim = nullptr;
    for (Entry& entry : set(hash)) {
      if (entry.used && entry.direction == direction && entry.cookie == event.cookie &&
          entry.key == key) {
        victim = &entry;
        break;
      }
      if (victim == nullptr || entry.used < victim->used ||
          (entry.used == victim->used && entry.time < victim->time))
        victim = &entry;
    }
    *victim = {key, event.owner, event.cookie, event.time_ns, direction, true};
  }
  // Gives what is kept for the socket that is this flow's end in `direction` to take(owner) and
  // forgets it, but for owners that are older than the flow: those belong to an earlier connection.
  // The ports alone do not tell the connection: another namespace may use the same.
  template <class Take>
  void fetch(const FlowKey& key, uint64_t hash, uint8_t direction, uint64_t cookie, int64_t first,
             Take&& take) {
    for (Entry& entry : set(hash)) {
      if (!entry.used || entry.direction != direction || entry.cookie != cookie ||
          !(entry.key == key))
        continue;
      entry.used = false;
      if (static_cast<int64_t>(entry.time) >= first) take(entry.owner);
    }
  }

  // The same for both ends of a flow whose sockets may never be seen: by its ports alone.
  template <class Take>
  void fetch_by_ports(const FlowKey& key, uint64_t hash, int64_t first, Take&& take) {
    for (Entry& entry : set(hash)) {
      if (!entry.used || !(entry.key == key)) continue;
      entry.used = false;
      if (static_cast<int64_t>(entry.time) >= first) take(entry.direction, entry.owner);
    }
  }

 private:
  struct Entry {
    FlowKey key;
    hp_owner owner{};
    uint64_t cookie = 0;
    uint64_t time = 0;
    uint8_t direction = 0;
    bool used = false;
  };
  std::span<Entry, ways> set(uint64_t hash) {
    return std::span<Entry, ways>(entries_->data() + (hash >> 32) % sets * ways, ways);
  }
  std::unique_ptr<std::array<Entry, sets * ways>> entries_;
};

}  // namespace handprint
