// SPDX-License-Identifier: Apache-2.0
// Who asks and is not answered: unanswered SYNs beyond the rate of records, counted by source
// prefix.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "fingerprint/address.h"
#include "flow/flow_key.h"

namespace handprint {

// One source prefix: /24 of IPv4, /64 of IPv6.
struct ScanSource {
  std::array<uint8_t, 16> prefix{};  // as in Address::bytes, zero behind the prefix
  uint8_t version = 0;               // 4 or 6; 0: no entry
  std::array<uint8_t, 7> zero{};
  uint64_t count = 0;
};
static_assert(sizeof(ScanSource) == 32);

// A fixed number of counters in sets of eight; the smallest of a full set gives way, and what it
// had counted goes to `others`, so that nothing is counted twice or forgotten:
//   added - taken back = all counts + others
// A source that scans more than what else falls into its set keeps its counter.
class ScanTable {
 public:
  static constexpr std::size_t ways = 8;
  static constexpr std::size_t sets = 64;

  explicit ScanTable(uint64_t seed = 0) : seed_(seed) {}

  // One unanswered SYN from `source`.
  void add(const Address& source) {
    const ScanSource wanted = prefix_of(source);
    ScanSource* least = nullptr;
    for (ScanSource& entry : set_of(wanted)) {
      if (same(entry, wanted)) {
        ++entry.count;
        return;
      }
      if (least == nullptr || entry.count < least->count) least = &entry;
    }
    others_ += least->count;
    if (least->version != 0 && least->count != 0) ++evicted_;
    *least = wanted;
    least->count = 1;
  }

  // It was answered after all.
  void take_back(const Address& source) {
    const ScanSource wanted = prefix_of(source);
    for (ScanSource& entry : set_of(wanted)) {
      if (!same(entry, wanted) || entry.count == 0) continue;
      --entry.count;
      return;
    }
    if (others_ != 0) --others_;
  }

  // Fills `out` with the sources that were counted most, the greatest first. Result: how many.
  std::size_t top(std::span<ScanSource> out) const {
    std::size_t filled = 0;
    for (const ScanSource& entry : entries_) {
      if (entry.count == 0) continue;
      std::size_t at = filled;
      while (at > 0 && out[at - 1].count < entry.count) --at;
      if (at == out.size()) continue;
      if (filled < out.size()) ++filled;
      for (std::size_t i = filled - 1; i > at; --i) out[i] = out[i - 1];
      out[at] = entry;
    }
    return filled;
  }

  // Counted once by prefixes that gave way.
  uint64_t others() const { return others_; }
  // How often one gave way.
  uint64_t evicted() const { return evicted_; }
  // Prefixes that have a counter now.
  uint64_t sources() const {
    uint64_t out = 0;
    for (const ScanSource& entry : entries_) out += entry.count != 0;
    return out;
  }

 private:
  static ScanSource prefix_of(const Address& address) {
    ScanSource out;
    const std::size_t kept = address.version == 4 ? 3 : 8;
    std::memcpy(out.prefix.data(), address.bytes.data(), kept);
    out.version = address.version;
    return out;
  }
  static bool same(const ScanSource& a, const ScanSource& b) {
    return a.version == b.version && a.prefix == b.prefix;
  }
  std::span<ScanSource> set_of(const ScanSource& source) {
    uint64_t words[2];
    std::memcpy(words, source.prefix.data(), sizeof words);
    const uint64_t hash = mix_words(words[0] ^ seed_ ^ 0xe7037ed1a0b428dbULL,
                                    words[1] ^ source.version ^ 0x8ebc6af09c88c6e3ULL);
    return std::span(entries_).subspan(hash % sets * ways, ways);
  }

  uint64_t seed_;
  uint64_t others_ = 0, evicted_ = 0;
  std::array<ScanSource, sets * ways> entries_{};
};

}  // namespace handprint
