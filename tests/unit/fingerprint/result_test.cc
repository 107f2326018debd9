// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace handprint {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return Error{.line = 3, .column = 7, .message = "odd"};
  return value / 2;
}

TEST(Result, IsAValueOrAnError) {
  Result<int> good = half(8);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 4);
  Result<int> bad = half(7);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "odd");
  EXPECT_THROW((void)bad.value(), std::bad_variant_access);
}

TEST(Result, CarriesValuesThatCanOnlyMove) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, MayBeSuccessWithoutAValue) {
  EXPECT_TRUE(Result<void>());
  EXPECT_FALSE(Result<void>(Error{.message = "no"}).ok());
}

TEST(Error, SaysWhereToLook) {
  EXPECT_EQ((Error{.file = "p0f.fp", .line = 12, .column = 5, .message = "bad label"}).text(),
            "p0f.fp:12:5: bad label");
  EXPECT_EQ((Error{.file = "a.pcap", .offset = 40, .message = "cut"}).text(),
            "a.pcap: offset 40: cut");
  EXPECT_EQ((Error{.message = "alone"}).text(), "alone");
}

}  // namespace
}  // namespace handprint
