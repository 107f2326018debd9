// SPDX-License-Identifier: Apache-2.0
#include "record/community_id.h"

#include <bit>

namespace handprint {
namespace {

// SHA-1 (FIPS 180-4) of a message of at most 55 bytes, which is one block. The identifier is no
// matter of security; a crypto library's set-up would cost more than the block itself, and a FIPS
// host may refuse SHA-1.
std::array<uint8_t, 20> sha1_short(std::span<const uint8_t> message) {
  std::array<uint8_t, 64> block{};
  for (size_t i = 0; i < message.size(); ++i) block[i] = message[i];
  block[message.size()] = 0x80;
  const size_t bits = message.size() * 8;
  block[62] = static_cast<uint8_t>(bits >> 8);
  block[63] = static_cast<uint8_t>(bits);

  std::array<uint32_t, 80> w;
  for (size_t i = 0; i < 16; ++i)
    w[i] = static_cast<uint32_t>(block[4 * i]) << 24 | static_cast<uint32_t>(block[4 * i + 1]) << 16 |
           static_cast<uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
  for (size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

  constexpr std::array<uint32_t, 5> start{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint32_t a = start[0], b = start[1], c = start[2], d = start[3], e = start[4];
  auto step = [&](uint32_t f, uint32_t k, uint32_t word) {
    const uint32_t next = std::rotl(a, 5) + f + e + k + word;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  };
  for (size_t i = 0; i < 20; ++i) step(d ^ (b & (c ^ d)), 0x5a827999, w[i]);
  for (size_t i = 20; i < 40; ++i) step(b ^ c ^ d, 0x6ed9eba1, w[i]);
  for (size_t i = 40; i < 60; ++i) step((b & c) | (d & (b | c)), 0x8f1bbcdc, w[i]);
  for (size_t i = 60; i < 80; ++i) step(b ^ c ^ d, 0xca62c1d6, w[i]);

  const std::array<uint32_t, 5> sum{start[0] + a, start[1] + b, start[2] + c, start[3] + d, start[4] + e};
  std::array<uint8_t, 20> digest;
  for (size_t i = 0; i < 20; ++i) digest[i] = static_cast<uint8_t>(sum[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace

bool community_id(const Address& source, uint16_t source_port, const Address& destination,
                  uint16_t destination_port, uint8_t transport,
                  std::span<char, community_id_size> out) {
  if (!source.present() || source.version != destination.version) return false;
  const bool swap = destination < source || (source == destination && destination_port < source_port);
  const Address& low = swap ? destination : source;
  const Address& high = swap ? source : destination;
  const uint16_t low_port = swap ? destination_port : source_port;
  const uint16_t high_port = swap ? source_port : destination_port;

  // seed, lower address, higher address, protocol, zero, lower's port, higher's port
  std::array<uint8_t, 2 + 16 + 16 + 2 + 4> message{};
  size_t size = 2;
  for (uint8_t byte : low.wire()) message[size++] = byte;
  for (uint8_t byte : high.wire()) message[size++] = byte;
  message[size++] = transport;
  message[size++] = 0;
  for (uint16_t port : {low_port, high_port}) {
    message[size++] = static_cast<uint8_t>(port >> 8);
    message[size++] = static_cast<uint8_t>(port);
  }
  const auto digest = sha1_short({message.data(), size});

  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char* to = out.data();
  *to++ = '1';
  *to++ = ':';
  for (size_t i = 0; i < 21; i += 3) {
    const uint32_t bits = static_cast<uint32_t>(digest[i]) << 16 |
                          static_cast<uint32_t>(digest[i + 1]) << 8 |
                          (i + 2 < digest.size() ? digest[i + 2] : 0u);
    *to++ = alphabet[bits >> 18 & 63];
    *to++ = alphabet[bits >> 12 & 63];
    *to++ = alphabet[bits >> 6 & 63];
    *to++ = i + 2 < digest.size() ? alphabet[bits & 63] : '=';
  }
  return true;
}

}  // namespace handprint
