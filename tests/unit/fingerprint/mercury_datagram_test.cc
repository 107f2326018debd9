// SPDX-License-Identifier: Apache-2.0
// Datagrams that are messages of their own: STUN and DHCP.
#include "fingerprint/mercury_datagram.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

Buffer stun(unsigned type, const Buffer& attributes, uint32_t cookie = 0x2112a442) {
  return Builder().u16(type).u16(static_cast<unsigned>(attributes.size())).u32(cookie).fill(12, 7).raw(attributes);
}
Buffer dhcp(const Buffer& options, unsigned operation = 1) {
  return Builder().u8(operation).u8(1).u8(6).fill(233).u32(0x63825363).raw(options);
}
std::string stun_string(const Buffer& datagram) {
  return written([&](Text& out) { return write_mercury_stun(datagram, out); });
}
std::string dhcp_string(const Buffer& datagram) {
  return written([&](Text& out) { return write_mercury_dhcp(datagram, out); });
}

TEST(MercuryStun, KeepsTheAttributesThatTellSoftwareApart) {
  const Buffer attributes = Builder().hex("8022 0005 74657374 65 000000"  // SOFTWARE, padded
                                          "0024 0004 00000001"             // PRIORITY: left out
                                          "8070 0004 00000003"             // Microsoft's, whole
                                          "0006 0003 616263 00 0008 0000 8028 0004 12345678");
  EXPECT_EQ(stun_string(stun(0x0001, attributes)),
            "(00)(0001)(01)((8022)(8070000400000003)(0006)(0008)(8028))");
  EXPECT_EQ(stun_string(stun(0x0001, {}, 0x01020304)), "(00)(0001)(00)()");  // of RFC 3489
  EXPECT_EQ(stun_string(stun(0x0003, {})), "(00)(0003)(01)()");              // TURN's Allocate
  // The method's bits stand on both sides of the class's.
  EXPECT_EQ(stun_string(stun(0x0020, {})), "(00)(0010)(01)()");
  EXPECT_EQ(stun_string(stun(0x0200, {})), "(00)(0080)(01)()");
}

TEST(MercuryStun, AnswersIndicationsAndOtherDatagramsHaveNone) {
  for (const unsigned type : {0x0101u, 0x0111u, 0x0011u, 0x4001u, 0x8001u})
    EXPECT_FALSE(is_stun_request(stun(type, {}))) << type;
  EXPECT_FALSE(is_stun_request(stun(0x0003, {}, 0x01020304)));  // without the cookie
  Buffer longer = stun(0x0001, {});
  longer.push_back(0);
  EXPECT_FALSE(is_stun_request(longer));
  const Buffer whole = stun(0x0001, hex("8022 0004 74657374"));
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(is_stun_request(Bytes(whole).first(size)));
  // An attribute that claims more than there is ends the list.
  EXPECT_EQ(stun_string(stun(0x0001, hex("8022 0000 0006 00ff"))), "(00)(0001)(01)((8022))");
}

TEST(MercuryDhcp, KeepsTheOrderOfTheOptionsOfARequest) {
  EXPECT_EQ(dhcp_string(dhcp(hex("00 350103 3d0701aabbccddeeff 37020103 00 3c04 4d534654 ff 0000"))),
            "((350103)(3d)(37020103)(3c)(ff))");
  EXPECT_EQ(dhcp_string(dhcp(hex("350101 370101 ff"))), "<no-fingerprint>");  // DISCOVER
  EXPECT_EQ(dhcp_string(dhcp(hex("350103 ff"), 2)), "<not-this-protocol>");  // a server's
  EXPECT_EQ(dhcp_string(dhcp(hex("350103 3704 01"))), "((350103))");  // cut
  const Buffer whole = dhcp(hex("350103 ff"));
  for (size_t size = 0; size < 240; ++size) EXPECT_FALSE(is_dhcp_request(Bytes(whole).first(size)));
}

TEST(MercuryDatagrams, NeverWritePartly) {
  const Buffer request = dhcp(hex("350103 37020103 ff")), binding = stun(1, hex("8022 0004 74657374"));
  std::array<char, 64> room;
  for (size_t size = 0; size < 30; ++size) {
    Text out(std::span<char>(room).first(size));
    const bool dhcp_fits = write_mercury_dhcp(request, out) == Reason::ok;
    EXPECT_NE(dhcp_fits, out.empty()) << size;
    Text other(std::span<char>(room).first(size));
    const bool stun_fits = write_mercury_stun(binding, other) == Reason::ok;
    EXPECT_NE(stun_fits, other.empty()) << size;
  }
}

}  // namespace
}  // namespace handprint::test
