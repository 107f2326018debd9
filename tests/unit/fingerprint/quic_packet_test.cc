// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/quic_packet.h"

#include <gtest/gtest.h>

#include "quic_builder.h"

namespace handprint::test {
namespace {

// RFC 9000 appendix A.1.
TEST(QuicVarint, ReadsTheExamplesOfTheStandard) {
  const auto read = [](std::string_view digits) {
    const Buffer bytes = hex(digits);
    Cursor in(bytes);
    const uint64_t value = read_varint(in);
    EXPECT_TRUE(in.empty() && !in.failed());
    return value;
  };
  EXPECT_EQ(read("c2197c5eff14e88c"), 151288809941952652u);
  EXPECT_EQ(read("9d7f3e7d"), 494878333u);
  EXPECT_EQ(read("7bbd"), 15293u);
  EXPECT_EQ(read("25"), 37u);
  EXPECT_EQ(read("4025"), 37u);
  const Buffer cut = hex("c2197c5eff14e8");
  Cursor in(cut);
  EXPECT_EQ(read_varint(in), 0u);
  EXPECT_TRUE(in.failed());
}

TEST(QuicVersions, HaveNames) {
  const auto text = [](uint32_t number) {
    return written([&](Text& out) {
      write_quic_version(number, out);
      return Reason::ok;
    });
  };
  EXPECT_EQ(text(1), "1");
  EXPECT_EQ(text(0x6b3343cf), "2");
  EXPECT_EQ(text(0xff00001d), "draft-29");
  EXPECT_EQ(text(0xfaceb002), "mvfst-2");
  EXPECT_EQ(text(0x51303530), "Q050");
  EXPECT_EQ(text(0x1a2a3a4a), "0x1a2a3a4a");
}

TEST(QuicPacketHeader, IsReadFieldByField) {
  TestInitial initial;
  initial.source = hex("0102030405");
  initial.token = Buffer(70, 7);
  const Buffer bytes = initial.sealed(Buffer(30, 0));
  QuicPacket packet;
  ASSERT_EQ(parse_quic_packet(bytes, packet), Reason::ok);
  EXPECT_EQ(packet.type, QuicPacketType::initial);
  EXPECT_EQ(packet.version, 1u);
  EXPECT_EQ(Buffer(packet.destination_id.begin(), packet.destination_id.end()), initial.destination);
  EXPECT_EQ(Buffer(packet.source_id.begin(), packet.source_id.end()), initial.source);
  EXPECT_EQ(packet.token.size(), 70u);
  EXPECT_EQ(packet.number_at, bytes.size() - 30 - 16 - 4);
  EXPECT_EQ(packet.size(), bytes.size());
}

TEST(QuicPacketHeader, NumbersTypesByVersion) {
  const auto type = [](unsigned first, uint32_t version) {
    const Buffer bytes = Builder().u8(first).u32(version).u8(0).u8(0).raw(varint(0)).raw(varint(24)).fill(24);
    const Buffer other = Builder().u8(first).u32(version).u8(0).u8(0).raw(varint(24)).fill(24);
    QuicPacket packet;
    if (parse_quic_packet(bytes, packet) != Reason::ok) {
      EXPECT_EQ(parse_quic_packet(other, packet), Reason::ok);
    }
    return packet.type;
  };
  EXPECT_EQ(type(0xc0, 1), QuicPacketType::initial);
  EXPECT_EQ(type(0xd0, 1), QuicPacketType::zero_rtt);
  EXPECT_EQ(type(0xe0, 1), QuicPacketType::handshake);
  EXPECT_EQ(type(0xf0, 1), QuicPacketType::retry);
  EXPECT_EQ(type(0xd0, 0x6b3343cf), QuicPacketType::initial);
  EXPECT_EQ(type(0xe0, 0x6b3343cf), QuicPacketType::zero_rtt);
  EXPECT_EQ(type(0xf0, 0x6b3343cf), QuicPacketType::handshake);
  EXPECT_EQ(type(0xc0, 0x6b3343cf), QuicPacketType::retry);
  EXPECT_EQ(type(0xc0, 0), QuicPacketType::version_negotiation);
}

TEST(QuicPacketHeader, FollowCoalescedPackets) {
  const Buffer one = TestInitial{}.sealed(Buffer(30, 0)), two = TestInitial{}.sealed(Buffer(40, 0));
  const Buffer both = Builder().raw(one).raw(two);
  QuicPacket packet;
  ASSERT_EQ(parse_quic_packet(both, packet), Reason::ok);
  EXPECT_EQ(packet.size(), one.size());
  ASSERT_EQ(parse_quic_packet(Bytes(both).subspan(packet.size()), packet), Reason::ok);
  EXPECT_EQ(packet.size(), two.size());
}

TEST(QuicPacketHeader, SaysWhatItIsNot) {
  QuicPacket packet;
  EXPECT_EQ(parse_quic_packet({}, packet), Reason::truncated);
  EXPECT_EQ(parse_quic_packet(hex("40 0102"), packet), Reason::encrypted);
  EXPECT_EQ(parse_quic_packet(hex("00 0102"), packet), Reason::not_this_protocol);
  EXPECT_EQ(parse_quic_packet(Builder().hex("c0 00000001 15").fill(40), packet), Reason::malformed_quic);
  EXPECT_EQ(parse_quic_packet(hex("c0 00000001 00 00 00 04 00000000"), packet), Reason::malformed_quic);
}

std::string frames(const Buffer& payload, bool google = false) {
  QuicFrameReader reader(payload, google);
  QuicCrypto frame;
  std::string out;
  Reason reason;
  while ((reason = reader.next(frame)) == Reason::ok)
    out += std::to_string(frame.offset) + "+" + std::to_string(frame.data.size()) + " ";
  EXPECT_EQ(reader.next(frame), reason) << "it answers the same again";
  return out + std::string(name(reason)) + (reader.closed() ? " closed" : "");
}

TEST(QuicFrames, GiveCryptoAndStepOverTheRest) {
  EXPECT_EQ(frames({}), "end-of-stream");
  EXPECT_EQ(frames(Builder().raw(crypto_frame(60, Buffer(5))).hex("00 01 00").raw(crypto_frame(0, Buffer(60)))),
            "60+5 0+60 end-of-stream");
  EXPECT_EQ(frames(Builder().hex("02 01 00 01 00 02 03").raw(crypto_frame(0, Buffer(1)))), "0+1 end-of-stream")
      << "acknowledgement with a second range";
  EXPECT_EQ(frames(Builder().hex("03 00 00 00 00 01 02 03").raw(crypto_frame(0, Buffer(1)))), "0+1 end-of-stream")
      << "acknowledgement with ECN counts";
  EXPECT_EQ(frames(hex("1c 41 00 06 02 6f6b")), "end-of-stream closed");
}

TEST(QuicFrames, StopAtWhatNoInitialHas) {
  for (const char* bad : {"08 00 01 ff", "1d 00 00", "04 00 00 00", "06 00 05 01", "02 01 00 3f", "1c 00 00 09", "40"})
    EXPECT_EQ(frames(hex(bad)), "malformed-quic") << bad;
  EXPECT_EQ(frames(hex("08 00 01 ff"), true), "0+1 end-of-stream") << "Google's number for CRYPTO";
}

TEST(QuicParameters, AreWalked) {
  const Buffer block = Builder().hex("01 02 4000").raw(varint(58)).hex("00").raw(varint(0x3129)).hex("02 6f6b");
  QuicParameterReader reader(block);
  QuicParameter parameter;
  ASSERT_TRUE(reader.next(parameter));
  EXPECT_EQ(parameter.id, 1u);
  EXPECT_EQ(parameter.value.size(), 2u);
  ASSERT_TRUE(reader.next(parameter));
  EXPECT_TRUE(quic_parameter_is_reserved(parameter.id));
  ASSERT_TRUE(reader.next(parameter));
  EXPECT_EQ(parameter.id, quic_parameter::google_user_agent);
  EXPECT_EQ(parameter.id_bytes.size(), 2u);
  EXPECT_EQ(as_text(parameter.value), "ok");
  EXPECT_FALSE(reader.next(parameter));
  const Buffer cut_block = hex("01 05 4000");
  QuicParameterReader cut(cut_block);
  EXPECT_FALSE(cut.next(parameter));
  EXPECT_FALSE(cut.next(parameter));
}

}  // namespace
}  // namespace handprint::test
