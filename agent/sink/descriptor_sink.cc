// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/descriptor_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace handprint {
namespace {

Written write_all(int descriptor, std::string_view text) {
  Written result;
  while (result.bytes < text.size()) {
    const ssize_t n = ::write(descriptor, text.data() + result.bytes, text.size() - result.bytes);
    if (n >= 0) {
      result.bytes += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      // Somebody made the pipe non-blocking (it is shared with other programs): wait here.
      pollfd wait{descriptor, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
      continue;
    }
    result.error = errno;
    break;
  }
  return result;
}

class StdoutSink : public Sink {
 public:
  explicit StdoutSink(Rendering rendering) : rendering_(rendering) {}
  std::string_view name() const override { return "stdout"; }
  Rendering rendering() const override { return rendering_; }
  Written write(std::string_view text) override { return write_all(STDOUT_FILENO, text); }
  Result<void> sync() override {
    // A pipe or terminal refuses this, and has nothing to lose.
    ::fdatasync(STDOUT_FILENO);
    return {};
  }

 private:
  Rendering rendering_;
};

class FileSink : public Sink {
 public:
  FileSink(std::string path, Rendering rendering, int descriptor)
      : path_(std::move(path)), name_("file:" + path_), rendering_(rendering), descriptor_(descriptor) {}
  ~FileSink() override { ::close(descriptor_); }

  std::string_view name() const override { return name_; }
  Rendering rendering() const override { return rendering_; }
  Written write(std::string_view text) override { return write_all(descriptor_, text); }

  Result<void> sync() override {
    if (::fsync(descriptor_) == 0 || errno == EINVAL || errno == EROFS) return {};
    return Error{Reason::truncated, path_, 0, 0, 0, std::string("cannot be synced: ") + std::strerror(errno)};
  }

  Result<void> reopen() override {
    auto opened = open_path(path_, FileMode::append);
    if (!opened) return opened.error();
    ::fsync(descriptor_);
    ::close(descriptor_);
    descriptor_ = *opened;
    return {};
  }

  static Result<int> open_path(const std::string& path, FileMode mode) {
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (mode == FileMode::replace ? O_TRUNC : 0);
    const int descriptor = ::open(path.c_str(), flags, 0640);
    if (descriptor >= 0) return descriptor;
    return Error{Reason::truncated, path, 0, 0, 0,
                 std::string("cannot be opened for writing: ") + std::strerror(errno)};
  }

 private:
  std::string path_;
  std::string name_;
  Rendering rendering_;
  int descriptor_;
};

}  // namespace

std::unique_ptr<Sink> stdout_sink(Rendering rendering) { return std::make_unique<StdoutSink>(rendering); }

Result<std::unique_ptr<Sink>> file_sink(const std::string& path, Rendering rendering, FileMode mode) {
  auto descriptor = FileSink::open_path(path, mode);
  if (!descriptor) return descriptor.error();
  return std::unique_ptr<Sink>(std::make_unique<FileSink>(path, rendering, *descriptor));
}

}  // namespace handprint
