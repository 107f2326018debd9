// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/governor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace handprint {
namespace {

constexpr int64_t second = 1'000'000'000;

class GovernorTest : public ::testing::Test {
 protected:
  // Runs for `seconds` at a load, a call a second; the seconds of this run at which the step
  // changed.
  std::vector<int> run(int seconds, double load) {
    std::vector<int> changes;
    for (int i = 1; i <= seconds; ++i) {
      now_ += second;
      if (governor_.update(now_, load)) changes.push_back(i);
    }
    return changes;
  }
  void begin() { governor_.update(now_, 0); }
  Governor governor_;
  int64_t now_ = 1000 * second;
};

TEST_F(GovernorTest, StaysWhereItIsWithinTheLimit) {
  begin();
  EXPECT_TRUE(run(1000, 1.0).empty());
  EXPECT_TRUE(run(1000, 0).empty());
  EXPECT_EQ(governor_.step(), 0u);
  EXPECT_EQ(governor_.sample_shift(), 0);
  EXPECT_FALSE(governor_.first_request_only());
}

TEST_F(GovernorTest, ClimbsAStepEveryTenSecondsAboveTheLimit) {
  begin();
  EXPECT_EQ(run(80, 1.5), (std::vector<int>{10, 20, 30, 40, 50, 60, 70, 80}));
  EXPECT_TRUE(governor_.detached());
  EXPECT_EQ(governor_.counters().steps_up, 8u);
  EXPECT_EQ(governor_.counters().detaches, 1u);
}

TEST_F(GovernorTest, EachStepLeavesOutWhatItSays) {
  begin();
  const std::vector<int> shifts{0, 0, 1, 2, 3, 4, 5, 6, 6};
  for (uint32_t step = 0; step <= Governor::detached_step; ++step) {
    EXPECT_EQ(governor_.step(), step);
    EXPECT_EQ(governor_.sample_shift(), shifts[step]) << step;
    EXPECT_EQ(governor_.first_request_only(), step > 0) << step;
    EXPECT_EQ(governor_.detached(), step == 8) << step;
    if (step < Governor::detached_step) run(10, 2);
  }
}

TEST_F(GovernorTest, AMomentWithinTheLimitBeginsTheTenSecondsAnew) {
  begin();
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(run(9, 3).empty());
    EXPECT_TRUE(run(1, 1).empty());
  }
  EXPECT_EQ(governor_.step(), 0u);
}

TEST_F(GovernorTest, IsTakenBackBelowSeventyPercentForThirtySeconds) {
  begin();
  run(40, 2);
  EXPECT_EQ(governor_.step(), 4u);
  EXPECT_TRUE(run(500, 0.7).empty()) << "between the bounds nothing moves";
  EXPECT_EQ(run(120, 0.69), (std::vector<int>{30, 60, 90, 120}));
  EXPECT_EQ(governor_.step(), 0u);
  EXPECT_TRUE(run(500, 0).empty());
  EXPECT_EQ(governor_.counters().steps_down, 4u);
}

TEST_F(GovernorTest, AMomentOfLoadBeginsTheThirtySecondsAnew) {
  begin();
  run(10, 2);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(run(29, 0.1).empty());
    EXPECT_TRUE(run(1, 0.9).empty());
  }
  EXPECT_EQ(governor_.step(), 1u);
}

TEST_F(GovernorTest, TriesAgainAMinuteAfterADetach) {
  begin();
  run(80, 2);
  ASSERT_TRUE(governor_.detached());
  EXPECT_EQ(run(60, 0), (std::vector<int>{60})) << "whatever the load is meanwhile";
  EXPECT_EQ(governor_.step(), Governor::last_sample);
  // Still too much: away again after ten seconds, and back after another minute.
  EXPECT_EQ(run(70, 2), (std::vector<int>{10, 70}));
  EXPECT_EQ(governor_.counters().detaches, 2u);
  // Gone: all the way down.
  EXPECT_EQ(run(210, 0), (std::vector<int>{30, 60, 90, 120, 150, 180, 210}));
  EXPECT_EQ(governor_.step(), 0u);
}

TEST_F(GovernorTest, NonsenseIsNoLoad) {
  begin();
  EXPECT_TRUE(run(100, std::nan("")).empty());
  EXPECT_TRUE(run(100, -5).empty());
  EXPECT_TRUE(run(100, INFINITY).empty());
  EXPECT_EQ(governor_.step(), 0u);
}

TEST_F(GovernorTest, BeginsAnewAfterAReset) {
  begin();
  run(25, 2);
  governor_.reset();
  EXPECT_EQ(governor_.step(), 0u);
  EXPECT_EQ(governor_.counters().steps_up, 2u);
  now_ += 1000 * second;
  begin();
  EXPECT_EQ(run(10, 2), (std::vector<int>{10}));
}

TEST(GovernorText, SaysWhatIsLeft) {
  EXPECT_EQ(Governor::describe(0), "everything");
  EXPECT_EQ(Governor::describe(1), "first requests only");
  EXPECT_EQ(Governor::describe(2), "1 connection in 2");
  EXPECT_EQ(Governor::describe(7), "1 connection in 64");
  EXPECT_EQ(Governor::describe(8), "detached");
}

}  // namespace
}  // namespace handprint
