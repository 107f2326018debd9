// SPDX-License-Identifier: Apache-2.0
#include "agent/process/file_system.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/source/live/descriptor.h"
#include "agent/source/live/host.h"

namespace handprint {
namespace {

constexpr std::size_t most_mountinfo = 16u << 20;

// The mount number of an open descriptor (the mnt_id of fdinfo).
std::optional<uint64_t> mount_of(int file) {
  const std::string text = read_small_file("/proc/self/fdinfo/" + std::to_string(file));
  const std::size_t at = text.find("mnt_id:");
  const std::size_t digits = at == std::string::npos ? at : text.find_first_not_of("\t ", at + 7);
  uint64_t number = 0;
  if (digits == std::string::npos ||
      std::from_chars(text.data() + digits, text.data() + text.size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

// Of the mount on which files of memory lie, which no mountinfo lists.
std::optional<uint64_t> memory_mount() {
  static const std::optional<uint64_t> number = []() -> std::optional<uint64_t> {
    const Descriptor file(memfd_create("handprint", MFD_CLOEXEC));
    return file ? mount_of(file.get()) : std::nullopt;
  }();
  return number;
}

std::string read_mountinfo(const std::string& path) {
  std::string text;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[16384];
  ssize_t got = 0;
  while (file && text.size() < most_mountinfo &&
         (got = ::read(file.get(), buffer, sizeof(buffer))) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

}  // namespace

bool is_remote_type(std::string_view type) {
  constexpr std::string_view remote[] = {
      "nfs",   "nfs4",   "cifs",     "smb3",  "smbfs",  "9p",      "ceph",     "afs",
      "coda",  "ncpfs",  "gfs2",     "ocfs2", "lustre", "vboxsf",  "vmhgfs",   "gpfs",
      "panfs", "beegfs", "orangefs", "pvfs2", "fuse",   "fuseblk", "virtiofs", "glusterfs"};
  return type.starts_with("fuse.") ||
         std::find(std::begin(remote), std::end(remote), type) != std::end(remote);
}

FileHome find_mount(std::string_view mountinfo, uint64_t mount) {
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    const std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
    uint64_t number = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc() || number != mount || rest == line.data() + line.size() ||
        *rest != ' ')
      continue;
    const std::size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) return FileHome::unknown;
    const std::string_view type = line.substr(separator + 3);
    return is_remote_type(type.substr(0, type.find(' '))) ? FileHome::remote : FileHome::local;
  }
  return FileHome::unknown;
}

FileHome home_of(int file, const std::string& mountinfo) {
  const std::optional<uint64_t> mount = mount_of(file);
  if (!mount) return FileHome::unknown;
  if (mount == memory_mount()) return FileHome::local;
  const FileHome home = find_mount(read_mountinfo(mountinfo), *mount);
  if (home != FileHome::unknown || mountinfo == "/proc/self/mountinfo") return home;
  return find_mount(read_mountinfo("/proc/self/mountinfo"), *mount);
}

}  // namespace handprint
