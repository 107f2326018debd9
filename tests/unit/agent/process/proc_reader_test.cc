// SPDX-License-Identifier: Apache-2.0
#include "agent/process/proc_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "agent/source/live/host.h"

extern char** environ;

namespace handprint {
namespace {

uint64_t start_of(pid_t pid) {
  ProcStat stat;
  if (!read_stat(read_small_file("/proc/" + std::to_string(pid) + "/stat"), stat)) return 0;
  return stat.start_ticks * nanoseconds_per_tick;
}

TEST(ProcStatLine, IsReadBehindAnyName) {
  ProcStat stat;
  const std::string tail = " S 77 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 10";
  for (const char* name : {"sh", "a b", "x) S 1 (y", "()", ""}) {
    ASSERT_TRUE(read_stat("42 (" + std::string(name) + ")" + tail, stat)) << name;
    EXPECT_EQ(stat.name, name);
    EXPECT_EQ(stat.parent_pid, 77u);
    EXPECT_EQ(stat.start_ticks, 123456u);
    EXPECT_FALSE(stat.kernel_thread);
  }
}

TEST(ProcStatLine, CutOrForeignTextIsRefused) {
  ProcStat stat;
  for (const char* text : {"", "42", "42 (sh", "42 (sh)", "42 (sh) S 1 1 1",
                           "42 (sh) S x 1 1 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 5"})
    EXPECT_FALSE(read_stat(text, stat)) << text;
}

TEST(ReadProcess, FindsItself) {
  ProcFacts facts;
  const auto pid = static_cast<uint32_t>(getpid());
  ASSERT_EQ(read_process("/proc", pid, start_of(getpid()), 2048, facts), ProcAnswer::found);
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
  ASSERT_GT(length, 0);
  EXPECT_EQ(facts.executable, std::string(self, static_cast<std::size_t>(length)));
  EXPECT_FALSE(facts.executable_deleted);
  EXPECT_EQ(facts.stat.parent_pid, static_cast<uint32_t>(getppid()));
  EXPECT_TRUE(facts.has_user);
  EXPECT_EQ(facts.uid, getuid());
  EXPECT_FALSE(facts.args.empty());
  EXPECT_NE(facts.exe_inode, 0u);
}

TEST(ReadProcess, AnotherStartTimeIsAnotherProcess) {
  ProcFacts facts;
  const auto pid = static_cast<uint32_t>(getpid());
  EXPECT_EQ(read_process("/proc", pid, start_of(getpid()) + nanoseconds_per_tick, 2048, facts),
            ProcAnswer::reused);
  EXPECT_TRUE(facts.executable.empty());
}

TEST(ReadProcess, AnEndedProcessIsGone) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(0);
  const uint64_t start = start_of(child);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ProcFacts facts;
  EXPECT_EQ(read_process("/proc", static_cast<uint32_t>(child), start, 2048, facts),
            ProcAnswer::gone);
}

TEST(ReadProcess, MemfdExecutableIsFlaggedAsNameless) {
  const int source = open("/bin/sleep", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(source, 0);
  const int memory = memfd_create("payload", MFD_CLOEXEC);
  ASSERT_GE(memory, 0);
  char buffer[65536];
  ssize_t got = 0;
  while ((got = read(source, buffer, sizeof(buffer))) > 0)
    ASSERT_EQ(::write(memory, buffer, static_cast<std::size_t>(got)), got);
  close(source);
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    char name[] = "sleep", seconds[] = "30";
    char* const arguments[] = {name, seconds, nullptr};
    fexecve(memory, arguments, environ);
    _exit(127);
  }
  close(memory);
  close(ready[1]);
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 0);  // closed by the exec
  close(ready[0]);
  ProcFacts facts;
  const ProcAnswer answer =
      read_process("/proc", static_cast<uint32_t>(child), start_of(child), 2048, facts);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_EQ(answer, ProcAnswer::found);
  EXPECT_EQ(facts.executable, "/memfd:payload");
  EXPECT_TRUE(facts.executable_deleted);
  EXPECT_EQ(facts.args, std::string("sleep\0"
                                    "30",
                                    8));
}

}  // namespace
}  // namespace handprint
