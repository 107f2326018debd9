// SPDX-License-Identifier: Apache-2.0
#include "flow/selection.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace handprint {

namespace {

// The live defaults of agent/config; the kernel's policy map holds the same numbers.
constexpr hp_policy hello_policy{
    .undecided_limit = 16384,
    .hello_limit = 16384,
    .http_limit = 8192,
    .certificate_limit = 32768,
    .mode = HP_MODE_HELLO,
    .segments = 24,
    .datagrams = 8,
    .requests = 3,
};

void write_address(const Address& address, uint8_t (&to)[16]) {
  if (address.v4()) {
    to[10] = to[11] = 0xff;
    std::memcpy(to + 12, address.bytes.data(), 4);
  } else {
    std::memcpy(to, address.bytes.data(), 16);
  }
}

uint16_t to_network(uint16_t host) {
  if constexpr (std::endian::native == std::endian::big) return host;
  return static_cast<uint16_t>(host << 8 | host >> 8);
}

}  // namespace

hp_policy live_policy() { return hello_policy; }

hp_policy file_policy(hp_mode mode) {
  hp_policy policy = hello_policy;
  policy.requests = 0;
  policy.mode = static_cast<uint8_t>(mode);
  return policy;
}

struct Selection::Table {
  // From calloc: pages that no packet needs are never touched, which a small capture notices.
  Table()
      : sets(static_cast<hp_set*>(std::calloc(HP_SETS, sizeof(hp_set)))),
        slots(static_cast<hp_slot*>(std::calloc(HP_SLOTS, sizeof(hp_slot)))) {
    if (sets == nullptr || slots == nullptr) {
      std::free(sets);
      std::free(slots);
      throw std::bad_alloc();
    }
  }
  ~Table() {
    std::free(sets);
    std::free(slots);
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  hp_set* sets;
  hp_slot* slots;
  // hp_scan() reads to the next multiple of eight, which a frame need not have.
  std::array<uint8_t, HP_MAX_COPY + 8> scan{};
};

Selection::Selection(const hp_policy& policy, uint32_t seed)
    : table_(std::make_unique<Table>()), policy_(policy), seed_(seed) {}

Selection::~Selection() = default;

const hp_set* Selection::sets() const { return table_->sets; }
const hp_slot* Selection::slots() const { return table_->slots; }

bool Selection::select(const Packet& packet, PacketTime time, uint32_t scope,
                       hp_decision& decision) {
  decision = {};
  const bool tcp = packet.is_tcp();
  if (!tcp && !packet.is_udp()) return false;
  if (!packet.source.present() || !packet.destination.present()) return false;

  hp_segment segment{};
  // As the kernel sees it: never more than is there, whatever the headers claim.
  segment.len = static_cast<uint32_t>(packet.payload.size());
  segment.seq = packet.sequence;
  segment.flags = static_cast<uint8_t>(packet.flags & 0xff);
  segment.head_len = static_cast<uint8_t>(std::min<size_t>(packet.payload.size(), HP_HEAD));
  if (segment.head_len != 0) std::memcpy(segment.head, packet.payload.data(), segment.head_len);

  // Most packets of a file are pure acknowledgements, which no window can select; a reset must
  // still find its window.
  constexpr uint8_t lookup_flags = HP_TCP_SYN | HP_TCP_RST;
  if (segment.len == 0 && (!tcp || (segment.flags & lookup_flags) == 0)) return false;
  if (!tcp && hp_classify_datagram(segment.head, segment.head_len) == HP_CONTENT_NONE) return false;

  hp_flow_key key{};
  write_address(packet.source, key.source);
  write_address(packet.destination, key.destination);
  key.source_port = to_network(packet.source_port);
  key.destination_port = to_network(packet.destination_port);
  key.scope = scope;
  key.protocol = packet.protocol;

  const uint64_t hash = hp_flow_hash(&key, seed_);
  const uint32_t set_index = hp_flow_set(hash);
  const uint32_t tag = hp_flow_tag(hash);
  hp_set& set = table_->sets[set_index];
  hp_slot* slot = nullptr;
  uint32_t way = 0;
  for (; way < HP_WAYS; ++way) {
    if (set.tag[way] != tag) continue;
    hp_slot& candidate = table_->slots[set_index * HP_WAYS + way];
    if (hp_key_equal(&candidate.key, &key)) {
      slot = &candidate;
      break;
    }
  }

  hp_window fresh{};
  hp_window& window = slot != nullptr ? slot->window : fresh;
  if (tcp) {
    hp_select_tcp(&segment, &window, &policy_, &decision);
  } else {
    hp_select_udp(&segment, &window, &policy_, &decision);
  }
  if (decision.scan && decision.copy_len != 0) {
    std::memcpy(table_->scan.data(), packet.payload.data() + decision.copy_off, decision.copy_len);
    hp_scan(table_->scan.data(), &window, &policy_, &decision);
  }

  const auto now = static_cast<uint32_t>(static_cast<uint64_t>(time) >> HP_AGE_SHIFT);
  if (decision.window == HP_WINDOW_STORE) {
    if (slot == nullptr) {
      way = hp_set_victim(&set, now);
      slot = &table_->slots[set_index * HP_WAYS + way];
      slot->key = key;
      slot->window = window;
      slot->syn_time_ns = 0;
      slot->syn_len = 0;
      set.tag[way] = tag;
    }
    set.age[way] = hp_age_at(now, segment.flags);
  } else if (decision.window == HP_WINDOW_REMOVE && slot != nullptr) {
    set.tag[way] = 0;
  }
  return decision.content != HP_CONTENT_NONE;
}

}  // namespace handprint
