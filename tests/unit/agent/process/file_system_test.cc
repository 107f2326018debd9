// SPDX-License-Identifier: Apache-2.0
#include "agent/process/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace handprint {
namespace {

constexpr std::string_view mounts =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "220 22 0:40 / /mnt/a\\040b rw shared:9 master:3 - fuse.sshfs host:/x rw,user_id=0\n"
    "221 22 0:41 / /mnt/n rw - nfs4 server:/x rw,vers=4.2\n"
    "222 22 0:42 / /ctr rw - overlay overlay rw,lowerdir=/a - nfs\n"
    "223 22 0:43 / /cut rw";

TEST(FileSystem, MountsAreFoundByTheirWholeNumber) {
  EXPECT_EQ(find_mount(mounts, 22), FileHome::local);
  EXPECT_EQ(find_mount(mounts, 220), FileHome::remote);
  EXPECT_EQ(find_mount(mounts, 221), FileHome::remote);
  EXPECT_EQ(find_mount(mounts, 222), FileHome::local);
  EXPECT_EQ(find_mount(mounts, 223), FileHome::unknown);
  EXPECT_EQ(find_mount(mounts, 2), FileHome::unknown);
  EXPECT_EQ(find_mount("", 22), FileHome::unknown);
  EXPECT_EQ(find_mount("22", 22), FileHome::unknown);
}

TEST(FileSystem, OwnFilesAreLocal) {
  const int executable = open("/proc/self/exe", O_PATH | O_CLOEXEC);
  ASSERT_GE(executable, 0);
  EXPECT_EQ(home_of(executable, "/proc/self/mountinfo"), FileHome::local);
  EXPECT_EQ(home_of(executable, "/nonexistent"), FileHome::local)
      << "our own list is looked at, too";
  const int memory = memfd_create("x", MFD_CLOEXEC);
  EXPECT_EQ(home_of(memory, "/proc/self/mountinfo"), FileHome::local);
  EXPECT_EQ(home_of(-1, "/proc/self/mountinfo"), FileHome::unknown);
  close(executable);
  close(memory);
}

}  // namespace
}  // namespace handprint
