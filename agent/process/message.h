// SPDX-License-Identifier: Apache-2.0
// What the pipeline and the process-information service say to each other, as fixed layouts over a
// socket pair that keeps message boundaries: the service may be a thread or a process of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace handprint {

inline constexpr uint16_t process_message_version = 1;

inline constexpr uint32_t unknown_uid =
    0xffffffff;  // no user has it: -1 means "unchanged" to the kernel

// Who is process `pid` that began at start_ns? What the kernel already told is passed along, so
// that a process that has ended can still be placed.
struct ProcessRequest {
  uint16_t version = process_message_version;
  uint16_t path_length = 0;  // bytes of `path` in use; only those are sent
  uint32_t pid = 0;
  uint64_t start_ns = 0;       // boot clock; 0: unknown, then nothing is read from /proc
  uint64_t cgroup_id = 0;      // 0: unknown
  uint64_t exec_ns = 0;        // boot clock of the exec that the path belongs to, 0: unknown
  uint64_t exe_inode = 0;      // 0: unknown
  uint32_t exe_device = 0;     // as in st_dev of stat(2)
  uint32_t uid = unknown_uid;  // as the kernel told; unknown: that of /proc
  uint32_t userns = 0;         // inode number, 0: unknown
  uint32_t mntns = 0;          // inode number, 0: unknown
  char path[512] = {};
};
static_assert(sizeof(ProcessRequest) == 568);
static_assert(offsetof(ProcessRequest, path) == 56);

enum class ReplyKind : uint16_t {
  facts = 1,   // everything but the two below; exactly one for each request
  user = 2,    // the user's name, when it had to be asked for
  digest = 3,  // SHA-256 of the executable
};

inline constexpr uint16_t reply_alive = 0x01;   // the process lived and its start time matched
inline constexpr uint16_t reply_kernel = 0x02;  // a kernel thread
inline constexpr uint16_t reply_deleted =
    0x04;  // the executable has no name any more, or never had
inline constexpr uint16_t reply_user_follows = 0x08;  // a `user` reply will come
inline constexpr uint16_t reply_args_cut = 0x10;
inline constexpr uint16_t reply_digest =
    0x20;  // sha256 is filled (kind digest, and facts when it was known)

// Texts follow one another in `text`, in the order of these lengths.
enum ReplyText : uint8_t {
  reply_executable,
  reply_args,  // arguments separated by NUL
  reply_name,
  reply_cgroup,
  reply_container_id,
  reply_container_runtime,
  reply_service,
  reply_pod_uid,
  reply_pod_name,
  reply_pod_namespace,
  reply_user_name,
  reply_texts
};

struct ProcessReply {
  uint16_t version = process_message_version;
  ReplyKind kind = ReplyKind::facts;
  uint16_t flags = 0;  // reply_alive …
  uint16_t reserved = 0;
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint64_t start_ns = 0;  // as in the request
  uint64_t read_ns = 0;   // boot clock before /proc was read
  uint64_t exe_inode = 0;
  uint32_t exe_device = 0;  // as in the request
  uint32_t uid = unknown_uid;
  uint32_t gid = 0;
  uint32_t reserved2 = 0;
  uint8_t sha256[32] = {};  // kind digest; with exe_inode and exe_device of the file
  uint16_t length[reply_texts] = {};
  uint16_t reserved3 = 0;
  char text[4096] = {};
};
static_assert(sizeof(ProcessReply) == 4208);
static_assert(offsetof(ProcessReply, text) == 112);

}  // namespace handprint
