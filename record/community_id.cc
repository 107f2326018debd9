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

  std::array<uint32_t, 16> w;  // the last 16 words of the schedule
  for (size_t i = 0; i < 16; ++i)
    w[i] = static_cast<uint32_t>(block[4 * i]) << 24 | static_cast<uint32_t>(block[4 * i + 1]) << 16 |
           static_cast<uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
  const auto word = [&w](size_t i) {
    uint32_t& to = w[i & 15];
    if (i >= 16) to = std::rotl(w[(i - 3) & 15] ^ w[(i - 8) & 15] ^ w[(i - 14) & 15] ^ to, 1);
    return to;
  };

  constexpr std::array<uint32_t, 5> start{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint32_t a = start[0], b = start[1], c = start[2], d = start[3], e = start[4];
  // Five rounds with the names turned instead of the values moved.
  const auto rounds = [&](size_t from, uint32_t k, auto f) {
    for (size_t i = from; i < from + 20; i += 5) {
      const auto step = [&](uint32_t v, uint32_t& w1, uint32_t x, uint32_t y, uint32_t& z, uint32_t next) {
        // What the round before gave comes last, so that the rest need not wait for it.
        z += next + k;
        z += f(w1, x, y);
        w1 = std::rotl(w1, 30);
        z += std::rotl(v, 5);
      };
      step(a, b, c, d, e, word(i));
      step(e, a, b, c, d, word(i + 1));
      step(d, e, a, b, c, word(i + 2));
      step(c, d, e, a, b, word(i + 3));
      step(b, c, d, e, a, word(i + 4));
    }
  };
  const auto parity = [](uint32_t x, uint32_t y, uint32_t z) { return x ^ y ^ z; };
  rounds(0, 0x5a827999, [](uint32_t x, uint32_t y, uint32_t z) { return z ^ (x & (y ^ z)); });
  rounds(20, 0x6ed9eba1, parity);
  rounds(40, 0x8f1bbcdc, [](uint32_t x, uint32_t y, uint32_t z) { return (x & y) | (z & (x | y)); });
  rounds(60, 0xca62c1d6, parity);

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
