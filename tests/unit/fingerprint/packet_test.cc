// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/packet.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

Reason decode(const Buffer& ip, Packet& out, uint32_t original = 0) {
  return decode_packet(link_type::raw, ip, original, out);
}

TEST(Packet, OfTcpOverIpv4HasAllHeaderFacts) {
  TestTcp tcp{.source_port = 51234,
              .destination_port = 443,
              .sequence = 0xdeadbeef,
              .acknowledgement = 0x01020304,
              .flags = 0x1d8,
              .window = 502,
              .urgent = 9,
              .options = hex("0101080a0000000100000002"),
              .payload = hex("aabbcc")};
  Buffer frame = ethernet(
      0x0800,
      TestIpv4{.ttl = 57, .tos = 0xb9, .id = 77, .options = hex("94040000")}.around(tcp.bytes()));
  Packet p;
  ASSERT_EQ(decode_packet(link_type::ethernet, frame, 0, p), Reason::ok);
  EXPECT_EQ(p.ip_version, 4);
  EXPECT_EQ(p.source, parse_address("192.0.2.1"));
  EXPECT_EQ(p.destination, parse_address("198.51.100.7"));
  EXPECT_EQ(p.ttl, 57);
  EXPECT_EQ(p.tos, 0xb9);
  EXPECT_EQ(p.ip_id, 77);
  EXPECT_TRUE(p.dont_fragment);
  EXPECT_FALSE(p.reserved_flag);
  EXPECT_EQ(p.ip_options_length, 4);
  EXPECT_EQ(p.ip_header_length, 24);
  EXPECT_EQ(p.protocol, protocol_tcp);
  EXPECT_EQ(p.source_port, 51234);
  EXPECT_EQ(p.destination_port, 443);
  EXPECT_EQ(p.sequence, 0xdeadbeefu);
  EXPECT_EQ(p.acknowledgement, 0x01020304u);
  EXPECT_EQ(p.flags, 0x1d8);
  EXPECT_EQ(p.window, 502);
  EXPECT_EQ(p.urgent, 9);
  EXPECT_EQ(p.tcp_options.size(), 12u);
  EXPECT_EQ(p.payload.size(), 3u);
  EXPECT_EQ(p.payload_length, 3u);
  EXPECT_FALSE(p.truncated());
  EXPECT_TRUE(p.source_mac.present);
  EXPECT_EQ(p.tunnel, Tunnel::none);
}

TEST(Packet, OfUdpOverIpv6) {
  Buffer udp = Builder().u16(5353).u16(53).u16(8 + 4).u16(0).hex("01020304");
  Packet p;
  ASSERT_EQ(
      decode(TestIpv6{.next = 17, .hop_limit = 255, .traffic_class = 0xb8, .flow_label = 0xabcde}
                 .around(udp),
             p),
      Reason::ok);
  EXPECT_TRUE(p.is_udp());
  EXPECT_EQ(p.source, parse_address("2001:db8::1"));
  EXPECT_EQ(p.flow_label, 0xabcdeu);
  EXPECT_EQ(p.tos, 0xb8);
  EXPECT_EQ(p.ttl, 255);
  EXPECT_EQ(p.ip_header_length, 40);
  EXPECT_EQ(p.destination_port, 53);
  EXPECT_EQ(p.payload.size(), 4u);
}

// An Ethernet frame has at least 60 bytes; what fills it up is not payload.
TEST(Packet, EthernetPaddingIsNotPayload) {
  Buffer frame = ethernet(0x0800, TestIpv4{}.around(TestTcp{}.bytes()));
  frame.insert(frame.end(), 6, 0);
  Packet p;
  ASSERT_EQ(decode_packet(link_type::ethernet, frame, 0, p), Reason::ok);
  EXPECT_EQ(p.payload_length, 0u);
  Buffer frame6 = ethernet(0x86dd, TestIpv6{}.around(TestTcp{}.bytes()));
  frame6.insert(frame6.end(), 6, 0);
  ASSERT_EQ(decode_packet(link_type::ethernet, frame6, 0, p), Reason::ok);
  EXPECT_EQ(p.payload_length, 0u);
}

