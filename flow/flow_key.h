// SPDX-License-Identifier: Apache-2.0
// Which flow a packet belongs to, whichever way it travels and wherever it was seen.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "fingerprint/address.h"

namespace handprint {

// The two ends in a fixed order (the lower address, then the lower port, first), so that both
// directions have one key. Interfaces, VLANs and tunnels are no part of it: the same connection
// seen on a veth, a bridge and an uplink is one flow.
struct FlowKey {
  std::array<uint8_t, 16> low_address{};
  std::array<uint8_t, 16> high_address{};
  uint16_t low_port = 0;
  uint16_t high_port = 0;
  uint8_t ip_version = 0;
  uint8_t protocol = 0;
  uint16_t zero = 0;

  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};
static_assert(sizeof(FlowKey) == 40, "compared and hashed as five words");

// The key of a packet, and its direction: 0 when the source is the lower end.
struct DirectedKey {
  FlowKey key;
  uint8_t direction = 0;
};

inline DirectedKey flow_key(const Address& source, uint16_t source_port, const Address& destination,
                            uint16_t destination_port, uint8_t protocol) {
  const int order = std::memcmp(source.bytes.data(), destination.bytes.data(), 16);
  const bool source_low = order < 0 || (order == 0 && source_port <= destination_port);
  DirectedKey out;
  out.key.low_address = source_low ? source.bytes : destination.bytes;
  out.key.high_address = source_low ? destination.bytes : source.bytes;
  out.key.low_port = source_low ? source_port : destination_port;
  out.key.high_port = source_low ? destination_port : source_port;
  out.key.ip_version = source.version;
  out.key.protocol = protocol;
  out.direction = source_low ? 0 : 1;
  return out;
}

// Two 64-bit words multiplied to 128 bits and folded: the mixing step of both hashes here.
inline uint64_t mix_words(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Seeded, so that nobody outside can choose keys that fall into one bucket.
inline uint64_t hash_of(const FlowKey& key, uint64_t seed) {
  std::array<uint64_t, 5> word;
  std::memcpy(word.data(), &key, sizeof key);
  uint64_t hash = seed ^ 0xa0761d6478bd642fULL;
  hash = mix_words(word[0] ^ 0xe7037ed1a0b428dbULL, word[1] ^ hash);
  hash = mix_words(word[2] ^ 0x8ebc6af09c88c6e3ULL, word[3] ^ hash);
  return mix_words(word[4] ^ 0x589965cc75374cc3ULL, hash ^ seed);
}

}  // namespace handprint
