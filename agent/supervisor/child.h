// SPDX-License-Identifier: Apache-2.0
// A process that runs this program's own file under another role.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "agent/supervisor/channel.h"
#include "fingerprint/result.h"

namespace handprint {

enum class Role : uint8_t { program, worker, procinfo };

// "worker", "procinfo"; and what stands as its name in a list of processes.
const char* name(Role role);
const char* program_name(Role role);

// Which role this process was started for, by its argv[0].
Role role_of(const char* program);

// Where a child finds its end of the channel.
inline constexpr int child_channel_descriptor = 3;

// A child of this process. Not copied; kill() and reap() may be called at any time.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), channel(std::move(other.channel)) {}
  Child& operator=(Child&& other) noexcept {
    kill();
    pid_ = std::exchange(other.pid_, 0);
    channel = std::move(other.channel);
    return *this;
  }
  // Kills what still runs, and waits a moment for it.
  ~Child() { kill(); }

  // Starts it with a fresh address space and no descriptor but standard output and error and its
  // end of the channel. Must be called on the main thread: the child ends with the thread that made
  // it.
  static Result<Child> spawn(Role role);

  pid_t pid() const { return pid_; }
  bool running() const { return pid_ > 0; }

  // Its wait status once it has ended; never waits. Nothing while it runs, or for no child.
  std::optional<int> reap();

  // SIGKILL, and waits at most 200 ms for its end. One that hangs in the kernel is left behind: it
  // holds no lock and no link, and goes when the kernel lets it.
  void kill();

 private:
  pid_t pid_ = 0;

 public:
  Channel channel;
};

// "exit code 1", "signal 11 (Segmentation fault)".
std::string end_text(int status);

}  // namespace handprint
