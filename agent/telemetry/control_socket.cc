// SPDX-License-Identifier: Apache-2.0
#include "agent/telemetry/control_socket.h"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace handprint {
namespace {

constexpr int answer_ms = 2000;

Error failure(const std::string& path, const std::string& message) {
  return Error{Reason::not_this_protocol, path, 0, 0, 0, message};
}

bool address_of(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

// 0, or errno.
int connect_to(const std::string& path, int& descriptor) {
  sockaddr_un address;
  if (!address_of(path, address)) return ENAMETOOLONG;
  descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return 0;
  const int error = errno;
  ::close(descriptor);
  descriptor = -1;
  return error;
}

bool somebody_answers(const std::string& path) {
  int descriptor = -1;
  if (connect_to(path, descriptor) != 0) return false;
  ::close(descriptor);
  return true;
}

}  // namespace

std::string runtime_directory() {
  if (const char* given = std::getenv("RUNTIME_DIRECTORY"); given != nullptr && *given != '\0') {
    const std::string list = given;
    return list.substr(0, list.find(':'));
  }
  return "/run/handprint";
}

ControlSocket::~ControlSocket() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(path_.c_str());
}

Result<void> ControlSocket::listen(const std::string& given) {
  std::string path = given;
  if (path.empty()) {
    const std::string directory = runtime_directory();
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
      return failure(directory, std::strerror(errno));
    path = directory + "/control.sock";
    if (somebody_answers(path)) path = directory + "/control-" + std::to_string(::getpid()) + ".sock";
  } else if (somebody_answers(path)) {
    return failure(path, "another agent answers there");
  }
  sockaddr_un address;
  if (!address_of(path, address)) return failure(path, "the path of a socket may have at most 107 bytes");
  // Only what is a socket is replaced: a mistyped path must not cost a file.
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return failure(path, "is there already, and no socket");
    ::unlink(path.c_str());
  }
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return failure(path, std::strerror(errno));
  const mode_t before = ::umask(0117);  // rw for owner and group
  const bool bound =
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  ::umask(before);
  if (!bound || ::listen(descriptor, 8) != 0) {
    ::close(descriptor);
    return failure(path, std::strerror(bound ? errno : error));
  }
  descriptor_ = descriptor;
  path_ = path;
  return {};
}

void ControlSocket::serve(const std::function<std::string()>& text) {
  if (descriptor_ < 0) return;
  std::string answer;
  for (int served = 0; served < 8; ++served) {
    const int peer = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer < 0) return;
    if (answer.empty()) answer = text() + "\n";
    // A status is smaller than a socket's buffer: what does not fit at once is not waited for.
    [[maybe_unused]] const ssize_t sent = ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(peer);
  }
}

Result<std::string> ask_agent(const std::string& path) {
  int descriptor = -1;
  if (const int error = connect_to(path, descriptor); error != 0) {
    if (error == ENOENT || error == ECONNREFUSED) return failure(path, "no agent is running there");
    if (error == EACCES) return failure(path, "not permitted; try as root");
    return failure(path, std::strerror(error));
  }
  std::string out;
  char buffer[4096];
  for (;;) {
    pollfd wait{descriptor, POLLIN, 0};
    const int ready = ::poll(&wait, 1, answer_ms);
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t got = ready > 0 ? ::read(descriptor, buffer, sizeof(buffer)) : -1;
    if (got == 0) break;
    if (got < 0) {
      ::close(descriptor);
      return failure(path, "the agent does not answer");
    }
    out.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  if (out.empty()) return failure(path, "the agent does not answer");
  return out;
}

std::vector<std::string> agent_sockets() {
  std::vector<std::string> out;
  const std::string directory = runtime_directory();
  if (DIR* open = ::opendir(directory.c_str())) {
    while (const dirent* entry = ::readdir(open)) {
      const std::string name = entry->d_name;
      if (name.rfind("control", 0) == 0 && name.size() > 5 && name.compare(name.size() - 5, 5, ".sock") == 0)
        out.push_back(directory + "/" + name);
    }
    ::closedir(open);
  }
  // control.sock before control-123.sock, whatever the byte order says.
  std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return out;
}

}  // namespace handprint
