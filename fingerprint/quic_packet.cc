// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/quic_packet.h"

#include <array>

namespace handprint {
namespace {

using Salt = std::array<uint8_t, 20>;

// RFC 9001 section 5.2 (and drafts 33 and 34), RFC 9369 section 3.3.1, then the older drafts.
constexpr Salt salt_v1 = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                          0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
constexpr Salt salt_v2 = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                          0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
constexpr Salt salt_draft_29 = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                                0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
constexpr Salt salt_draft_23 = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                                0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
constexpr Salt salt_draft_21 = {0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a,
                                0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a};

constexpr Salt salt_t050 = {0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80,
                            0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c, 0x60, 0x48, 0x83, 0x10};
constexpr Salt salt_t051 = {0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50,
                            0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc, 0xda, 0x6e, 0x03, 0x3d};

constexpr uint32_t version_1 = 1, version_2 = 0x6b3343cf, draft = 0xff000000;
constexpr uint32_t mvfst_first = 0xfaceb000, mvfst_1 = 0xfaceb001, mvfst_2 = 0xfaceb002,
                   mvfst_e = 0xfaceb00e;
constexpr uint32_t google_t050 = 0x54303530, google_t051 = 0x54303531;
constexpr size_t longest_id = 20, tag_size = 16;

const Salt* salt_of(uint32_t number) {
  if (number == version_1) return &salt_v1;
  if (number == version_2) return &salt_v2;
  if (number == mvfst_1) return &salt_draft_21;
  if (number == mvfst_2 || number == mvfst_e) return &salt_draft_23;
  if (number == google_t050) return &salt_t050;
  if (number == google_t051) return &salt_t051;
  if ((number & 0xffffff00) != draft) return nullptr;
  const uint32_t n = number & 0xff;
  if (n == 33 || n == 34) return &salt_v1;
  if (n >= 29 && n <= 32) return &salt_draft_29;
  if (n >= 23 && n <= 28) return &salt_draft_23;
  if (n == 21 || n == 22) return &salt_draft_21;
  return nullptr;
}

}  // namespace

uint64_t read_varint(Cursor& in) {
  const uint8_t first = in.u8();
  uint64_t value = first & 0x3f;
  for (int more = (1 << (first >> 6)) - 1; more > 0; --more) value = value << 8 | in.u8();
  return in.failed() ? 0 : value;
}

QuicVersion quic_version(uint32_t number) {
  QuicVersion out;
  out.number = number;
  out.second = number == version_2;
  out.google = number == google_t050 || number == google_t051;
  if (const Salt* salt = salt_of(number)) {
    out.known = true;
    out.salt = *salt;
  }
  return out;
}

void write_quic_version(uint32_t number, Text& out) {
  if (number == version_1) return out.put('1');
  if (number == version_2) return out.put('2');
  if ((number & 0xffffff00) == draft) {
    out.put("draft-");
    return out.dec(number & 0xff);
  }
  if ((number & 0xffffff00) == mvfst_first) {
    out.put("mvfst-");
    return out.dec(number & 0xff);
  }
  const auto letter = static_cast<char>(number >> 24);
  const auto digit = [&](int shift) { return static_cast<char>(number >> shift & 0xff); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if ((letter == 'Q' || letter == 'T') && is_digit(digit(16)) && is_digit(digit(8)) &&
      is_digit(digit(0))) {
    for (int shift : {24, 16, 8, 0}) out.put(digit(shift));
    return;
  }
  out.put("0x");
  out.hex16(static_cast<uint16_t>(number >> 16));
  out.hex16(static_cast<uint16_t>(number));
}

Reason parse_quic_packet(Bytes datagram, QuicPacket& out) {
  out = QuicPacket{};
  Cursor in(datagram);
  const uint8_t first = in.u8();
  if (in.failed()) return Reason::truncated;
  const bool is_long = (first & 0x80) != 0;
  if (is_long) {
    out.version = in.u32();
    out.destination_id = in.take(in.u8());
    out.source_id = in.take(in.u8());
    if (in.failed()) return Reason::truncated;
    out.bytes = datagram;
    if (out.version == 0) {  // the fixed bit may be anything there (section 17.2.1)
      out.type = QuicPacketType::version_negotiation;
      return Reason::ok;
    }
  }
  if (!is_long) return (first & 0x40) != 0 ? Reason::encrypted : Reason::not_this_protocol;
  if (out.destination_id.size() > longest_id || out.source_id.size() > longest_id)
    return Reason::malformed_quic;
  // Version 2 counts from Retry on.
  const auto type = static_cast<uint8_t>((first >> 4) + (out.version == version_2 ? 3 : 0)) & 3;
  out.type = static_cast<QuicPacketType>(type);
  if (out.type == QuicPacketType::retry) return Reason::ok;
  if (out.type == QuicPacketType::initial) {
    const uint64_t token = read_varint(in);
    if (token > in.left()) return Reason::truncated;
    out.token = in.take(static_cast<size_t>(token));
  }
  const uint64_t length = read_varint(in);
  if (in.failed() || length > in.left()) return Reason::truncated;
  out.number_at = in.position();
  out.bytes = datagram.first(out.number_at + static_cast<size_t>(length));
  // Header protection samples 16 bytes, four behind the start of the packet number.
  return length < 4 + tag_size ? Reason::malformed_quic : Reason::ok;
}

Reason QuicFrameReader::next(QuicCrypto& out) {
  constexpr uint8_t padding = 0, ping = 1, ack = 2, ack_ecn = 3, crypto = 6, google_crypto = 8,
                    close = 0x1c;
  if (stopped_ != Reason::ok) return stopped_;
  while (!in_.empty()) {
    const uint8_t type = in_.u8();
    switch (type) {
      case padding:
      case ping:
        continue;
      case ack:
      case ack_ecn: {
        read_varint(in_);                     // largest
        read_varint(in_);                     // delay
        uint64_t numbers = read_varint(in_);  // ranges, each a gap and a length
        if (numbers > in_.left()) in_.fail();
        numbers = 1 + 2 * numbers + (type == ack_ecn ? 3 : 0);
        for (; numbers > 0 && !in_.failed(); --numbers) read_varint(in_);
        break;
      }
      case google_crypto:
        if (!google_) {
          in_.fail();
          break;
        }
        [[fallthrough]];
      case crypto: {
        out.offset = read_varint(in_);
        const uint64_t length = read_varint(in_);
        if (length > in_.left()) in_.fail();
        out.data = in_.take(static_cast<size_t>(length));
        if (!in_.failed()) return Reason::ok;
        break;
      }
      case close: {
        read_varint(in_);  // error
        read_varint(in_);  // frame type
        const uint64_t reason = read_varint(in_);
        if (reason > in_.left()) in_.fail();
        in_.skip(static_cast<size_t>(reason));
        closed_ = !in_.failed();
        break;
      }
      default:
        in_.fail();
    }
    if (in_.failed()) return stopped_ = Reason::malformed_quic;
  }
  return stopped_ = Reason::end_of_stream;
}

bool QuicParameterReader::next(QuicParameter& out) {
  if (in_.empty()) return false;
  const Bytes before = in_.rest();
  out.id = read_varint(in_);
  out.id_bytes = before.first(before.size() - in_.left());
  const uint64_t length = read_varint(in_);
  if (in_.failed() || length > in_.left()) {
    in_.fail();
    return false;
  }
  out.value = in_.take(static_cast<size_t>(length));
  return true;
}

}  // namespace handprint
