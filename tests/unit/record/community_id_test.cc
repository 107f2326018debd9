// SPDX-License-Identifier: Apache-2.0
#include "record/community_id.h"

#include <gtest/gtest.h>

#include <string>

namespace handprint {
namespace {

std::string id(std::string_view source, uint16_t source_port, std::string_view destination,
               uint16_t destination_port, uint8_t transport) {
  std::string out(community_id_size, '?');
  const bool ok = community_id(parse_address(source), source_port, parse_address(destination),
                               destination_port, transport, std::span<char, community_id_size>(out));
  return ok ? out : "none";
}

TEST(CommunityId, GivesThePublishedVectors) {
  EXPECT_EQ(id("128.232.110.120", 34855, "66.35.250.204", 80, 6), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
  EXPECT_EQ(id("192.168.1.52", 54585, "8.8.8.8", 53, 17), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
}

TEST(CommunityId, AgreesWithWiresharkOnIpv6) {
  EXPECT_EQ(id("fd77:171:46::1", 45082, "fd77:171:46::2", 8444, 6), "1:cW1aK9QuF2NWoqWC0coDSKfzh6A=");
}

TEST(CommunityId, IsTheSameInBothDirections) {
  EXPECT_EQ(id("10.0.0.2", 1, "10.0.0.1", 2, 6), id("10.0.0.1", 2, "10.0.0.2", 1, 6));
  EXPECT_EQ(id("10.0.0.1", 7, "10.0.0.1", 9, 6), id("10.0.0.1", 9, "10.0.0.1", 7, 6));
  EXPECT_NE(id("10.0.0.1", 1, "10.0.0.2", 2, 6), id("10.0.0.1", 2, "10.0.0.2", 1, 6));
}

TEST(CommunityId, NeedsTwoAddressesOfOneFamily) {
  EXPECT_EQ(id("", 1, "10.0.0.1", 2, 6), "none");
  EXPECT_EQ(id("10.0.0.1", 1, "::1", 2, 6), "none");
}

}  // namespace
}  // namespace handprint
