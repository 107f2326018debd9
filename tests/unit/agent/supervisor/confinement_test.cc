// SPDX-License-Identifier: Apache-2.0
// What worker and procinfo can still do, tried by processes that gave up what they give up.
#include "agent/supervisor/confinement.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "agent/supervisor/child.h"
#include "agent/supervisor/kill_switch.h"
#include "agent/supervisor/message.h"
#include "agent/supervisor/settings_file.h"

namespace handprint {
namespace {

#ifdef __has_feature
#define HP_SANITIZED __has_feature(address_sanitizer)
#else
#define HP_SANITIZED 0
#endif
constexpr bool sanitized = HP_SANITIZED != 0;

// Runs `what` in a process of its own; its exit code, or 1000 and the signal that ended it.
int in_child(const std::function<int()>& what) {
  const pid_t pid = fork();
  if (pid == 0) _exit(what());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int as_worker(const std::function<int()>& what) {
  return in_child([&] {
    if (!drop_privileges(0, {stay_user, stay_user}, getppid())) return 101;
    if (!filter_worker_calls()) return 102;
    return what();
  });
}

int as_procinfo(const std::function<int()>& what) {
  return in_child([&] {
    if (!drop_privileges(capability_bit(CAP_SYS_PTRACE), {stay_user, stay_user}, getppid()))
      return 101;
    if (!filter_procinfo_calls()) return 102;
    return what();
  });
}

// 0, or the errno of a call that gave a descriptor or -1.
int result_of(long value) { return value >= 0 ? 0 : errno; }

class Confinement : public testing::Test {
 protected:
  void SetUp() override {
    if (sanitized) GTEST_SKIP() << "the sanitizer's own calls are not in the filters";
  }
};

TEST_F(Confinement, TheWorkerStartsThreadsWritesAndConnects) {
  EXPECT_EQ(as_worker([] {
              int ran = 0;
              std::thread([&] { ran = 1; }).join();
              if (ran != 1) return 1;
              if (::write(STDERR_FILENO, &ran, 0) != 0) return 2;
              for (const int family : {AF_INET, AF_INET6, AF_UNIX})
                if (socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) < 0 &&
                    errno != EAFNOSUPPORT)
                  return 3;
              sockaddr_in nobody{};
              nobody.sin_family = AF_INET;
              nobody.sin_port = htons(1);
              nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
              const int fd = socket(AF_INET, SOCK_STREAM, 0);
              if (connect(fd, reinterpret_cast<sockaddr*>(&nobody), sizeof(nobody)) == 0) return 4;
              return errno == EPERM ? 5 : 0;  // refused by the peer, not by the filter
            }),
            0);
}

TEST_F(Confinement, TheWorkerOpensListensAndBindsNothing) {
  const std::pair<const char*, std::function<int()>> calls[] = {
      {"openat", [] { return result_of(openat(AT_FDCWD, "/etc/passwd", O_RDONLY)); }},
      {"openat write", [] { return result_of(openat(AT_FDCWD, "/dev/null", O_WRONLY)); }},
      {"stat",
       [] {
         struct stat s;
         return result_of(stat("/etc/passwd", &s));
       }},
      {"unlink", [] { return result_of(unlink("/nothing/there")); }},
      {"datagrams", [] { return result_of(socket(AF_INET, SOCK_DGRAM, 0)); }},
      {"raw", [] { return result_of(socket(AF_INET, SOCK_RAW, 6)); }},
      {"packet", [] { return result_of(socket(AF_PACKET, SOCK_RAW, 0)); }},
      {"netlink", [] { return result_of(socket(AF_NETLINK, SOCK_RAW, 0)); }},
      {"bind",
       [] {
         sockaddr_in any{};
         any.sin_family = AF_INET;
         return result_of(
             bind(socket(AF_INET, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&any), sizeof(any)));
       }},
      {"listen", [] { return result_of(listen(socket(AF_INET, SOCK_STREAM, 0), 1)); }},
      {"fork",
       [] { return result_of(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)); }},
      {"kill", [] { return result_of(kill(getppid(), 0)); }},
      {"executable memory",
       [] {
         return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                        MAP_FAILED
                    ? errno
                    : 0;
       }},
      {"setuid", [] { return result_of(setuid(0)); }},
  };
  for (const auto& [name, call] : calls) EXPECT_EQ(as_worker(call), EPERM) << name;
}

TEST_F(Confinement, WhatOnlyAnIntruderCallsEndsTheProcess) {
  const std::pair<const char*, std::function<int()>> calls[] = {
      {"execve",
       [] {
         char* none[] = {nullptr};
         return result_of(execve("/bin/true", none, none));
       }},
      {"ptrace", [] { return result_of(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr)); }},
      {"bpf", [] { return result_of(syscall(SYS_bpf, 0, nullptr, 0)); }},
      {"mount", [] { return result_of(syscall(SYS_mount, "x", "/", "tmpfs", 0, nullptr)); }},
      {"unshare", [] { return result_of(syscall(SYS_unshare, 0)); }},
  };
  for (const auto& [name, call] : calls) {
    EXPECT_EQ(as_worker(call), 1000 + SIGSYS) << "worker: " << name;
    EXPECT_EQ(as_procinfo(call), 1000 + SIGSYS) << "procinfo: " << name;
  }
}

