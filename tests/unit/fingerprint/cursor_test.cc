// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/cursor.h"

#include <gtest/gtest.h>

#include "builder.h"
#include "fingerprint/grease.h"

namespace handprint::test {
namespace {

TEST(Cursor, ReadsBigEndian) {
  Buffer bytes = hex("01 0203 040506 0708090a");
  Cursor in(bytes);
  EXPECT_EQ(in.u8(), 0x01);
  EXPECT_EQ(in.u16(), 0x0203);
  EXPECT_EQ(in.u24(), 0x040506u);
  EXPECT_EQ(in.u32(), 0x0708090au);
  EXPECT_TRUE(in.empty());
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.position(), 10u);
}

TEST(Cursor, StaysEmptyOnceAReadFailed) {
  Buffer bytes = hex("010203");
  Cursor in(bytes);
  EXPECT_EQ(in.u32(), 0u);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.left(), 0u) << "the three bytes that were there are gone too";
  EXPECT_EQ(in.u8(), 0);
  EXPECT_TRUE(in.take(1).empty());
}

TEST(Cursor, TakesAViewWholeOrNotAtAll) {
  Buffer bytes = hex("0102030405");
  Cursor in(bytes);
  EXPECT_EQ(in.take(2).size(), 2u);
  EXPECT_TRUE(in.take(4).empty());
  EXPECT_TRUE(in.failed());
}

TEST(Cursor, TakesUpToWhatIsThereWithoutFailing) {
  Buffer bytes = hex("0102");
  Cursor in(bytes);
  EXPECT_EQ(in.take_up_to(9).size(), 2u);
  EXPECT_FALSE(in.failed());
}

TEST(Cursor, GivesAPartAsACursorOfItsOwn) {
  Buffer bytes = hex("02 aabb cc");
  Cursor in(bytes);
  Cursor part = in.sub(in.u8());
  EXPECT_EQ(part.u16(), 0xaabb);
  EXPECT_TRUE(part.empty());
  part.u8();
  EXPECT_TRUE(part.failed());
  EXPECT_FALSE(in.failed()) << "a part that fails does not fail the whole";
  EXPECT_EQ(in.u8(), 0xcc);
}

TEST(Cursor, APartThatIsTooLongFailsBoth) {
  Buffer bytes = hex("05 aabb");
  Cursor in(bytes);
  Cursor part = in.sub(in.u8());
  EXPECT_TRUE(part.failed());
  EXPECT_TRUE(in.failed());
}

TEST(Cursor, HugeLengthsDoNotOverflow) {
  Buffer bytes = hex("0102");
  Cursor in(bytes);
  in.skip(static_cast<size_t>(-1));
  EXPECT_TRUE(in.failed());
}

TEST(Grease, AreTheSixteenValuesOfRfc8701AndNoOthers) {
  int count = 0;
  for (unsigned value = 0; value <= 0xffff; ++value) {
    bool expected = (value >> 8) == (value & 255) && (value & 15) == 10;
    EXPECT_EQ(is_grease(static_cast<uint16_t>(value)), expected) << value;
    count += is_grease(static_cast<uint16_t>(value)) ? 1 : 0;
  }
  EXPECT_EQ(count, 16);
  EXPECT_FALSE(is_grease(0x0a1a)) << "both bytes must be equal";
  EXPECT_EQ(without_grease(0xfafa), 0x0a0a);
  EXPECT_EQ(without_grease(0x1301), 0x1301);
}

}  // namespace
}  // namespace handprint::test
