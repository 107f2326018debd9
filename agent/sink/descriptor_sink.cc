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

Result<void> sync_file(int descriptor, const std::string& path) {
  if (::fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS) return {};
  return Error{Reason::truncated, path, 0, 0, 0, std::string("cannot be synced: ") + std::strerror(errno)};
}

// A file of this process's own: one that opens its path anew by itself.
class FileSink : public HandedFileSink {
 public:
  FileSink(const std::string& path, Rendering rendering, Descriptor file)
      : HandedFileSink(path, rendering, std::move(file)), path_(path) {}

  Result<void> reopen() override {
    auto opened = open_output_file(path_, FileMode::append, true);
    if (!opened) return opened.error();
    hand_over(std::move(*opened));
    return HandedFileSink::reopen();
  }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<Sink> stdout_sink(Rendering rendering) { return std::make_unique<StdoutSink>(rendering); }

Result<Descriptor> open_output_file(const std::string& path, FileMode mode, bool wait) {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | O_NOCTTY |
                    (mode == FileMode::replace ? O_TRUNC : 0) | (wait ? 0 : O_NONBLOCK);
  Descriptor file(::open(path.c_str(), flags, 0640));
  if (file) {
    if (!wait) ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) & ~O_NONBLOCK);
    return file;
  }
  return Error{Reason::truncated, path, 0, 0, 0,
               std::string("cannot be opened for writing: ") + std::strerror(errno)};
}

Result<std::unique_ptr<Sink>> file_sink(const std::string& path, Rendering rendering, FileMode mode) {
  auto file = open_output_file(path, mode, true);
  if (!file) return file.error();
  return std::unique_ptr<Sink>(std::make_unique<FileSink>(path, rendering, std::move(*file)));
}

HandedFileSink::HandedFileSink(std::string path, Rendering rendering, Descriptor file)
    : path_(std::move(path)), name_("file:" + path_), rendering_(rendering), file_(std::move(file)) {}

HandedFileSink::~HandedFileSink() { Descriptor unused(next_.exchange(-1)); }

void HandedFileSink::hand_over(Descriptor file) { Descriptor unused(next_.exchange(file.release())); }

Written HandedFileSink::write(std::string_view text) { return write_all(file_.get(), text); }

Result<void> HandedFileSink::sync() { return sync_file(file_.get(), path_); }

Result<void> HandedFileSink::reopen() {
  Descriptor next(next_.exchange(-1));
  if (!next) return {};
  ::fsync(file_.get());
  file_ = std::move(next);
  return {};
}

}  // namespace handprint
