// SPDX-License-Identifier: Apache-2.0
// What the agent measures of itself, and what it can come to take.
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "agent/supervisor/load_control.h"
#include "agent/supervisor/memory_plan.h"
#include "agent/telemetry/status.h"
#include "flow/scan_table.h"

namespace handprint {
namespace {

constexpr int64_t second = 1'000'000'000;

Address four(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  const uint8_t wire[] = {a, b, c, d};
  return Address::from(Bytes(wire, 4));
}

TEST(LoadControl, KernelProgramsCountAsTheyRun) {
  const double cpus = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  LoadControl load(100'000);
  EXPECT_DOUBLE_EQ(load.limit_percent(), 100 / cpus) << "never more than one core";
  KernelCounters counters{};
  int64_t now = second;
  load.update(now, {}, counters, 0);
  counters[HP_COUNT_PACKETS] = 1'000'000;
  counters[HP_COUNT_SELECTED] = 100'000;
  const double expected = static_cast<double>(estimated_kernel_ns(counters, 0)) / 1e9 / cpus * 100;
  EXPECT_GT(expected, 0);
  load.update(now += second, {}, counters, 0);
  EXPECT_DOUBLE_EQ(load.used_percent(), expected);
}

TEST(LoadControl, ProcessesCountWithAllThatTheyDo) {
  LoadControl load(1);
  const pid_t self[] = {::getpid()};
  load.update(second, self, {}, 0);
  volatile uint64_t work = 0;
  for (int i = 0; i < 20'000'000; ++i) work = work + 1;
  load.update(2 * second, self, {}, 0);
  EXPECT_GT(load.used_percent(), 0);
}

TEST(LoadControl, StepsReachTheKernelsConfiguration) {
  LoadControl load(1000);
  KernelCounters counters{};
  int64_t now = second;
  std::vector<int> shifts;
  bool disabled = false;
  for (int i = 0; i < 100 && !disabled; ++i) {
    if (load.update(now += second, {}, counters, 0)) {
      hp_config config{};
      config.policy.requests = 3;
      load.apply(config);
      EXPECT_EQ(config.policy.requests, 1);
      shifts.push_back(config.sample_shift);
      disabled = config.disabled != 0;
    }
    counters[HP_COUNT_PACKETS] += 1'000'000'000;
  }
  EXPECT_EQ(shifts, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 6}));
  EXPECT_TRUE(disabled);
  load.set_limit(0);
  EXPECT_TRUE(load.update(now += second, {}, counters, 0)) << "without a limit nothing is left out";
  hp_config config{};
  config.policy.requests = 3;
  load.apply(config);
  EXPECT_EQ(config.policy.requests, 3);
  EXPECT_EQ(config.disabled, 0);
}

TEST(MemoryPlan, NamesItsPartsAndRefusesWhatIsTooMuch) {
  Settings settings = default_settings();
  const MemoryPlan plan = plan_memory(settings);
  EXPECT_TRUE(plan.check()) << plan.text();
  EXPECT_GT(plan.total(), 60u << 20);
  EXPECT_LT(plan.total(), 256u << 20);
  for (const char* part :
       {"packet ring", "process ring", "handshake windows", "connections", "queues"})
    EXPECT_NE(plan.text().find(part), std::string::npos) << part << " in " << plan.text();
  settings.limits.flow_memory += 100u << 20;
  EXPECT_EQ(plan_memory(settings).total(), plan.total() + (100u << 20));
  settings.limits.memory = 64u << 20;
  const Result<void> refused = plan_memory(settings).check();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("limits.memory"), std::string::npos);
  EXPECT_NE(refused.error().message.find("limits.flow_memory"), std::string::npos)
      << refused.error().message;
  settings.limits.memory = 0;
  EXPECT_TRUE(plan_memory(settings).check());
}

TEST(MemoryPlan, RingsCountWithTheirSize) {
  Settings settings = default_settings();
  const uint64_t before = plan_memory(settings).total();
  settings.capture.ring.packets *= 4;
  EXPECT_GT(plan_memory(settings).total(), before + 3 * (4u << 20) - 1);
}

TEST(ScanTable, CountsByPrefixAndLosesNothing) {
  ScanTable table(7);
  for (int i = 0; i < 100; ++i) table.add(four(10, 1, 2, static_cast<uint8_t>(i)));
  for (int i = 0; i < 50; ++i) table.add(four(10, 1, 3, static_cast<uint8_t>(i)));
  table.take_back(four(10, 1, 3, 250));
  std::array<ScanSource, 4> top{};
  ASSERT_EQ(table.top(top), 2u);
  EXPECT_EQ(top[0].count, 100u);
  EXPECT_EQ(top[0].prefix[2], 2);
  EXPECT_EQ(top[0].prefix[3], 0);
  EXPECT_EQ(top[1].count, 49u);
  uint8_t wire[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 9};
  for (uint8_t i = 0; i < 120; ++i) {
    wire[15] = i;
    table.add(Address::from(Bytes(wire, 16)));
  }
  ASSERT_EQ(table.top(top), 3u);
  EXPECT_EQ(top[0].version, 6);
  EXPECT_EQ(top[0].count, 120u);
}

TEST(ScanTable, StaysBoundedAndKeepsTheGreatest) {
  ScanTable table(9);
  uint64_t added = 0;
  for (int round = 0; round < 20; ++round)
    for (int a = 0; a < 10'000; ++a, ++added) {
      table.add(four(11, static_cast<uint8_t>(a >> 8), static_cast<uint8_t>(a), 1));
      if (a % 10 == 0) {
        table.add(four(192, 0, 2, static_cast<uint8_t>(a)));
        ++added;
      }
    }
  std::array<ScanSource, 16> top{};
  ASSERT_EQ(table.top(top), 16u);
  EXPECT_EQ(top[0].prefix[0], 192);
  EXPECT_EQ(top[0].count, 20'000u);
  EXPECT_LE(table.sources(), ScanTable::sets * ScanTable::ways);
  EXPECT_GT(table.evicted(), 0u);
  std::vector<ScanSource> all(ScanTable::sets * ScanTable::ways);
  uint64_t counted = table.others();
  for (std::size_t i = 0, n = table.top(all); i < n; ++i) counted += all[i].count;
  EXPECT_EQ(counted, added);
}

TEST(Status, TellsLoadScansAndMemory) {
  StatusReport report;
  report.load = {2.5, 5, 3, "1 connection in 4", {{"steps_up", 3}}};
  report.scans = {{"192.0.2.0/24", 1234}};
  report.scan_others = 7;
  report.memory_plan = "85.2 MB: programs 33.6";
  report.memory_planned = 85'200'000;
  const auto json = nlohmann::json::parse(status_json(report));
  EXPECT_EQ(json["load"]["step"], 3);
  EXPECT_EQ(json["load"]["steps_up"], 3);
  EXPECT_EQ(json["scans"]["top"][0]["unanswered"], 1234);
  const std::string text = status_text(status_json(report));
  for (const char* part :
       {"1 connection in 4", "192.0.2.0/24 1,234", "others 7", "85.2 MB: programs 33.6"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

}  // namespace
}  // namespace handprint
