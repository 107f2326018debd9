// SPDX-License-Identifier: Apache-2.0
// The layouts that the kernel side and user space share. A compiler that pads differently would
// make records unreadable without any error, so that every offset that crosses stands here.
#include <gtest/gtest.h>

#include <cstddef>

#include "bpf/slots.h"
#include "bpf/wire.h"

namespace {

TEST(Layout, PacketRecordHasNoPaddingAndEightByteTimes) {
  EXPECT_EQ(sizeof(hp_packet), 176u);
  EXPECT_EQ(offsetof(hp_packet, flags), 6u);
  EXPECT_EQ(offsetof(hp_packet, time_ns), 8u);
  EXPECT_EQ(offsetof(hp_packet, cookie), 24u);
  EXPECT_EQ(offsetof(hp_packet, copy_len), 56u);
  EXPECT_EQ(offsetof(hp_packet, peer_pid), 68u);
  EXPECT_EQ(offsetof(hp_packet, owner), 72u);
  EXPECT_EQ(offsetof(hp_packet, checksum), 120u);
  EXPECT_EQ(offsetof(hp_packet, peer_start_ns), 128u);
  EXPECT_EQ(offsetof(hp_packet, socket_local), 136u);
  EXPECT_EQ(offsetof(hp_packet, socket_local_port), 168u);
}

TEST(Layout, OwnerAndSocketStorage) {
  EXPECT_EQ(sizeof(hp_owner), 48u);
  EXPECT_EQ(offsetof(hp_owner, pid), 16u);
  EXPECT_EQ(offsetof(hp_owner, comm), 32u);
  EXPECT_EQ(sizeof(hp_socket), 112u);
  EXPECT_EQ(offsetof(hp_socket, worker),
            sizeof(hp_owner));  // chosen by multiplication in the kernel
}

TEST(Layout, ProcessRecords) {
  EXPECT_EQ(sizeof(hp_process), 88u);
  EXPECT_EQ(offsetof(hp_process, path_len), 56u);
  EXPECT_EQ(sizeof(hp_owner_event), 112u);
  EXPECT_EQ(offsetof(hp_owner_event, owner), 64u);
  EXPECT_EQ(sizeof(hp_seed), 64u);
}

TEST(Layout, EveryRecordSaysVersionAndKindInItsFirstTwoBytes) {
  EXPECT_EQ(offsetof(hp_packet, version), 0u);
  EXPECT_EQ(offsetof(hp_packet, record), 1u);
  EXPECT_EQ(offsetof(hp_process, record), 1u);
  EXPECT_EQ(offsetof(hp_owner_event, record), 1u);
}

TEST(Layout, ConfigurationIsReadByTheKernelAtTheseOffsets) {
  EXPECT_EQ(sizeof(hp_policy), 20u);
  EXPECT_EQ(sizeof(hp_config), 56u);
  EXPECT_EQ(offsetof(hp_config, test_time_ns), 24u);
  EXPECT_EQ(offsetof(hp_config, agent_pid), 40u);
  EXPECT_EQ(offsetof(hp_config, wakeup_bytes), 48u);
}

TEST(Layout, ASetOfTagsAndAgesIsOneCacheLine) {
  EXPECT_EQ(sizeof(hp_set), 64u);
  EXPECT_EQ(sizeof(hp_flow_key), 48u);
  EXPECT_EQ(sizeof(hp_window), 40u);
  EXPECT_EQ(sizeof(hp_slot), 208u);
  EXPECT_EQ(sizeof(hp_segment), 32u);
}

}  // namespace
