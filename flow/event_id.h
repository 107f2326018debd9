// SPDX-License-Identifier: Apache-2.0
// The identity of a flow in every record of it.
#pragma once

#include <array>
#include <cstdint>

#include "flow/document.h"
#include "flow/flow_key.h"

namespace handprint {

// 128 bits over (identity, time stamp of the first packet in nanoseconds, flow key): the nine words
// go through two lanes of multiply-and-fold with different constants, each lane finished by a
// second round that sees the other one. Not a cryptographic hash: it must differ between flows, and
// be the same whenever the same packets are read again.
inline EventId event_id(const std::array<uint8_t, 16>& identity, PacketTime first,
                        const FlowKey& key) {
  std::array<uint64_t, 8> word{};
  std::memcpy(word.data(), identity.data(), 16);
  word[2] = static_cast<uint64_t>(first);
  std::memcpy(word.data() + 3, &key, sizeof key);
  uint64_t a = 0x243f6a8885a308d3ULL, b = 0x13198a2e03707344ULL;
  for (uint64_t w : word) {
    a = mix_words(a ^ w, 0xa0761d6478bd642fULL);
    b = mix_words(b + w, 0xe7037ed1a0b428dbULL) ^ w;
  }
  const uint64_t low = mix_words(a ^ 0x8ebc6af09c88c6e3ULL, b ^ 0x589965cc75374cc3ULL);
  const uint64_t high = mix_words(b ^ 0x1d8e4e27c47d124fULL, a ^ 0xeb44accab455d165ULL);
  EventId out;
  std::memcpy(out.data(), &low, 8);
  std::memcpy(out.data() + 8, &high, 8);
  return out;
}

}  // namespace handprint
