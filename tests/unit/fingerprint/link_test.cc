// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/link.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

const Buffer& ip4() {
  static const Buffer packet = TestIpv4{}.around(TestTcp{}.bytes());
  return packet;
}
const Buffer& ip6() {
  static const Buffer packet = TestIpv6{}.around(TestTcp{}.bytes());
  return packet;
}

// The frame opens to exactly this IP packet.
void expect_opens(uint32_t link, const Buffer& frame, const Buffer& packet, const char* what) {
  LinkHeader header;
  ASSERT_EQ(decode_link(link, frame, header), Reason::ok) << what;
  EXPECT_TRUE(
      std::equal(header.network.begin(), header.network.end(), packet.begin(), packet.end()))
      << what;
  // Cut anywhere before the IP header it is not enough, and nothing is read beyond the end.
  for (size_t n = 0; n < frame.size() - packet.size(); ++n) {
    Buffer cut = prefix(frame, n);
    EXPECT_NE(decode_link(link, cut, header), Reason::ok) << what << " cut at " << n;
  }
}

TEST(Link, Ethernet) {
  Buffer frame = ethernet(0x0800, ip4());
  LinkHeader header;
  ASSERT_EQ(decode_link(link_type::ethernet, frame, header), Reason::ok);
  EXPECT_TRUE(header.source.present);
  EXPECT_EQ(header.source.bytes[5], 1);
  EXPECT_EQ(header.destination.bytes[5], 2);
  EXPECT_EQ(header.vlan_count, 0);
  expect_opens(link_type::ethernet, frame, ip4(), "IPv4");
  expect_opens(link_type::ethernet, ethernet(0x86dd, ip6()), ip6(), "IPv6");
}

TEST(Link, VlanTags) {
  for (unsigned type : {0x8100u, 0x88a8u, 0x9100u}) {
    Buffer frame = ethernet(type, Builder().u16(0x6000 | 42).u16(0x0800).raw(ip4()));
    LinkHeader header;
    ASSERT_EQ(decode_link(link_type::ethernet, frame, header), Reason::ok) << type;
    EXPECT_EQ(header.vlan_count, 1);
    EXPECT_EQ(header.vlan[0], 42) << "without priority bits";
    expect_opens(link_type::ethernet, frame, ip4(), "tagged");
  }
}

TEST(Link, StackedTagsKeepTheTwoOuterIds) {
  Buffer frame = ethernet(
      0x88a8, Builder().u16(100).u16(0x8100).u16(200).u16(0x8100).u16(300).u16(0x86dd).raw(ip6()));
  LinkHeader header;
  ASSERT_EQ(decode_link(link_type::ethernet, frame, header), Reason::ok);
  EXPECT_EQ(header.vlan_count, 2);
  EXPECT_EQ(header.vlan[0], 100);
  EXPECT_EQ(header.vlan[1], 200);
}

TEST(Link, EndlessTagsEnd) {
  Builder tags;
  for (int i = 0; i < 1000; ++i) tags.u16(1).u16(0x8100);
  LinkHeader header;
  EXPECT_EQ(decode_link(link_type::ethernet, ethernet(0x8100, tags), header),
            Reason::malformed_link);
}

TEST(Link, Mpls) {
  Buffer labels = Builder().u32(0x00010040).u32(0x00020140).raw(ip4());  // the second is the bottom
  expect_opens(link_type::ethernet, ethernet(0x8847, labels), ip4(), "two labels");
  LinkHeader header;
  Buffer pseudowire = Builder().u32(0x00020140).u32(0).raw(ip4());
  EXPECT_EQ(decode_link(link_type::ethernet, ethernet(0x8847, pseudowire), header),
            Reason::unsupported_network);
  Builder endless;
  for (int i = 0; i < 100; ++i) endless.u32(0x00010040);
  EXPECT_EQ(decode_link(link_type::ethernet, ethernet(0x8847, endless), header),
            Reason::malformed_link);
}

TEST(Link, Pppoe) {
  Buffer session = Builder()
                       .u8(0x11)
                       .u8(0)
                       .u16(7)
                       .u16(static_cast<unsigned>(2 + ip4().size()))
                       .u16(0x0021)
                       .raw(ip4());
  expect_opens(link_type::ethernet, ethernet(0x8864, session), ip4(), "session");
  expect_opens(link_type::ppp_ether, session, ip4(), "its own link type");
  LinkHeader header;
  Buffer discovery = Builder().u8(0x11).u8(9).u16(0).u16(0);
  EXPECT_EQ(decode_link(link_type::ethernet, ethernet(0x8864, discovery), header),
            Reason::unsupported_network);
}

