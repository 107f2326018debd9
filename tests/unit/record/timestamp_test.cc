// SPDX-License-Identifier: Apache-2.0
#include "record/timestamp.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <string>

namespace handprint {
namespace {

std::string text(int64_t ns) {
  std::string out(timestamp_size, '?');
  write_timestamp(ns, std::span<char, timestamp_size>(out));
  return out;
}

TEST(Timestamp, IsIso8601InUtcWithMicroseconds) {
  EXPECT_EQ(text(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(text(1'582'934'400'000'000'000), "2020-02-29T00:00:00.000000Z");
  EXPECT_EQ(text(1'795'400'123'456'789'999), "2026-11-23T02:15:23.456789Z");
}

TEST(Timestamp, CutsDownwardsAlsoBefore1970) {
  EXPECT_EQ(text(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(text(999), "1970-01-01T00:00:00.000000Z");
}

TEST(Timestamp, HoldsTheWholeRange) {
  EXPECT_EQ(text(INT64_MIN), "1677-09-21T00:12:43.145224Z");
  EXPECT_EQ(text(INT64_MAX), "2262-04-11T23:47:16.854775Z");
}

TEST(Timestamp, AgreesWithTheCLibrary) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 100'000; ++round) {
    const auto seconds = static_cast<time_t>(random() % 9'000'000'000) - 4'000'000'000;
    tm parts{};
    gmtime_r(&seconds, &parts);
    char expected[32];
    strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
    ASSERT_EQ(text(static_cast<int64_t>(seconds) * 1'000'000'000), expected);
  }
}

}  // namespace
}  // namespace handprint
