// SPDX-License-Identifier: Apache-2.0
#include "agent/process/process_info.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>

#include "agent/process/executable_digest.h"
#include "agent/process/proc_reader.h"
#include "agent/process/process_table.h"
#include "agent/source/live/host.h"
#include "fingerprint/digest.h"

namespace handprint {
namespace {

constexpr PacketTime newest = std::numeric_limits<PacketTime>::max();

hp_owner self_as_owner() {
  ProcStat stat;
  EXPECT_TRUE(read_stat(read_small_file("/proc/self/stat"), stat));
  hp_owner owner{};
  owner.pid = static_cast<uint32_t>(getpid());
  owner.start_ns = stat.start_ticks * nanoseconds_per_tick;
  owner.uid = getuid();
  owner.role = HP_ROLE_CLIENT;
  stat.name.copy(owner.comm, sizeof(owner.comm) - 1);
  return owner;
}

std::string sha256_of(const std::string& path) {
  std::string bytes;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char buffer[65536];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof(buffer))) > 0)
    bytes.append(buffer, static_cast<std::size_t>(got));
  close(fd);
  Digests digests;
  Sha256 digest{};
  EXPECT_TRUE(digests.sha256(as_bytes(bytes), digest));
  std::string out;
  char two[3];
  for (const uint8_t byte : digest) {
    snprintf(two, sizeof(two), "%02x", byte);
    out += two;
  }
  return out;
}

// Polls until `done` or five seconds passed.
template <class Done>
bool wait_for(ProcessTable& table, Done done) {
  for (int i = 0; i < 500; ++i) {
    table.poll();
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(ProcessInfo, TellsTheTableWhoThisIs) {
  auto info = ProcessInfo::start({});
  ASSERT_TRUE(info) << info.error().text();
  ProcessTableOptions options;
  options.service = (*info)->descriptor();
  ProcessTable table(options);
  const hp_owner owner = self_as_owner();
  table.request(owner);
  ASSERT_TRUE(wait_for(table, [&] { return !table.pending(owner); }));
  const ProcessRef facts = table.find(owner, newest);
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
  ASSERT_GT(length, 0);
  const std::string executable(self, static_cast<std::size_t>(length));
  EXPECT_EQ(facts->executable, executable);
  EXPECT_EQ(facts->parent_pid, static_cast<uint32_t>(getppid()));
  EXPECT_FALSE(facts->args.empty());
  EXPECT_FALSE(facts->cgroup.empty());
  if (const passwd* entry = getpwuid(getuid())) {
    EXPECT_EQ(facts->user_name, entry->pw_name);
  }
  ASSERT_TRUE(wait_for(table, [&] { return !table.find(owner, newest)->sha256.empty(); }));
  EXPECT_EQ(table.find(owner, newest)->sha256, sha256_of(executable));
  EXPECT_EQ((*info)->counters().alive, 1u);
  EXPECT_EQ((*info)->counters().digests, 1u);
}

TEST(ProcessInfo, AnEndedProcessIsAnsweredToo) {
  auto info = ProcessInfo::start({});
  ASSERT_TRUE(info) << info.error().text();
  ProcessTableOptions options;
  options.service = (*info)->descriptor();
  ProcessTable table(options);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  hp_owner owner = self_as_owner();
  owner.pid = static_cast<uint32_t>(child);
  table.request(owner);
  ASSERT_TRUE(wait_for(table, [&] { return !table.pending(owner); }));
  EXPECT_EQ(table.find(owner, newest)->executable, "");
  EXPECT_EQ((*info)->counters().gone, 1u);
}

class Digesting : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/handprint-digest-XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    path_ = path;
    const std::string bytes(100'000, 'x');
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(fd);
  }
  void TearDown() override { unlink(path_.c_str()); }
  Descriptor file() const { return Descriptor(open(path_.c_str(), O_PATH | O_CLOEXEC)); }
  std::string path_;
};

TEST_F(Digesting, IsComputedOnceAndThenKnown) {
  std::atomic<int> told{0};
  ExecutableDigest digest({},
                          [&](const auto&, const FileIdentity&, const ExecutableHash&) { ++told; });
  ExecutableHash hash{};
  EXPECT_FALSE(digest.ask(file(), {1, 1}, hash));
  for (int i = 0; i < 500 && told == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(digest.ask(file(), {2, 2}, hash));
  EXPECT_EQ(digest.counters().hits, 1u);
  EXPECT_EQ(digest.counters().computed, 1u);
}

TEST_F(Digesting, ALargeFileIsLeftAlone) {
  ExecutableDigest::Options options;
  options.max_bytes = 99'999;
  ExecutableDigest digest(options,
                          [](const auto&, const FileIdentity&, const ExecutableHash&) { FAIL(); });
  ExecutableHash hash{};
  EXPECT_FALSE(digest.ask(file(), {1, 1}, hash));
  EXPECT_EQ(digest.counters().refused, 1u);
}

TEST_F(Digesting, KeepsToItsRate) {
  std::atomic<bool> told{false};
  ExecutableDigest::Options options;
  options.bytes_per_second = 500'000;
  const auto begun = std::chrono::steady_clock::now();
  ExecutableDigest digest(
      options, [&](const auto&, const FileIdentity&, const ExecutableHash&) { told = true; });
  ExecutableHash hash{};
  digest.ask(file(), {1, 1}, hash);
  for (int i = 0; i < 500 && !told; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(told);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(190));
}

TEST(RemoteFileSystems, AreKnownByNumber) {
  for (const int64_t type :
       {0x6969L, 0x65735546L, 0xfe534d42L, 0xff534d42L, 0x01021997L, 0x00c36400L})
    EXPECT_TRUE(is_remote_file_system(type)) << std::hex << type;
  // As a 32-bit f_type sign-extends.
  EXPECT_TRUE(is_remote_file_system(static_cast<int32_t>(0xff534d42)));
  for (const int64_t type : {0xef53L, 0x58465342L, 0x01021994L, 0x794c7630L, 0x9123683eL})
    EXPECT_FALSE(is_remote_file_system(type)) << std::hex << type;
}

}  // namespace
}  // namespace handprint
