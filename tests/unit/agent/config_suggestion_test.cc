// SPDX-License-Identifier: Apache-2.0
#include "agent/config/suggestion.h"

#include <gtest/gtest.h>

#include <array>

namespace handprint {
namespace {

TEST(EditDistance, CountsSlipsOfTheKeyboard) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", "abc"), 0u);
  EXPECT_EQ(edit_distance("ABC", "abc"), 0u);
  EXPECT_EQ(edit_distance("output", "outptu"), 1u) << "neighbours swapped";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("rate", "rates"), 1u);
}

TEST(Suggestion, NamesTheNearestOrNothing) {
  constexpr std::array<std::string_view, 3> words{"auto", "cgroup", "clsact"};
  EXPECT_EQ(suggestion("cgrop", words), "; did you mean 'cgroup'?");
  EXPECT_EQ(suggestion("classact", words), "; did you mean 'clsact'?");
  EXPECT_EQ(suggestion("zebra", words), "");
  EXPECT_EQ(suggestion("", words), "");
  EXPECT_EQ(suggestion("x", {}), "");
  EXPECT_EQ(suggestion(std::string(100'000, 'x'), words), "");
}

}  // namespace
}  // namespace handprint
