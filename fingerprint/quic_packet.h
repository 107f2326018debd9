// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

// Reads a variable-length integer (RFC 9000 section 16): 1, 2, 4 or 8 bytes. 0 when the cursor
// fails.
uint64_t read_varint(Cursor& in);

// What a version's Initial packets are protected with, and how its packet types are numbered.
struct QuicVersion {
  uint32_t number = 0;
  bool known = false;   // its Initials can be opened
  bool second = false;  // QUIC version 2: other type numbers, other labels (RFC 9369)
  bool google = false;  // T050 and T051: CRYPTO frames have another number
  Bytes salt;           // 20 bytes
};
// Versions 1 and 2, drafts 21 to 34, mvfst's, and Google's T050 and T051. Others are not `known`.
QuicVersion quic_version(uint32_t number);
// Versions ?a?a?a?a, which no server has: a client asks for the list of those it has (section 15).
constexpr bool quic_version_is_reserved(uint32_t number) {
  return (number & 0x0f0f0f0f) == 0x0a0a0a0a;
}
// "1", "2", "draft-29", "mvfst-2", "Q050"; "0x1a2a3a4a" for what has no name.
void write_quic_version(uint32_t number, Text& out);

enum class QuicPacketType : uint8_t { initial, zero_rtt, handshake, retry, version_negotiation };

// A packet with a long header (RFC 9000 section 17.2). Views into the datagram.
struct QuicPacket {
  QuicPacketType type = QuicPacketType::initial;
  uint32_t version = 0;
  Bytes destination_id, source_id;  // at most 20 bytes each
  Bytes token;                      // Initial only
  Bytes bytes;                      // the whole packet, its header included
  size_t number_at = 0;             // where the packet number begins in `bytes`
  size_t size() const { return bytes.size(); }
};

// Reads the packet at the start of `datagram`; further packets follow behind its size() (section
// 12.2). Retry and Version Negotiation take the rest of the datagram.
//   ok                 `out` holds it
//   encrypted          a short header: 1-RTT, nothing follows that could be read
//   not_this_protocol  neither header form nor fixed bit are set. With a long header the fixed bit
//                      may be clear (RFC 9287)
//   truncated          the datagram ends inside the packet
//   malformed_quic     a connection id longer than version 1 allows, or no room for packet number
//                      and tag
Reason parse_quic_packet(Bytes datagram, QuicPacket& out);

// A CRYPTO frame: a piece of the TLS handshake.
struct QuicCrypto {
  uint64_t offset = 0;
  Bytes data;
};

// Walks the frames of an opened Initial packet (RFC 9000 section 17.2.2 lists those allowed) and
// gives its CRYPTO frames in their order.
class QuicFrameReader {
 public:
  // google: of a version of Google's own, in which CRYPTO has another number.
  explicit QuicFrameReader(Bytes payload, bool google = false) : in_(payload), google_(google) {}

  //   ok              a CRYPTO frame
  //   end_of_stream   no frame is left
  //   malformed_quic  a frame that ends behind the packet, or that no Initial may have
  Reason next(QuicCrypto& out);
  // A CONNECTION_CLOSE was stepped over.
  bool closed() const { return closed_; }

 private:
  Cursor in_;
  bool google_;
  bool closed_ = false;
  Reason stopped_ = Reason::ok;
};

// The transport parameters of a hello (RFC 9000 section 18), decoded while one walks over them.
struct QuicParameter {
  uint64_t id = 0;
  Bytes id_bytes;  // as sent
  Bytes value;
};
class QuicParameterReader {
 public:
  explicit QuicParameterReader(Bytes extension) : in_(extension) {}
  // False at the end, and at a parameter that runs past it.
  bool next(QuicParameter& out);

 private:
  Cursor in_;
};
// Ids of the form 31 * N + 27 are reserved to be ignored (RFC 9000 section 18.1).
constexpr bool quic_parameter_is_reserved(uint64_t id) { return id % 31 == 27; }

namespace quic_parameter {
inline constexpr uint64_t google_user_agent = 0x3129;
}

}  // namespace handprint
