// SPDX-License-Identifier: Apache-2.0
#include "agent/process/cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace handprint {
namespace {

constexpr int kernfs_handle =
    0xfe;  // FILEID_KERNFS of linux/exportfs.h: the handle is the 64-bit id

}  // namespace

CgroupTree::CgroupTree(const std::string& root) : root_(root) {
  if (!root.empty()) directory_.reset(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string CgroupTree::path(uint64_t id) {
  if (id == 0 || !directory_) return {};
  if (const auto found = known_.find(id); found != known_.end()) return found->second;
  std::string found;
  if (handles_ && by_handle(id, found)) {
    if (!found.empty()) {
      if (known_.size() >= most_known) known_.clear();
      known_.emplace(id, found);
    }
    return found;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < next_scan_) return {};
  next_scan_ = now + std::chrono::seconds(1);
  scan();
  const auto scanned = known_.find(id);
  return scanned != known_.end() ? scanned->second : std::string();
}

// False when handles cannot be used here at all; true with an empty path: there is no such cgroup.
bool CgroupTree::by_handle(uint64_t id, std::string& out) {
  alignas(file_handle) char request[sizeof(file_handle) + sizeof(id)] = {};
  auto* handle = reinterpret_cast<file_handle*>(request);
  handle->handle_bytes = sizeof(id);
  handle->handle_type = kernfs_handle;
  std::memcpy(request + sizeof(file_handle), &id, sizeof(id));
  const Descriptor found(open_by_handle_at(directory_.get(), handle, O_PATH | O_CLOEXEC));
  if (!found) {
    if (errno == ESTALE || errno == ENOENT) return true;
    handles_ = false;
    return false;
  }
  char target[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(found.get());
  const ssize_t length = readlink(link.c_str(), target, sizeof(target));
  if (length <= 0) return true;
  std::string_view path(target, static_cast<std::size_t>(length));
  if (!path.starts_with(root_)) return true;
  path.remove_prefix(root_.size());
  out = path.empty() ? "/" : std::string(path);
  return true;
}

void CgroupTree::scan() {
  known_.clear();
  std::vector<std::string> todo{""};
  while (!todo.empty() && known_.size() < most_known) {
    const std::string below = std::move(todo.back());
    todo.pop_back();
    const std::string full = root_ + below;
    struct stat status {};
    if (stat(full.c_str(), &status) != 0) continue;
    known_.emplace(status.st_ino, below.empty() ? "/" : below);
    DIR* directory = opendir(full.c_str());
    if (directory == nullptr) continue;
    while (const dirent* entry = readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..")
        todo.push_back(below + "/" + entry->d_name);
    }
    closedir(directory);
  }
}

}  // namespace handprint
