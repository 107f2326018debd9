// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <vector>

namespace handprint {

const char* name(Role role) { return role == Role::worker ? "worker" : "procinfo"; }
const char* program_name(Role role) {
  return role == Role::worker ? "handprint-worker" : "handprint-procinfo";
}

Role role_of(const char* program) {
  if (program == nullptr) return Role::program;
  for (const Role role : {Role::worker, Role::procinfo})
    if (std::string_view(program) == program_name(role)) return role;
  return Role::program;
}

Result<Child> Child::spawn(Role role) {
  auto ends = Channel::pair();
  if (!ends) return ends.error();
  const int theirs = ends->second.get();

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs, child_channel_descriptor);
  posix_spawn_file_actions_addclosefrom_np(&actions, child_channel_descriptor + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  // Only the loader speaks with the service manager.
  std::vector<char*> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("NOTIFY_SOCKET=") || text.starts_with("WATCHDOG_")) continue;
    environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  char* const arguments[] = {const_cast<char*>(program_name(role)), nullptr};

  Child child;
  // The file that runs now, whatever stands under its name meanwhile.
  const int error = posix_spawn(&child.pid_, "/proc/self/exe", &actions, &attributes, arguments,
                                environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    child.pid_ = 0;
    Error failure;
    failure.message =
        std::string("cannot start the process ") + program_name(role) + ": " + std::strerror(error);
    return failure;
  }
  child.channel = Channel(std::move(ends->first));
  return child;
}

std::optional<int> Child::reap() {
  if (pid_ <= 0) return std::nullopt;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return std::nullopt;
  pid_ = 0;
  channel.close();
  return ended < 0 ? 0 : status;
}

void Child::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  for (int waited = 0; waited < 100; ++waited) {
    if (reap()) return;
    ::usleep(2000);
  }
  pid_ = 0;
  channel.close();
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    std::string out = "signal " + std::to_string(number) + " (" + strsignal(number) + ")";
    if (number == SIGSYS) out += ": it made a system call that it may not make";
    return out;
  }
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace handprint
