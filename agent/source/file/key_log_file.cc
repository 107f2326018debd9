// SPDX-License-Identifier: Apache-2.0
#include "agent/source/file/key_log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace handprint {

Error KeyLogFile::failure(int error) const {
  Error out;
  out.file = path_;
  out.message = std::string("cannot read the key log: ") + std::strerror(error);
  return out;
}

Result<KeyLogFile> KeyLogFile::open(const std::string& path) {
  KeyLogFile out(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), path);
  if (out.fd_ < 0) return out.failure(errno);
  struct stat status{};
  if (fstat(out.fd_, &status) != 0) return out.failure(errno);
  if (S_ISDIR(status.st_mode)) return out.failure(EISDIR);
  return out;
}

KeyLogFile::KeyLogFile(KeyLogFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), read_(other.read_) {}

KeyLogFile::~KeyLogFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> KeyLogFile::read(KeyLog& keys) {
  std::array<uint8_t, 65536> room;
  bool fresh = false;
  struct stat status{};
  if (fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) && status.st_size < read_) {
    ::lseek(fd_, 0, SEEK_SET);
    read_ = 0;
  }
  for (;;) {
    const ssize_t got = ::read(fd_, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return fresh;
    if (got < 0) return failure(errno);
    if (got == 0) return fresh;
    read_ += got;
    fresh |= keys.add(Bytes(room).first(static_cast<std::size_t>(got)));
  }
}

}  // namespace handprint
