// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tcp_handshake.h"

#include "fingerprint/mercury_tcp.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

struct Strings {
  std::string pmercury, muonfp, p0f, mercury;
};

// Decodes a frame of raw IP and writes all there is.
Strings strings_of(const Buffer& frame, uint16_t client_mss = 0) {
  Packet packet;
  TcpHandshake facts;
  EXPECT_EQ(decode_packet(link_type::raw, frame, 0, packet), Reason::ok);
  EXPECT_EQ(parse_tcp_handshake(packet, facts), Reason::ok);
  return {written([&](Text& out) { return write_pmercury_tcp(facts, out); }),
          written([&](Text& out) { return write_muonfp(facts, out); }),
          written([&](Text& out) { return write_p0f(facts, client_mss, out); }),
          written([&](Text& out) { return write_mercury_tcp(facts, out); })};
}
Strings strings_of(const TestTcp& tcp, const TestIpv4& ip = {}, uint16_t client_mss = 0) {
  return strings_of(ip.around(tcp.bytes()), client_mss);
}
std::string quirks_of(const TestTcp& tcp, const TestIpv4& ip = {}) {
  std::string p0f = strings_of(tcp, ip).p0f;
  size_t end = p0f.rfind(':');
  return p0f.substr(p0f.rfind(':', end - 1) + 1, end - p0f.rfind(':', end - 1) - 1);
}
std::string window_of(const std::string& p0f) {
  size_t at = 0;
  for (int colons = 0; colons < 4; ++colons) at = p0f.find(':', at) + 1;
  return p0f.substr(at, p0f.find(',', at) - at);
}

TEST(TcpHandshake, OfLinux) {
  TestTcp tcp{.window = 29200, .options = linux_options()};
  Strings s = strings_of(tcp);
  EXPECT_EQ(s.pmercury, "(7210)(020405b4)(04)(08)(01)(030307)");
  EXPECT_EQ(s.muonfp, "29200:2-4-8-1-3:1460:7");
  EXPECT_EQ(s.p0f, "4:64+0:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0");
  EXPECT_EQ(s.mercury, "(40)()(40)(7210)((020405b4)(04)(08)(01)(030307))");
}

TEST(TcpHandshake, OfMacosEndsItsOptionsWithPadding) {
  TestTcp tcp{.window = 65535,
              .options = hex("020405b4 01 030306 01 01 080a 00000001 00000000 0402 0000")};
  Strings s = strings_of(tcp, {.ttl = 58, .id = 0});
  EXPECT_EQ(s.pmercury, "(ffff)(020405b4)(01)(030306)(01)(01)(08)(04)(00)(00)");
  EXPECT_EQ(s.muonfp, "65535:2-1-3-1-1-8-4-0:1460:6") << "one end of list, and nothing behind it";
  EXPECT_EQ(s.p0f, "4:58+6:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0");
  EXPECT_EQ(s.mercury, "(40)(00)(20)(ffff)((020405b4)(01)(030306)(01)(01)(08)(04)(00)(00))");
}

TEST(TcpHandshake, WithoutOptions) {
  Strings s = strings_of({.window = 1024}, {.ttl = 40, .fragment = 0});
  EXPECT_EQ(s.pmercury, "(0400)");
  EXPECT_EQ(s.muonfp, "1024:::");
  EXPECT_EQ(s.p0f, "4:40+24:0:0:1024,0:::0");
}

TEST(TcpHandshake, OfIpv6HasTheFlowLabelAsAQuirk) {
  TestTcp tcp{.window = 64800, .options = hex("020405a0 0402 080a 00000001 00000000 01 030307")};
  EXPECT_EQ(strings_of(TestIpv6{.flow_label = 0x12345}.around(tcp.bytes())).p0f,
            "6:64+0:0:1440:mss*45,7:mss,sok,ts,nop,ws:flow:0");
  EXPECT_EQ(strings_of(TestIpv6{}.around(tcp.bytes())).p0f,
            "6:64+0:0:1440:mss*45,7:mss,sok,ts,nop,ws::0");
  EXPECT_EQ(strings_of(TestIpv6{.flow_label = 0x12345}.around(tcp.bytes())).mercury,
            "(60)()(40)(fd20)((020405a0)(04)(08)(01)(030307))");
  EXPECT_EQ(strings_of(TestIpv6{}.around(tcp.bytes())).mercury.substr(0, 12), "(60)(00)(40)");
}

TEST(TcpHandshake, IsAnsweredByASynAck) {
  TestTcp tcp{.acknowledgement = 1, .flags = 0x12, .window = 28960, .options = linux_options()};
  Buffer frame = TestIpv4{.id = 0}.around(tcp.bytes());
  Packet packet;
  ASSERT_EQ(decode_packet(link_type::raw, frame, 0, packet), Reason::ok);
  TcpHandshake facts;
  ASSERT_EQ(parse_tcp_handshake(packet, facts), Reason::ok);
  EXPECT_TRUE(facts.syn_ack);
  EXPECT_EQ(strings_of(frame).p0f, "4:64+0:0:1460:mss*20,7:mss,sok,ts,nop,ws:df:0")
      << "28960 = 20 * 1448";
}

