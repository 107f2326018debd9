// SPDX-License-Identifier: Apache-2.0
#include "agent/process/proc_reader.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>

namespace handprint {
namespace {

constexpr uint64_t pf_kthread = 0x00200000;  // linux/sched.h
constexpr std::string_view deleted_suffix = " (deleted)";

std::string read_at(int directory, const char* name, std::size_t limit) {
  const Descriptor file(openat(directory, name, O_RDONLY | O_CLOEXEC));
  std::string out;
  if (!file) return out;
  out.resize(limit);
  std::size_t filled = 0;
  while (filled < limit) {
    const ssize_t got = ::read(file.get(), out.data() + filled, limit - filled);
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return out;
}

bool number(std::string_view text, uint64_t& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

// The real ids of a "Uid:" or "Gid:" line.
bool read_id(std::string_view status, std::string_view label, uint32_t& out) {
  const std::size_t at = status.find(label);
  if (at == std::string_view::npos) return false;
  const std::size_t digits = status.find_first_not_of("\t ", at + label.size());
  uint64_t value = 0;
  if (digits == std::string_view::npos || !number(status.substr(digits), value)) return false;
  out = static_cast<uint32_t>(value);
  return true;
}

struct ExeIdentity {
  uint32_t device = 0;
  uint64_t inode = 0;
  bool operator==(const ExeIdentity&) const = default;
};

// Never asks a file server: the numbers that are known suffice.
ExeIdentity identity(int fd) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) return {};
  return {static_cast<uint32_t>(makedev(status.stx_dev_major, status.stx_dev_minor)),
          status.stx_ino};
}

}  // namespace

bool read_stat(std::string_view text, ProcStat& out) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return false;
  out.name = text.substr(open + 1, close - open - 1);
  text.remove_prefix(close + 1);
  // From here on fields are separated by single blanks; the first is number 3 (state).
  int field = 2;
  uint64_t parent = 0, flags = 0, start = 0;
  while (!text.empty() && field < 22) {
    text.remove_prefix(1);
    ++field;
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (field == 4 && !number(word, parent)) return false;
    if (field == 9 && !number(word, flags)) return false;
    if (field == 22 && !number(word, start)) return false;
    text.remove_prefix(end);
  }
  if (field != 22) return false;
  out.parent_pid = static_cast<uint32_t>(parent);
  out.kernel_thread = (flags & pf_kthread) != 0;
  out.start_ticks = start;
  return true;
}

ProcAnswer read_process(const std::string& proc, uint32_t pid, uint64_t start_ns,
                        std::size_t args_limit, ProcFacts& out) {
  const std::string path = proc + "/" + std::to_string(pid);
  const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ProcAnswer::gone;
  const int at = directory.get();
  if (!read_stat(read_at(at, "stat", 4096), out.stat)) return ProcAnswer::gone;
  if (out.stat.start_ticks != start_ns / nanoseconds_per_tick) return ProcAnswer::reused;

  const std::string status = read_at(at, "status", 8192);
  out.has_user = read_id(status, "\nUid:", out.uid) && read_id(status, "\nGid:", out.gid);
  out.cgroup = read_at(at, "cgroup", 32768);
  struct stat ns {};
  if (fstatat(at, "ns/user", &ns, 0) == 0) out.userns = static_cast<uint32_t>(ns.st_ino);
  if (out.stat.kernel_thread) return ProcAnswer::found;

  // Twice at most: an exec between the readings would give one program's path and another's
  // arguments.
  for (int attempt = 0; attempt < 2; ++attempt) {
    out.exe.reset(openat(at, "exe", O_PATH | O_CLOEXEC));
    char target[PATH_MAX];
    const ssize_t length = readlinkat(at, "exe", target, sizeof(target));
    out.executable.assign(target, length > 0 ? static_cast<std::size_t>(length) : 0);
    const ExeIdentity before = out.exe ? identity(out.exe.get()) : ExeIdentity{};
    out.exe_device = before.device;
    out.exe_inode = before.inode;
    out.args = read_at(at, "cmdline", args_limit + 1);
    const Descriptor again(openat(at, "exe", O_PATH | O_CLOEXEC));
    if (!again || !out.exe || identity(again.get()) == before) break;
    if (attempt == 1) {  // changes too fast to be named
      out.executable.clear();
      out.args.clear();
      out.exe.reset();
      out.exe_inode = 0;
    }
  }
  out.args_cut = out.args.size() > args_limit;
  if (out.args_cut) out.args.resize(args_limit);
  while (!out.args.empty() && out.args.back() == '\0') out.args.pop_back();
  if (out.executable.ends_with(deleted_suffix)) {
    out.executable.resize(out.executable.size() - deleted_suffix.size());
    out.executable_deleted = true;
  }
  return ProcAnswer::found;
}

}  // namespace handprint