TEST_F(Confinement, ProcinfoReadsFilesAndHasNoNetwork) {
  EXPECT_EQ(as_procinfo([] { return result_of(open("/proc/self/status", O_RDONLY | O_CLOEXEC)); }),
            0);
  EXPECT_EQ(as_procinfo([] { return result_of(open("/", O_PATH | O_DIRECTORY)); }), 0);
  EXPECT_EQ(as_procinfo([] { return result_of(open("/dev/null", O_WRONLY)); }), EPERM);
  EXPECT_EQ(as_procinfo([] { return result_of(open("/dev/null", O_RDWR)); }), EPERM);
  EXPECT_EQ(as_procinfo([] { return result_of(socket(AF_UNIX, SOCK_STREAM, 0)); }), 0);
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET})
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW})
      EXPECT_EQ(as_procinfo([&] { return result_of(socket(family, type, 0)); }), EPERM)
          << family << " " << type;
}

TEST_F(Confinement, NothingIsKeptButWhatIsNamed) {
  const auto lines = [](const std::string& want) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line == want) return true;
    return false;
  };
  EXPECT_EQ(in_child([&] {
              if (!drop_privileges(0, unprivileged_user(), getppid())) return 101;
              if (!lines("CapEff:\t0000000000000000") || !lines("CapPrm:\t0000000000000000"))
                return 1;
              if (!lines("CapInh:\t0000000000000000") || !lines("CapAmb:\t0000000000000000"))
                return 2;
              if (!lines("NoNewPrivs:\t1")) return 3;
              return getuid() == 0 ? 4 : 0;
            }),
            0);
  if (geteuid() != 0) GTEST_SKIP() << "the rest needs root";
  EXPECT_EQ(in_child([&] {
              const uint64_t two =
                  capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH);
              if (!drop_privileges(two, unprivileged_user(), getppid())) return 101;
              if (!lines("CapEff:\t0000000000080004") || !lines("CapBnd:\t0000000000080004"))
                return 1;
              return getuid() == 0 ? 2 : 0;
            }),
            0);
  EXPECT_EQ(in_child([] {
              return drop_privileges(0, {stay_user, stay_user}, 1).ok() ? 0 : 7;
            }),
            7)
      << "whose parent has ended already must not go on";
}

TEST(KillSwitchTest, StandsBesideTheConfiguration) {
  char folder[] = "/tmp/hp-kill-switch-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string file = std::string(folder) + "/disabled";
  KillSwitch kill_switch(std::string(folder) + "/handprint.yaml");
  if (access(host_kill_switch, F_OK) == 0) GTEST_SKIP() << host_kill_switch << " exists";
  EXPECT_EQ(kill_switch.engaged(), "");
  std::ofstream(file).put('\n');
  EXPECT_EQ(kill_switch.engaged(), file);
  unlink(file.c_str());
  EXPECT_EQ(kill_switch.engaged(), "");
  rmdir(folder);
}

TEST(SettingsFile, CarriesEverySetting) {
  Settings settings = default_settings();
  settings.sensor.id = "a \"quoted\" name";
  settings.labels = {"env=production", "note=a: b # c"};
  settings.limits.queue = 12345678;
  settings.output = {
      {OutputType::file, "/var/log/x y.jsonl", "", OutputFormat::line, OutputFields::default_},
      {OutputType::stdout_, "", "", OutputFormat::json, OutputFields::all},
      {OutputType::tcp, "", "127.0.0.1:5170", OutputFormat::json, OutputFields::all}};
  uint32_t bytes = 0;
  auto file = pack_settings(settings, bytes);
  ASSERT_TRUE(file);
  EXPECT_LT(::write(file->get(), "x", 1), 0) << "nobody changes it on its way";
  auto back = unpack_settings(file->get(), bytes);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, settings);
  EXPECT_FALSE(unpack_settings(file->get(), bytes + 1));
}

TEST(ChildTest, RolesAreKnownByTheirNames) {
  EXPECT_EQ(role_of("handprint-worker"), Role::worker);
  EXPECT_EQ(role_of("handprint-procinfo"), Role::procinfo);
  for (const char* other : {"handprint", "/usr/bin/handprint", "handprint-worker2", ""})
    EXPECT_EQ(role_of(other), Role::program) << other;
  EXPECT_EQ(role_of(nullptr), Role::program);
}

}  // namespace
}  // namespace handprint
