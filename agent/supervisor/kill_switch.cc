// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/kill_switch.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>

namespace handprint {

KillSwitch::KillSwitch(const std::string& config) : paths_{host_kill_switch} {
  if (!config.empty()) {
    const std::size_t slash = config.rfind('/');
    const std::string beside =
        (slash == std::string::npos ? "" : config.substr(0, slash + 1)) + "disabled";
    if (beside != host_kill_switch) paths_.push_back(beside);
  }
  watch_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  for (const std::string& path : paths_) {
    const std::size_t slash = path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    if (watch_)
      inotify_add_watch(watch_.get(), folder.c_str(),
                        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
  }
}

std::string KillSwitch::engaged() {
  alignas(inotify_event) char events[4096];
  while (watch_ && ::read(watch_.get(), events, sizeof(events)) > 0) {
    // Whatever happened, the files themselves tell.
  }
  for (const std::string& path : paths_) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return path;
  }
  return {};
}

}  // namespace handprint
