// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "fingerprint/cursor.h"
#include "fingerprint/digest.h"
#include "fingerprint/quic_packet.h"
#include "fingerprint/reason.h"

namespace handprint {

enum class QuicSide : uint8_t { client, server };

// The keys of one side's Initial packets. They follow from the version and the connection id that
// the client chose first, and protect nothing from anybody who sees the packets.
struct QuicInitialKeys {
  Sha256 secret;
  std::array<uint8_t, 16> key;
  std::array<uint8_t, 12> iv;
  std::array<uint8_t, 16> header;  // of header protection
};

// RFC 9001 section 5.2, RFC 9369 section 3.3. False when the version is not known or the crypto
// library does not compute SHA-256.
bool derive_quic_initial_keys(const QuicVersion& version, Bytes destination_id, QuicSide side,
                              const Digests& digests, QuicInitialKeys& out);

// Opens Initial packets with AES-128 (RFC 9001 sections 5.3 and 5.4). Contexts are made once and
// reused: opening allocates nothing. One a thread. The algorithms come from a library context of
// our own, so that no configuration of the host can take them away.
class QuicCipher {
 public:
  QuicCipher();
  ~QuicCipher();
  QuicCipher(const QuicCipher&) = delete;
  QuicCipher& operator=(const QuicCipher&) = delete;

  // False when the crypto library has no AES-128; open() then gives digest_unavailable.
  bool available() const;

  // Removes the protection of an Initial packet that parse_quic_packet() gave, and writes its
  // frames into `room`.
  //   ok         `payload` is the part of `room` that holds them
  //   encrypted  the tag is another: these are not its keys, or bytes of it were changed
  //   too_long   it does not fit the room
  Reason open(const QuicPacket& packet, const QuicInitialKeys& keys, std::span<uint8_t> room,
              Bytes& payload);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// Opens the Initials of many connections with one QuicCipher, and keeps the keys that it derived
// last, since the packets of one connection come together.
class QuicOpener {
 public:
  bool available() const { return cipher_.available(); }

  // As QuicCipher::open(), with the keys that belong to this version, side and connection id (the
  // client's first one, not necessarily the packet's). not_this_protocol: the version is not known.
  // The payload is a view of memory of the opener, valid until the next call.
  Reason open(const QuicPacket& packet, uint32_t version, Bytes first_destination_id, QuicSide side,
              const Digests& digests, Bytes& payload);

 private:
  struct Kept {
    std::array<uint8_t, 20> id{};
    uint8_t id_size = 0;
    uint32_t version = 0;
    bool valid = false;
    QuicInitialKeys keys;
  };
  QuicCipher cipher_;
  std::array<Kept, 2> kept_;  // by side
  std::array<uint8_t, 65536> room_;
};

}  // namespace handprint
