// SPDX-License-Identifier: Apache-2.0
// What a process gives up before it reads a byte that others wrote.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "fingerprint/result.h"

namespace handprint {

// Bit n for capability number n (linux/capability.h).
inline constexpr uint64_t capability_bit(unsigned capability) { return uint64_t{1} << capability; }

// The user and group that the worker and procinfo of an agent started by root run as: those of
// `handprint` where it exists, else 65534. Both stay_user (message.h) where the caller is not root.
struct RunAs {
  uint32_t uid, gid;
};
RunAs unprivileged_user();

// Takes the calling process, which has one thread, down to the capabilities in `keep` as far as it
// has them (effective and permitted; none inheritable, none ambient), changes to `user` unless that
// is stay_user or not possible (a user namespace without it), forbids new privileges, core files
// and being traced, and lets it be killed when `parent` ends. Fails, with what could not be done,
// rather than go on with more than `keep`.
Result<void> drop_privileges(uint64_t keep, RunAs user, pid_t parent);

// Lowers what the loader holds effectively to what it needs; what its children need stays
// permitted.
void lower_loader_capabilities();

// System calls from here on, of this thread and those that it starts. Both filters forbid execve,
// ptrace, bpf, mounts, modules and the like, which end the process, and answer EPERM to whatever
// else they do not list.
//
// Worker: memory that is not executable, its open descriptors, threads, clocks, and stream sockets
// of AF_INET, AF_INET6 and AF_UNIX that connect. Nothing that opens a file by name, binds or
// listens.
Result<void> filter_worker_calls();
// Procinfo: files are opened for reading only; sockets are of AF_UNIX only (user names may be asked
// of a local service).
Result<void> filter_procinfo_calls();

}  // namespace handprint
