// SPDX-License-Identifier: Apache-2.0
// Where a file lies, found out without asking its file system: a file server, or a user's program
// behind FUSE, may never answer, and whoever asks it then can not even be killed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace handprint {

enum class FileHome : uint8_t {
  local,
  remote,   // on another machine, or made by a program: not to be read
  unknown,  // of a mount that is not listed: not to be read either
};

// True for types of mountinfo whose data lie on another machine or come from a program: nfs, cifs,
// 9p, ceph, fuse, fuse.sshfs and the like.
bool is_remote_type(std::string_view type);

// Looks mount number `mount` up in the text of /proc/PID/mountinfo (proc(5)).
FileHome find_mount(std::string_view mountinfo, uint64_t mount);

// Of an open descriptor (O_PATH suffices), by the mounts that the file `mountinfo` lists. The
// kernel's own memory (memfd) is local.
FileHome home_of(int file, const std::string& mountinfo);

}  // namespace handprint
