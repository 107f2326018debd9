// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/text.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

TEST(Text, WritesTextNumbersAndHex) {
  std::array<char, 64> room;
  Text out(room);
  out.put("a=");
  out.dec(0);
  out.put(',');
  out.dec(18446744073709551615u);
  out.put(',');
  out.hex(Bytes(hex("00ff7f")));
  out.put(',');
  out.hex8(0x0a);
  out.hex16(0xfe0d);
  out.put(',');
  out.dec2(7);
  out.dec2(130);
  EXPECT_EQ(out.view(), "a=0,18446744073709551615,00ff7f,0afe0d,0799");
  EXPECT_FALSE(out.truncated());
}

TEST(Text, QuickDecimalsEqualSlowOnesForEveryValue) {
  for (unsigned value = 0; value <= 0xffff; ++value) {
    std::array<char, 8> room;
    Text out(room);
    out.dec16(static_cast<uint16_t>(value));
    ASSERT_EQ(out.view(), std::to_string(value));
  }
}

TEST(Text, WritesListsOfHexValues) {
  std::array<char, 16> room;
  Text out(room);
  std::array<uint16_t, 3> values = {0x1301, 0x000a, 0xffff};
  out.hex16_list(values, ',');
  EXPECT_EQ(out.view(), "1301,000a,ffff");
  out.clear();
  out.hex16_list({}, ',');
  EXPECT_TRUE(out.empty());
}

TEST(Text, LeavesOutAPieceThatDoesNotFitAndAllBehindIt) {
  std::array<char, 5> room;
  Text out(room);
  out.put("abc");
  out.put("def");
  EXPECT_TRUE(out.truncated());
  out.put('x');
  EXPECT_EQ(out.view(), "abc") << "one character would fit, but not at its place";
}

TEST(Text, FillsItsRoomToTheLastCharacter) {
  std::array<char, 4> room;
  Text out(room);
  out.hex16(0xabcd);
  EXPECT_FALSE(out.truncated());
  EXPECT_EQ(out.left(), 0u);
  out.dec16(1);
  EXPECT_TRUE(out.truncated());
}

TEST(Text, GoesBackToAnEarlierSize) {
  std::array<char, 4> room;
  Text out(room);
  out.put("ab");
  size_t mark = out.size();
  out.put("cdef");
  EXPECT_TRUE(out.truncated());
  out.rewind(mark);
  EXPECT_FALSE(out.truncated());
  out.put("cd");
  EXPECT_EQ(out.view(), "abcd");
  EXPECT_EQ(out.view_from(mark), "cd");
  out.drop(3);
  EXPECT_EQ(out.view(), "a");
}

TEST(Text, WithoutRoomWritesNothing) {
  Text out;
  out.put("a");
  out.dec(1);
  EXPECT_TRUE(out.truncated());
  EXPECT_TRUE(out.view().empty());
}

}  // namespace
}  // namespace handprint::test
