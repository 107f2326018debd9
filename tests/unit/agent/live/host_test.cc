// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/host.h"

#include <gtest/gtest.h>

namespace handprint {
namespace {

TEST(CgroupMount, IsFoundOnAUnifiedHost) {
  const CgroupMount mount = find_cgroup2(
      "22 1 0:21 / /proc rw shared:1 - proc proc rw\n"
      "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  EXPECT_EQ(mount.path, "/sys/fs/cgroup");
  EXPECT_TRUE(mount.whole);
}

TEST(CgroupMount, IsFoundOnAHybridHost) {
  const CgroupMount mount = find_cgroup2(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(mount.path, "/sys/fs/cgroup/unified");
  EXPECT_TRUE(mount.whole);
}

TEST(CgroupMount, TheWholeHierarchyIsPreferred) {
  const CgroupMount mount = find_cgroup2(
      "50 1 0:26 /system.slice /mnt/part rw - cgroup2 none rw\n"
      "51 1 0:26 / /mnt/all\\040of\\134it rw - cgroup2 none rw\n"
      "52 1 0:26 / /mnt/again rw - cgroup2 none rw\n");
  EXPECT_EQ(mount.path, "/mnt/all of\\it");
  EXPECT_TRUE(mount.whole);
}

TEST(CgroupMount, APartIsBetterThanNothing) {
  const CgroupMount mount =
      find_cgroup2("50 1 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  EXPECT_EQ(mount.path, "/sys/fs/cgroup");
  EXPECT_FALSE(mount.whole);
}

TEST(CgroupMount, V1OnlyAndNonsenseHaveNone) {
  EXPECT_EQ(find_cgroup2("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n").path, "");
  EXPECT_EQ(find_cgroup2("").path, "");
  EXPECT_EQ(find_cgroup2("\n\n- cgroup2").path, "");
  EXPECT_EQ(find_cgroup2("1 2 3 4 5 6").path, "");
}

}  // namespace
}  // namespace handprint