TEST(Link, Ppp) {
  expect_opens(link_type::ppp, Builder().u16(0xff03).u16(0x0021).raw(ip4()), ip4(),
               "with address and control");
  expect_opens(link_type::ppp, Builder().u16(0x0057).raw(ip6()), ip6(), "without");
  expect_opens(link_type::ppp, Builder().u8(0x21).raw(ip4()), ip4(), "compressed protocol");
  expect_opens(link_type::ppp_hdlc, Builder().u16(0xff03).u16(0x0057).raw(ip6()), ip6(),
               "HDLC framing");
  expect_opens(link_type::ppp_hdlc, Builder().u16(0x0f00).u16(0x0800).raw(ip4()), ip4(),
               "Cisco's HDLC");
  LinkHeader header;
  EXPECT_EQ(decode_link(link_type::ppp, Builder().u16(0xc021).fill(10), header),
            Reason::unsupported_network)
      << "LCP";
}

TEST(Link, LinuxCooked) {
  Buffer sll = Builder().u16(0).u16(1).u16(6).hex("0200000000aa0000").u16(0x0800).raw(ip4());
  expect_opens(link_type::linux_sll, sll, ip4(), "SLL");
  LinkHeader header;
  ASSERT_EQ(decode_link(link_type::linux_sll, sll, header), Reason::ok);
  EXPECT_EQ(header.source.bytes[5], 0xaa);
  EXPECT_FALSE(header.destination.present);
  Buffer sll2 =
      Builder().u16(0x86dd).u16(0).u32(3).u16(1).u8(0).u8(6).hex("0200000000bb0000").raw(ip6());
  expect_opens(link_type::linux_sll2, sll2, ip6(), "SLL2");
  Buffer no_address = Builder().u16(0).u16(772).u16(0).fill(8).u16(0x0800).raw(ip4());
  ASSERT_EQ(decode_link(link_type::linux_sll, no_address, header), Reason::ok);
  EXPECT_FALSE(header.source.present);
}

TEST(Link, RawIp) {
  for (uint32_t link : {link_type::raw, link_type::raw_dlt, link_type::raw_openbsd, link_type::ipv4,
                        link_type::ipv6})
    expect_opens(link, ip4(), ip4(), "raw");
  LinkHeader header;
  EXPECT_EQ(decode_link(link_type::raw, hex("ff00"), header), Reason::unsupported_network);
}

TEST(Link, BsdLoopbackInBothByteOrdersAndAllDialects) {
  for (unsigned family : {2u}) {
    expect_opens(link_type::null, Builder().u32(family).raw(ip4()), ip4(), "big-endian");
    expect_opens(link_type::null, Builder().u32(static_cast<uint64_t>(family) << 24).raw(ip4()),
                 ip4(), "little-endian");
  }
  for (unsigned family : {10u, 23u, 24u, 28u, 30u}) {
    expect_opens(link_type::loop, Builder().u32(family).raw(ip6()), ip6(), "big-endian");
    expect_opens(link_type::null, Builder().u32(static_cast<uint64_t>(family) << 24).raw(ip6()),
                 ip6(), "little-endian");
  }
  LinkHeader header;
  EXPECT_EQ(decode_link(link_type::null, Builder().u32(7).raw(ip4()), header),
            Reason::unsupported_network);
}

TEST(Link, LlcWithSnap) {
  Buffer snap = Builder().hex("aaaa03 000000").u16(0x0800).raw(ip4());
  expect_opens(link_type::ethernet, ethernet(static_cast<unsigned>(snap.size()), snap), ip4(),
               "SNAP");
  LinkHeader header;
  Buffer bpdu = Builder().hex("424203").fill(40);
  EXPECT_EQ(decode_link(link_type::ethernet, ethernet(43, bpdu), header),
            Reason::unsupported_network)
      << "spanning tree";
}

TEST(Link, CiscoMetadata) {
  expect_opens(link_type::ethernet,
               ethernet(0x8909, Builder().hex("0101 0001 0002").u16(0x0800).raw(ip4())), ip4(),
               "security group tag");
}

TEST(Link, OtherNetworksAndOtherLinks) {
  LinkHeader header;
  EXPECT_EQ(decode_link(link_type::ethernet, ethernet(0x0806, Buffer(28, 0)), header),
            Reason::unsupported_network)
      << "ARP";
  EXPECT_EQ(decode_link(105, ip4(), header), Reason::unsupported_link_type) << "Wi-Fi";
  EXPECT_FALSE(is_supported_link(105));
  for (uint32_t link : {0u, 1u, 9u, 12u, 14u, 50u, 51u, 101u, 108u, 113u, 228u, 229u, 276u})
    EXPECT_TRUE(is_supported_link(link)) << link;
}

}  // namespace
}  // namespace handprint::test
