// SPDX-License-Identifier: Apache-2.0
// What the tc programs do beside the cgroup hook. A test run gives its packets a socket, which
// stands for one of this host at egress; at ingress the look-up finds none.
#include <gtest/gtest.h>

#include "kernel_selector.h"
#include "packet_builder.h"

namespace handprint::test {
namespace {

constexpr std::array programs = {Program::tc_ingress, Program::tc_egress, Program::cgroup_egress};

KernelSelector& kernel() {
  static KernelSelector selector(programs);
  return selector;
}

class Sightings : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kernel().lacks_privilege()) GTEST_SKIP() << kernel().error();
    ASSERT_EQ(kernel().error(), "");
    static const hp_config first = kernel().config();
    kernel().config() = first;
    kernel().config().with_cgroup = 1;
    kernel().reset();
  }
  static std::vector<Record> run(Program program, const Frame& frame) {
    EXPECT_EQ(kernel().run(program, frame).error, 0);
    return kernel().records();
  }
  // A port where nobody listens in the network namespace of the test.
  static PacketBuilder packet() { return PacketBuilder().ethernet().ipv4().tcp(40000, 9); }
  static void expect_balanced() {
    const auto c = kernel().counters();
    EXPECT_EQ(c[HP_COUNT_SELECTED], c[HP_COUNT_EMITTED] + c[HP_COUNT_SYN_STASHED] +
                                        c[HP_COUNT_LOST_RING] + c[HP_COUNT_LOST_RATE] +
                                        c[HP_COUNT_LOST_LOAD] + c[HP_COUNT_OWN] +
                                        c[HP_COUNT_LEFT_TO_CGROUP]);
  }
};

TEST_F(Sightings, OfALocalSocketOnlyTheHandshakePassesByItsHeaders) {
  for (const uint8_t flags : {uint8_t{0x02}, uint8_t{0x12}}) {
    kernel().reset();
    const auto records =
        run(Program::tc_egress,
            packet().flags(flags).sequence(7).tcp_options(linux_syn_options()).bytes());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].packet.flags & HP_PACKET_SIGHTING, HP_PACKET_SIGHTING);
    EXPECT_EQ(records[0].packet.l2_len, 14);
    EXPECT_EQ(records[0].packet.copy_len, 0u);
    const auto hello =
        run(Program::tc_egress, packet().sequence(8).payload(client_hello(517)).bytes());
    EXPECT_TRUE(hello.empty());
    EXPECT_EQ(kernel().counter(HP_COUNT_LEFT_TO_CGROUP), 1u);
    EXPECT_EQ(kernel().counter(HP_COUNT_EMITTED), 1u);
    expect_balanced();
  }
}

TEST_F(Sightings, DataInASynIsLeftToTheOtherHook) {
  const auto records =
      run(Program::tc_egress, packet().flags(0x02).sequence(7).payload(client_hello(517)).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.flags & HP_PACKET_SIGHTING, HP_PACKET_SIGHTING);
  EXPECT_EQ(records[0].packet.copy_len, 0u);
  EXPECT_EQ(records[0].packet.payload_len, 517u);
  expect_balanced();
}

TEST_F(Sightings, WhatHasNoSocketHereIsCopied) {
  EXPECT_EQ(run(Program::tc_ingress, packet().flags(0x02).sequence(7).bytes()).size(), 1u);
  const auto hello =
      run(Program::tc_ingress, packet().sequence(8).payload(client_hello(517)).bytes());
  ASSERT_EQ(hello.size(), 1u);
  EXPECT_EQ(hello[0].payload.size(), 517u);
  EXPECT_EQ(hello[0].packet.flags & HP_PACKET_SIGHTING, 0);
  EXPECT_EQ(kernel().counter(HP_COUNT_LEFT_TO_CGROUP), 0u);
  expect_balanced();
}

TEST_F(Sightings, AloneEachHookCopiesEverything) {
  kernel().config().with_cgroup = 0;
  const auto hello =
      run(Program::tc_egress, packet().sequence(8).payload(client_hello(517)).bytes());
  ASSERT_EQ(hello.size(), 1u);
  EXPECT_EQ(hello[0].payload.size(), 517u);
  EXPECT_EQ(kernel().counter(HP_COUNT_LEFT_TO_CGROUP), 0u);
}

TEST_F(Sightings, TheCgroupHookLeavesNothing) {
  const auto hello =
      run(Program::cgroup_egress, packet().sequence(8).payload(client_hello(517)).bytes());
  ASSERT_EQ(hello.size(), 1u);
  EXPECT_EQ(hello[0].payload.size(), 517u);
}

TEST_F(Sightings, BeyondTheirRateTheyAreLeftAndCostTheSynsOfSocketsNothing) {
  kernel().config().syn_rate = 10;
  const Frame syn = packet().flags(0x02).sequence(7).bytes();
  std::size_t sightings = 0;
  for (int i = 0; i < 30; ++i) sightings += run(Program::tc_egress, syn).size();
  EXPECT_GE(sightings, 9u);  // a test before this one may have taken a part of a token
  EXPECT_LE(sightings, 12u);
  EXPECT_EQ(kernel().counter(HP_COUNT_LEFT_TO_CGROUP), 30 - sightings);
  EXPECT_EQ(run(Program::cgroup_egress, syn).size(), 1u);
  expect_balanced();
}

}  // namespace
}  // namespace handprint::test