// A SYN that negotiates ECN (RFC 3168 section 6.1.1) or AccECN (RFC 9768) is a SYN.
TEST(TcpHandshake, EcnDoesNotHideASyn) {
  for (unsigned flags : {0x02u, 0xc2u, 0x1c2u}) {
    TestTcp tcp{.flags = flags, .options = linux_options()};
    EXPECT_EQ(strings_of(tcp).muonfp, "64240:2-4-8-1-3:1460:7") << flags;
    EXPECT_EQ(quirks_of(tcp), flags == 0x02 ? "df,id+" : "df,id+,ecn") << flags;
  }
}

TEST(TcpHandshake, IsOnlyASynOrSynAck) {
  for (unsigned flags : {0x10u, 0x18u, 0x11u, 0x04u, 0x14u, 0x06u, 0x03u, 0x00u}) {
    Buffer frame = TestIpv4{}.around(TestTcp{.flags = flags}.bytes());
    Packet packet;
    ASSERT_EQ(decode_packet(link_type::raw, frame, 0, packet), Reason::ok);
    TcpHandshake facts;
    EXPECT_EQ(parse_tcp_handshake(packet, facts), Reason::not_this_protocol) << flags;
  }
}

TEST(P0f, HeaderQuirks) {
  EXPECT_EQ(quirks_of({}, {}), "df,id+");
  EXPECT_EQ(quirks_of({}, {.id = 0}), "df");
  EXPECT_EQ(quirks_of({}, {.id = 0, .fragment = 0}), "id-");
  EXPECT_EQ(quirks_of({}, {.fragment = 0}), "");
  EXPECT_EQ(quirks_of({}, {.tos = 1, .fragment = 0}), "ecn");
  EXPECT_EQ(quirks_of({}, {.tos = 0x10, .fragment = 0}), "") << "DSCP is no quirk";
  EXPECT_EQ(quirks_of({}, {.fragment = 0x8000}), "0+");
  EXPECT_EQ(quirks_of({.sequence = 0}, {.fragment = 0}), "seq-");
  EXPECT_EQ(quirks_of({.acknowledgement = 1}, {.fragment = 0}), "ack+");
  EXPECT_EQ(quirks_of({.acknowledgement = 0, .flags = 0x12}, {.fragment = 0}), "ack-");
  EXPECT_EQ(quirks_of({.urgent = 5}, {.fragment = 0}), "uptr+");
  EXPECT_EQ(quirks_of({.flags = 0x22, .urgent = 5}, {.fragment = 0}), "urgf+");
  EXPECT_EQ(quirks_of({.flags = 0x0a}, {.fragment = 0}), "pushf+");
}

TEST(P0f, OptionQuirks) {
  auto quirks = [](std::string_view options, unsigned flags = 2) {
    return quirks_of(
        {.acknowledgement = flags == 2 ? 0u : 1u, .flags = flags, .options = hex(options)},
        {.fragment = 0});
  };
  EXPECT_EQ(quirks("080a 00000000 00000000 0101"), "ts1-");
  EXPECT_EQ(quirks("080a 00000001 00000001 0101"), "ts2+");
  EXPECT_EQ(quirks("080a 00000001 00000001 0101", 0x12), "")
      << "in a SYN+ACK the echo belongs there";
  EXPECT_EQ(quirks("03030f 01"), "exws");
  EXPECT_EQ(quirks("03030e 01"), "");
  EXPECT_EQ(quirks("01000001"), "opt+") << "not zero behind the end of the list";
  EXPECT_EQ(quirks("01000000"), "");
  EXPECT_EQ(quirks("020505b4"), "bad") << "MSS with length 5";
  EXPECT_EQ(quirks("01010204"), "bad") << "runs past the header";
  EXPECT_EQ(quirks("05080000000000000101 0101"), "bad") << "SACK of 8 bytes";
  EXPECT_EQ(quirks("1e010101"), "bad") << "an unknown option of length 1";
  EXPECT_EQ(quirks("1e000101"), "bad") << "length 0 must not stop the walk from ending";
  EXPECT_EQ(quirks("2204aabb"), "") << "an unknown option is no quirk (TCP Fast Open)";
}

TEST(P0f, KeepsTheBrokenOptionInTheLayout) {
  EXPECT_EQ(strings_of({.window = 1, .options = hex("01010204")}, {.fragment = 0}).p0f,
            "4:64+0:0:0:1,0:nop,nop,mss:bad:0");
  EXPECT_EQ(strings_of({.window = 1, .options = hex("2204aabb")}, {.fragment = 0}).p0f,
            "4:64+0:0:0:1,0:?34::0");
}

TEST(P0f, ManyOptionsAreBadAndCutAtTwentyFour) {
  Strings s = strings_of({.window = 1, .options = Buffer(40, 1)}, {.fragment = 0});
  std::string nops = "nop";
  for (int i = 1; i < 24; ++i) nops += ",nop";
  EXPECT_EQ(s.p0f, "4:64+0:0:0:1,0:" + nops + ":bad:0");
}