TEST(Packet, UdpLengthEndsThePayload) {
  Buffer udp = Builder().u16(1).u16(2).u16(8 + 4).u16(0).fill(10);
  Packet p;
  ASSERT_EQ(decode(TestIpv4{.protocol = 17}.around(udp), p), Reason::ok);
  EXPECT_EQ(p.payload.size(), 4u);
  Buffer lies = Builder().u16(1).u16(2).u16(7).u16(0);
  EXPECT_EQ(decode(TestIpv4{.protocol = 17}.around(lies), p), Reason::malformed_udp);
}

// Segmentation offload and BIG TCP leave the IP length 0.
TEST(Packet, LengthZeroMeansTheRestOfTheFrame) {
  Buffer tcp = TestTcp{.payload = Buffer(3000, 1)}.bytes();
  Packet p;
  ASSERT_EQ(decode(TestIpv4{.length = 0}.around(tcp), p), Reason::ok);
  EXPECT_EQ(p.payload.size(), 3000u);
  EXPECT_FALSE(p.truncated());
  ASSERT_EQ(decode(TestIpv6{.length = 0}.around(tcp), p), Reason::ok);
  EXPECT_EQ(p.payload.size(), 3000u);
  Buffer packet = TestIpv4{.length = 0}.around(tcp);
  ASSERT_EQ(decode(prefix(packet, 1000), p, static_cast<uint32_t>(packet.size())), Reason::ok);
  EXPECT_EQ(p.payload_length, 3000u);
  EXPECT_TRUE(p.truncated());
}

TEST(Packet, WhatTheCaptureCutOffIsCounted) {
  Buffer packet = TestIpv4{}.around(TestTcp{.payload = Buffer(1000, 1)}.bytes());
  Packet p;
  ASSERT_EQ(decode(prefix(packet, 140), p, static_cast<uint32_t>(packet.size())), Reason::ok);
  EXPECT_EQ(p.payload.size(), 100u);
  EXPECT_EQ(p.payload_length, 1000u);
  EXPECT_TRUE(p.truncated());
}

TEST(Packet, ChecksumsAreNotLookedAt) {
  Packet p;  // the builders leave them zero
  EXPECT_EQ(decode(TestIpv4{}.around(TestTcp{}.bytes()), p), Reason::ok);
}

TEST(Packet, OnlyTheFirstFragmentHasPorts) {
  Packet p;
  Buffer tcp = TestTcp{.payload = Buffer(100, 1)}.bytes();
  ASSERT_EQ(decode(TestIpv4{.fragment = 0x2000}.around(tcp), p), Reason::ok);
  EXPECT_TRUE(p.more_fragments);
  EXPECT_EQ(p.destination_port, 443);
  EXPECT_EQ(decode(TestIpv4{.fragment = 0x2001}.around(tcp), p), Reason::fragment);
  EXPECT_TRUE(p.source.present()) << "addresses are known";
  EXPECT_EQ(p.destination_port, 0);

  Buffer first = Builder().u8(6).u8(0).u16(1).u32(99).raw(tcp);
  ASSERT_EQ(decode(TestIpv6{.next = 44}.around(first), p), Reason::ok);
  EXPECT_TRUE(p.more_fragments);
  EXPECT_EQ(p.destination_port, 443);
  Buffer later = Builder().u8(6).u8(0).u16(8).u32(99).raw(tcp);
  EXPECT_EQ(decode(TestIpv6{.next = 44}.around(later), p), Reason::fragment);
}

TEST(Packet, Ipv6ExtensionHeadersAreSteppedOver) {
  Buffer tcp = TestTcp{.payload = hex("0102")}.bytes();
  Buffer chain = Builder()
                     .u8(43)
                     .u8(0)
                     .fill(6)  // hop-by-hop
                     .u8(60)
                     .u8(1)
                     .fill(14)  // routing, 16 bytes
                     .u8(51)
                     .u8(0)
                     .fill(6)  // destination options
                     .u8(135)
                     .u8(4)
                     .fill(22)  // authentication, (4+2)*4 bytes
                     .u8(6)
                     .u8(0)
                     .fill(6)  // mobility
                     .raw(tcp);
  Packet p;
  ASSERT_EQ(decode(TestIpv6{.next = 0}.around(chain), p), Reason::ok);
  EXPECT_EQ(p.destination_port, 443);
  EXPECT_EQ(p.ip_header_length, 40 + 8 + 16 + 8 + 24 + 8);
  EXPECT_EQ(p.payload.size(), 2u);
}

