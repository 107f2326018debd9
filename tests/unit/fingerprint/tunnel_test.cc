// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder.h"
#include "fingerprint/packet.h"

namespace handprint::test {
namespace {

const TestIpv4 outer4{.source = "0a000001", .destination = "0a000002"};

Buffer inner4() { return TestIpv4{}.around(TestTcp{.payload = hex("16030100")}.bytes()); }
Buffer inner6() { return TestIpv6{}.around(TestTcp{.payload = hex("16030100")}.bytes()); }
Buffer in_ipv4(unsigned protocol, const Buffer& payload) {
  TestIpv4 ip = outer4;
  ip.protocol = protocol;
  return ip.around(payload);
}
Buffer in_udp(unsigned port, const Buffer& payload) {
  return in_ipv4(17, Builder()
                         .u16(55555)
                         .u16(port)
                         .u16(static_cast<unsigned>(8 + payload.size()))
                         .u16(0)
                         .raw(payload));
}

void expect_tunnel(const Buffer& packet, Tunnel kind, uint32_t id, unsigned version,
                   const char* what) {
  Packet p;
  ASSERT_EQ(decode_packet(link_type::raw, packet, 0, p), Reason::ok) << what;
  EXPECT_EQ(p.tunnel, kind) << what;
  EXPECT_EQ(p.tunnel_id, id) << what;
  EXPECT_EQ(p.ip_version, version) << what;
  EXPECT_EQ(p.source, parse_address(version == 4 ? "192.0.2.1" : "2001:db8::1")) << what;
  EXPECT_EQ(p.destination_port, 443) << what;
  EXPECT_EQ(p.payload.size(), 4u) << what;
  EXPECT_TRUE(p.outer_source.present()) << what;
  // Cut anywhere: no byte beyond the end, and never a whole payload.
  for (size_t n = 0; n < packet.size(); ++n) {
    Buffer cut = prefix(packet, n);
    Packet q;
    Reason reason = decode_packet(link_type::raw, cut, static_cast<uint32_t>(packet.size()), q);
    ASSERT_TRUE(reason != Reason::ok || q.truncated()) << what << " cut at " << n;
  }
}

TEST(Tunnel, IpInIpInAllFourCombinations) {
  expect_tunnel(in_ipv4(4, inner4()), Tunnel::ip_in_ip, 0, 4, "4 in 4");
  expect_tunnel(in_ipv4(41, inner6()), Tunnel::ip_in_ip, 0, 6, "6 in 4");
  TestIpv6 outer6{.source = "fd000000000000000000000000000001",
                  .destination = "fd000000000000000000000000000002"};
  outer6.next = 4;
  expect_tunnel(outer6.around(inner4()), Tunnel::ip_in_ip, 0, 4, "4 in 6");
  outer6.next = 41;
  expect_tunnel(outer6.around(inner6()), Tunnel::ip_in_ip, 0, 6, "6 in 6");
}

TEST(Tunnel, GreWithAllItsOptionalFields) {
  expect_tunnel(in_ipv4(47, Builder().u16(0).u16(0x0800).raw(inner4())), Tunnel::gre, 0, 4, "bare");
  expect_tunnel(in_ipv4(47, Builder().u16(0x2000).u16(0x86dd).u32(99).raw(inner6())), Tunnel::gre,
                99, 6, "key");
  expect_tunnel(in_ipv4(47, Builder().u16(0xb000).u16(0x0800).u32(0).u32(7).u32(1).raw(inner4())),
                Tunnel::gre, 7, 4, "checksum, key, sequence");
  expect_tunnel(in_ipv4(47, Builder().u16(0).u16(0x6558).raw(ethernet(0x0800, inner4()))),
                Tunnel::gre, 0, 4, "Ethernet");
  expect_tunnel(in_ipv4(47, Builder()
                                .u16(0x3081)
                                .u16(0x880b)
                                .u16(50)
                                .u16(6)
                                .u32(1)
                                .u32(1)
                                .hex("ff03 0021")
                                .raw(inner4())),
                Tunnel::gre, 6, 4, "PPTP");
}

TEST(Tunnel, Erspan) {
  expect_tunnel(in_ipv4(47, Builder().u16(0).u16(0x88be).raw(ethernet(0x0800, inner4()))),
                Tunnel::erspan, 0, 4, "I");
  expect_tunnel(in_ipv4(47, Builder()
                                .u16(0x1000)
                                .u16(0x88be)
                                .u32(5)
                                .u32(0x10000123)
                                .u32(0)
                                .raw(ethernet(0x0800, inner4()))),
                Tunnel::erspan, 0x123, 4, "II");
  expect_tunnel(in_ipv4(47, Builder()
                                .u16(0x1000)
                                .u16(0x22eb)
                                .u32(5)
                                .u32(0x20000123)
                                .u32(0)
                                .u32(0)
                                .raw(ethernet(0x86dd, inner6()))),
                Tunnel::erspan, 0x123, 6, "III");
}

TEST(Tunnel, Vxlan) {
  Buffer vxlan = Builder().u32(0x08000000).u32(0x00123400).raw(ethernet(0x0800, inner4()));
  expect_tunnel(in_udp(4789, vxlan), Tunnel::vxlan, 0x1234, 4, "VXLAN");
  expect_tunnel(in_udp(8472, vxlan), Tunnel::vxlan, 0x1234, 4, "on Linux' old port");
  Buffer gpe = Builder().u32(0x0c000002).u32(0x00123400).raw(inner6());
  expect_tunnel(in_udp(4790, gpe), Tunnel::vxlan, 0x1234, 6, "GPE");
}

TEST(Tunnel, Geneve) {
  Buffer geneve =
      Builder().u8(2).u8(0).u16(0x6558).u32(0x00004200).fill(8).raw(ethernet(0x0800, inner4()));
  expect_tunnel(in_udp(6081, geneve), Tunnel::geneve, 0x42, 4, "with options");
  expect_tunnel(in_udp(6081, Builder().u8(0).u8(0).u16(0x86dd).u32(0x4200).raw(inner6())),
                Tunnel::geneve, 0x42, 6, "bare IP");
}

TEST(Tunnel, Gtp) {
  Buffer gtp = Builder().u8(0x30).u8(0xff).u16(0).u32(0xabcd).raw(inner4());
  expect_tunnel(in_udp(2152, gtp), Tunnel::gtp, 0xabcd, 4, "bare");
  Buffer extended = Builder()
                        .u8(0x34)
                        .u8(0xff)
                        .u16(0)
                        .u32(0xabcd)
                        .u16(0)
                        .u8(0)
                        .u8(0x85)
                        .u8(1)
                        .u8(0)
                        .u8(0)
                        .u8(0)
                        .raw(inner4());
  expect_tunnel(in_udp(2152, extended), Tunnel::gtp, 0xabcd, 4, "with an extension header");
}

TEST(Tunnel, CarriedEthernetGivesTheInnerAddresses) {
  Buffer frame = ethernet(0x0800, in_udp(4789, Builder()
                                                   .u32(0x08000000)
                                                   .u32(0)
                                                   .hex("0a0000000002 0a0000000001")
                                                   .u16(0x8100)
                                                   .u16(9)
                                                   .u16(0x0800)
                                                   .raw(inner4())));
  Packet p;
  ASSERT_EQ(decode_packet(link_type::ethernet, frame, 0, p), Reason::ok);
  EXPECT_EQ(p.source_mac.bytes[0], 0x0a);
  EXPECT_EQ(p.vlan_count, 1);
  EXPECT_EQ(p.vlan[0], 9);
  EXPECT_EQ(p.outer_source, parse_address("10.0.0.1"));
  EXPECT_EQ(p.outer_destination, parse_address("10.0.0.2"));
}

TEST(Tunnel, WithoutEthernetTheFramesAddressesStay) {
  Packet p;
  ASSERT_EQ(decode_packet(link_type::ethernet, ethernet(0x0800, in_ipv4(4, inner4())), 0, p),
            Reason::ok);
  EXPECT_TRUE(p.source_mac.present);
}

TEST(Tunnel, AMirroredTunnelIsOpenedToo) {
  Buffer vxlan = in_udp(4789, Builder().u32(0x08000000).u32(0).raw(ethernet(0x0800, inner4())));
  Buffer mirrored = in_ipv4(
      47,
      Builder().u16(0x1000).u16(0x88be).u32(5).u32(0x10000001).u32(0).raw(ethernet(0x0800, vxlan)));
  Packet p;
  ASSERT_EQ(decode_packet(link_type::raw, mirrored, 0, p), Reason::ok);
  EXPECT_EQ(p.tunnel, Tunnel::erspan) << "the outermost";
  EXPECT_EQ(p.source, parse_address("192.0.2.1"));
}

TEST(Tunnel, DepthIsBounded) {
  Buffer packet = inner4();
  for (int i = 0; i < 3; ++i) packet = in_ipv4(4, packet);
  Packet p;
  EXPECT_EQ(decode_packet(link_type::raw, packet, 0, p), Reason::ok);
  packet = in_ipv4(4, packet);
  EXPECT_EQ(decode_packet(link_type::raw, packet, 0, p), Reason::unsupported_transport);
  EXPECT_EQ(p.source, parse_address("10.0.0.1"));
}

TEST(Tunnel, WhatDoesNotOpenIsThePacketItIs) {
  Packet p;
  Buffer dns_on_vxlan_port = in_udp(4789, Buffer(40, 0));
  ASSERT_EQ(decode_packet(link_type::raw, dns_on_vxlan_port, 0, p), Reason::ok);
  EXPECT_EQ(p.tunnel, Tunnel::none);
  EXPECT_EQ(p.destination_port, 4789);
  EXPECT_EQ(p.payload.size(), 40u);
  Buffer otv = in_udp(8472, Builder().u32(0x0c000000).u32(0).raw(ethernet(0x0800, inner4())));
  ASSERT_EQ(decode_packet(link_type::raw, otv, 0, p), Reason::ok);
  EXPECT_EQ(p.tunnel, Tunnel::none) << "reserved bits are set";
  EXPECT_EQ(decode_packet(link_type::raw, in_ipv4(47, Buffer(20, 0xff)), 0, p),
            Reason::unsupported_transport);
  EXPECT_EQ(p.protocol, 47);
}

TEST(Tunnel, TheReasonOfTheInnerPacketIsGiven) {
  Packet p;
  Buffer ping = TestIpv4{.protocol = 1}.around(Buffer(8, 0));
  EXPECT_EQ(decode_packet(link_type::raw, in_ipv4(4, ping), 0, p), Reason::unsupported_transport);
  EXPECT_EQ(p.tunnel, Tunnel::ip_in_ip);
  EXPECT_EQ(p.source, parse_address("192.0.2.1"));
  Buffer later = TestIpv4{.fragment = 1}.around(TestTcp{}.bytes());
  EXPECT_EQ(decode_packet(link_type::raw, in_ipv4(4, later), 0, p), Reason::fragment);
}

TEST(Tunnel, Names) {
  EXPECT_EQ(name(Tunnel::none), "");
  EXPECT_EQ(name(Tunnel::ip_in_ip), "ipip");
  EXPECT_EQ(name(Tunnel::geneve), "geneve");
}

}  // namespace
}  // namespace handprint::test
