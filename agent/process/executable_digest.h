// SPDX-License-Identifier: Apache-2.0
// SHA-256 of executables, in a thread of its own: bounded in size and rate, and never of a file on
// a network or FUSE file system, whose server could make us wait or show us something else.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/source/live/descriptor.h"

namespace handprint {

using ExecutableHash = std::array<uint8_t, 32>;

// What tells one content of a file from another.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;
  uint64_t size = 0;
  bool operator==(const FileIdentity&) const = default;
};

// True for file systems whose data lie on another machine or come from a user's program: NFS, SMB,
// 9P, Ceph, AFS, Coda, GFS2, OCFS2, Lustre, FUSE and the like (f_type of statfs(2)).
bool is_remote_file_system(int64_t type);

class ExecutableDigest {
 public:
  struct Options {
    uint64_t max_bytes = 64u << 20;
    uint64_t bytes_per_second = 32u << 20;
  };
  // Who waits for a digest.
  struct Asker {
    uint32_t pid = 0;
    uint64_t start_ns = 0;
  };
  struct Counters {
    uint64_t computed = 0, hits = 0, refused = 0;
  };
  // Called on the digest thread.
  using Done = std::function<void(const Asker&, const FileIdentity&, const ExecutableHash&)>;

  ExecutableDigest(const Options& options, Done done);
  // Stops after the current piece; a thread that hangs in a dead file system is left behind.
  ~ExecutableDigest();
  ExecutableDigest(const ExecutableDigest&) = delete;
  ExecutableDigest& operator=(const ExecutableDigest&) = delete;

  // `file` is an O_PATH descriptor of the executable, `mountinfo` the list of the mounts that its
  // process sees. True: known already, in `out`. False: it will be told to Done, or never (too large,
  // remote, queue full). Asks no file system that could keep it waiting.
  bool ask(Descriptor file, const Asker& asker, ExecutableHash& out,
           const std::string& mountinfo = "/proc/self/mountinfo");
  Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace handprint
