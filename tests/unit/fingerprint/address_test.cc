// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/address.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

std::string text_of(const Address& address) {
  return written([&](Text& out) {
    write(address, out);
    return Reason::ok;
  });
}
std::string round_trip(std::string_view text) { return text_of(parse_address(text)); }

TEST(Address, WritesIpv4AsDottedQuad) {
  EXPECT_EQ(text_of(Address::from(hex("c0000201"))), "192.0.2.1");
  EXPECT_EQ(text_of(Address::from(hex("00000000"))), "0.0.0.0");
  EXPECT_EQ(text_of(Address::from(hex("ffffffff"))), "255.255.255.255");
}

// RFC 5952 section 4, in its own examples.
TEST(Address, WritesIpv6InTheCanonicalForm) {
  EXPECT_EQ(round_trip("2001:0db8:0000:0000:0000:0000:0000:0001"), "2001:db8::1");
  EXPECT_EQ(round_trip("2001:db8:0:0:0:0:2:1"), "2001:db8::2:1") << "4.2.1: as short as possible";
  EXPECT_EQ(round_trip("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1")
      << "4.2.2: not for one group";
  EXPECT_EQ(round_trip("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1") << "4.2.3: the longest run";
  EXPECT_EQ(round_trip("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1")
      << "4.2.3: the first of equal runs";
  EXPECT_EQ(round_trip("2001:DB8::ABCD"), "2001:db8::abcd") << "4.3: lower case";
  EXPECT_EQ(round_trip("::"), "::");
  EXPECT_EQ(round_trip("::1"), "::1");
  EXPECT_EQ(round_trip("1::"), "1::");
  EXPECT_EQ(round_trip("0:0:0:1::"), "0:0:0:1::");
  EXPECT_EQ(round_trip("::ffff:192.0.2.1"), "::ffff:192.0.2.1") << "section 5";
  EXPECT_EQ(round_trip("fe80::1:2:3:4"), "fe80::1:2:3:4");
}

TEST(Address, RefusesWhatIsNoAddress) {
  for (std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", ":", ":::", "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "1:2:3:4:5:6:7:8::", "::1.2.3",
        "1:", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0", "1.2.3.4::"})
    EXPECT_FALSE(parse_address(text).present()) << text;
}

TEST(Address, KeepsIpv4AndMappedIpv4Apart) {
  EXPECT_NE(parse_address("192.0.2.1"), parse_address("::ffff:192.0.2.1"));
  EXPECT_LT(parse_address("255.255.255.255"), parse_address("::"));
  EXPECT_LT(parse_address("10.0.0.2"), parse_address("10.0.0.10"));
  EXPECT_FALSE(Address{}.present());
  EXPECT_EQ(text_of(Address{}), "");
  EXPECT_FALSE(Address::from(hex("010203")).present());
}

TEST(Address, KnowsItsScope) {
  EXPECT_TRUE(parse_address("127.9.9.9").is_loopback());
  EXPECT_TRUE(parse_address("::1").is_loopback());
  EXPECT_FALSE(parse_address("::2").is_loopback());
  EXPECT_TRUE(parse_address("::").is_unspecified());
  EXPECT_TRUE(parse_address("0.0.0.0").is_unspecified());
  EXPECT_FALSE(Address{}.is_unspecified());
  EXPECT_TRUE(parse_address("239.1.2.3").is_multicast());
  EXPECT_TRUE(parse_address("ff02::1").is_multicast());
  EXPECT_TRUE(parse_address("fe80::1").is_link_local());
  EXPECT_TRUE(parse_address("169.254.0.1").is_link_local());
  for (std::string_view text :
       {"10.1.1.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fd00::1", "127.0.0.1"})
    EXPECT_TRUE(parse_address(text).is_private()) << text;
  for (std::string_view text :
       {"172.32.0.1", "8.8.8.8", "100.128.0.1", "2001:db8::1", "192.169.0.1"})
    EXPECT_FALSE(parse_address(text).is_private()) << text;
}

TEST(Mac, IsWrittenAsEcsAsks) {
  Mac mac{{0x00, 0x1b, 0x21, 0x3c, 0x9d, 0xf8}, true};
  EXPECT_EQ(written([&](Text& out) {
              write(mac, out);
              return Reason::ok;
            }),
            "00-1B-21-3C-9D-F8");
  EXPECT_EQ(written([&](Text& out) {
              write(Mac{}, out);
              return Reason::ok;
            }),
            "");
}

}  // namespace
}  // namespace handprint::test