TEST(Packet, Ipv6ExtensionHeadersAreBounded) {
  Builder chain;
  for (int i = 0; i < 100; ++i) chain.u8(60).u8(0).fill(6);
  Packet p;
  EXPECT_EQ(decode(TestIpv6{.next = 60}.around(chain), p), Reason::malformed_ip);
  Buffer beyond = Builder().u8(6).u8(200).fill(6).raw(TestTcp{}.bytes());
  EXPECT_EQ(decode(TestIpv6{.next = 60}.around(beyond), p), Reason::malformed_ip);
}

TEST(Packet, OtherTransportsKeepTheirAddresses) {
  Packet p;
  EXPECT_EQ(decode(TestIpv4{.protocol = 1}.around(Buffer(8, 0)), p), Reason::unsupported_transport);
  EXPECT_EQ(p.protocol, 1);
  EXPECT_TRUE(p.destination.present());
  EXPECT_EQ(decode(TestIpv6{.next = 50}.around(Buffer(8, 0)), p), Reason::unsupported_transport)
      << "ESP";
}

TEST(Packet, RefusesHeadersThatContradictThemselves) {
  Packet p;
  Buffer packet = TestIpv4{}.around(TestTcp{}.bytes());
  Buffer short_header = packet;
  short_header[0] = 0x44;
  EXPECT_EQ(decode(short_header, p), Reason::malformed_ip);
  EXPECT_EQ(decode(TestIpv4{.length = 19}.around(TestTcp{}.bytes()), p), Reason::malformed_ip);
  Buffer small_offset = packet;
  small_offset[20 + 12] = 0x40;
  EXPECT_EQ(decode(small_offset, p), Reason::malformed_tcp);
  Buffer large_offset = packet;
  large_offset[20 + 12] = 0xf0;
  EXPECT_EQ(decode(large_offset, p), Reason::malformed_tcp) << "longer than the packet";
  EXPECT_EQ(decode(TestIpv4{}.around(Buffer(19, 0)), p), Reason::malformed_tcp);
  EXPECT_EQ(decode(TestIpv4{.protocol = 17}.around(Buffer(7, 0)), p), Reason::malformed_udp);
}

TEST(Packet, CutAnywhereIsNeverReadBeyondAndNeverWhole) {
  const Buffer frames[] = {
      ethernet(0x0800, TestIpv4{.options = hex("94040000")}.around(
                           TestTcp{.options = linux_options(), .payload = Buffer(20, 1)}.bytes())),
      ethernet(0x86dd, TestIpv6{.next = 60}.around(Builder().u8(6).u8(0).fill(6).raw(
                           TestTcp{.options = linux_options(), .payload = Buffer(20, 1)}.bytes()))),
      ethernet(0x8100, Builder().u16(5).u16(0x0800).raw(TestIpv4{.protocol = 17}.around(
                           Builder().u16(1).u16(2).u16(28).u16(0).fill(20))))};
  for (const Buffer& frame : frames) {
    for (size_t n = 0; n < frame.size(); ++n) {
      Buffer cut = prefix(frame, n);
      Packet p;
      Reason reason =
          decode_packet(link_type::ethernet, cut, static_cast<uint32_t>(frame.size()), p);
      if (n + 20 < frame.size()) {
        ASSERT_EQ(reason, Reason::not_enough_header) << n;
      } else {
        ASSERT_EQ(reason, Reason::ok) << n;
        ASSERT_TRUE(p.truncated()) << n;
        ASSERT_EQ(p.payload_length, 20u) << n;
      }
    }
  }
}

TEST(Packet, SynAndSynAckAreToldByTheirFlags) {
  auto packet = [](unsigned flags) {
    Packet p;
    p.protocol = protocol_tcp;
    p.flags = static_cast<uint16_t>(flags);
    return p;
  };
  EXPECT_TRUE(packet(0x002).is_syn());
  EXPECT_TRUE(packet(0x1c2).is_syn()) << "AccECN";
  EXPECT_TRUE(packet(0x00a).is_syn());
  EXPECT_FALSE(packet(0x006).is_syn());
  EXPECT_TRUE(packet(0x012).is_syn_ack());
  EXPECT_TRUE(packet(0x052).is_syn_ack());
  EXPECT_FALSE(packet(0x010).is_syn_ack());
}

}  // namespace
}  // namespace handprint::test