TEST(P0f, DistanceIsGuessedFromTheNextUsualTtl) {
  auto ttl = [](unsigned value) {
    return strings_of({.window = 1}, {.ttl = value, .fragment = 0}).p0f.substr(2, 7);
  };
  EXPECT_EQ(ttl(64), "64+0:0:");
  EXPECT_EQ(ttl(128).substr(0, 6), "128+0:");
  EXPECT_EQ(ttl(113).substr(0, 7), "113+15:");
  EXPECT_EQ(ttl(250).substr(0, 6), "250+5:");
  EXPECT_EQ(ttl(30).substr(0, 5), "30+2:");
  EXPECT_EQ(ttl(93).substr(0, 6), "93+35:") << "as far as p0f believes";
  EXPECT_EQ(ttl(92).substr(0, 5), "92+?:");
  EXPECT_EQ(guess_distance(33), 31);
  EXPECT_EQ(guess_distance(255), 0);
}

TEST(P0f, PayloadInASynIsSeen) {
  EXPECT_EQ(strings_of({.window = 1, .payload = Buffer(5, 1)}, {.fragment = 0}).p0f,
            "4:64+0:0:0:1,0:::+");
}

TEST(P0f, IpOptionsHaveTheirLength) {
  EXPECT_EQ(strings_of({.window = 1}, {.fragment = 0, .options = hex("94040000")}).p0f,
            "4:64+0:4:0:1,0:::0");
}

TEST(P0f, WindowMultiplesInTheirOrder) {
  auto window = [](unsigned value, std::string_view options, uint16_t client_mss = 0) {
    return window_of(strings_of({.window = value, .options = hex(options)}, {}, client_mss).p0f);
  };
  EXPECT_EQ(window(14600, "020405b4"), "mss*10");
  EXPECT_EQ(window(14480, "020405b4"), "mss*10") << "1448, with or without timestamps";
  EXPECT_EQ(window(13880, "02040578 080a 00000001 00000000 0101"), "mss*10")
      << "MSS 1400 less 12 for timestamps";
  EXPECT_EQ(window(13880, "02040578"), "13880") << "no timestamps: 12 are not taken off";
  EXPECT_EQ(window(14600, "02040578"), "mss*10") << "of another interface of MTU 1500";
  EXPECT_EQ(window(14400, "02040578"), "mtu*10") << "1400 + 40";
  EXPECT_EQ(window(4500, "02040500"), "mtu*3") << "1500";
  EXPECT_EQ(window(4000, "02040500", 400), "mss*10") << "of what the client offered";
  EXPECT_EQ(window(8192, "020405b4"), "8192");
  EXPECT_EQ(window(0, "020405b4"), "0");
  EXPECT_EQ(window(63, "02040063"), "63") << "an MSS below 100 has no multiples";
}

TEST(MuonFp, TheLastOfRepeatedOptionsCounts) {
  EXPECT_EQ(strings_of({.window = 1, .options = hex("020405b4 02040578")}).muonfp, "1:2-2:1400:");
}

TEST(MuonFp, OptionsAreWalkedByTheirLength) {
  EXPECT_EQ(strings_of({.window = 1, .options = hex("1e00 0101")}).muonfp, "1:30::")
      << "length 0 ends the walk";
  EXPECT_EQ(strings_of({.window = 1, .options = hex("0204 05b4 0303 07 00")}).muonfp,
            "1:2-3-0:1460:7");
}

TEST(PmercuryTcp, EndsAtABrokenOption) {
  EXPECT_EQ(strings_of({.window = 1, .options = hex("0200 0101")}).pmercury, "(0001)(02)");
  EXPECT_EQ(strings_of({.window = 1, .options = hex("0101 0209")}).pmercury, "(0001)(01)(01)(02)");
}

TEST(TcpHandshake, EveryByteOfTheOptionsMayBeAnything) {
  for (unsigned kind = 0; kind < 256; ++kind)
    for (unsigned length = 0; length < 256; ++length) {
      Buffer options = Builder().u8(kind).u8(length).fill(6, 0xff);
      strings_of(TestTcp{.options = options});
    }
}

TEST(TcpHandshake, WithoutRoomWritesNothing) {
  Buffer frame = TestIpv4{}.around(TestTcp{.options = linux_options()}.bytes());
  Packet packet;
  TcpHandshake facts;
  ASSERT_EQ(decode_packet(link_type::raw, frame, 0, packet), Reason::ok);
  ASSERT_EQ(parse_tcp_handshake(packet, facts), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_tcp(facts, out); }, 20), "<too-long>");
  EXPECT_EQ(written([&](Text& out) { return write_muonfp(facts, out); }, 20), "<too-long>");
  EXPECT_EQ(written([&](Text& out) { return write_p0f(facts, 0, out); }, 20), "<too-long>");
}

}  // namespace
}  // namespace handprint::test
