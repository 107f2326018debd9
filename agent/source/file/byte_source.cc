// SPDX-License-Identifier: Apache-2.0
#include "agent/source/file/byte_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "agent/source/file/mapping.h"

namespace handprint {
namespace {

constexpr std::size_t buffer_size = 2 * ByteSource::largest_request;
// What is read at once is looked at while it is still in the CPU's second-level cache.
constexpr std::size_t read_step = 256u << 10;
constexpr int poll_ms = 200;

std::string system_text(int number) { return std::strerror(number); }

class Descriptor {
 public:
  Descriptor(int value, bool owned) : value_(value), owned_(owned) {}
  ~Descriptor() {
    if (owned_ && value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
  bool owned_;
};

class MemoryBytes : public ByteSource {
 public:
  explicit MemoryBytes(Bytes bytes) : size_(bytes.size()) {
    at_ = bytes.data();
    end_ = at_ + bytes.size();
    complete_ = true;
  }
  bool refill(std::size_t n) override { return available() >= n; }
  uint64_t stored_size() const override { return size_; }

 private:
  std::size_t size_;
};

class MappedBytes : public ByteSource {
 public:
  MappedBytes(int descriptor, std::size_t size, const std::string& name)
      : mapping_(descriptor, size), name_(name) {
    if (!mapping_.valid()) return;
    at_ = mapping_.bytes().data();
    end_ = at_ + size;
    complete_ = true;
  }
  bool valid() const { return mapping_.valid(); }
  bool refill(std::size_t n) override { return available() >= n; }
  void settle() override {
    mapping_.arrived(offset_);
    if (mapping_.shrank() && !error_) {
      error_ = Error{Reason::truncated, name_, 0, 0, offset_, "the file became shorter while it was read"};
      end_ = at_;
    }
  }
  uint64_t stored_size() const override { return mapping_.bytes().size(); }

 private:
  Mapping mapping_;
  std::string name_;
};

// A buffer whose unread part moves to its front when more is asked for.
class BufferedBytes : public ByteSource {
 public:
  bool refill(std::size_t n) override {
    if (available() >= n) return true;
    if (n > largest_request) return false;
    const std::size_t kept = available();
    if (kept != 0) std::memmove(buffer_.data(), at_, kept);
    at_ = buffer_.data();
    end_ = at_ + kept;
    while (available() < n && !complete_) {
      const std::size_t got = produce(buffer_.data() + available(), buffer_.size() - available());
      if (got == 0)
        complete_ = true;
      else
        end_ += got;
    }
    return available() >= n;
  }

 protected:
  BufferedBytes() : buffer_(buffer_size) { at_ = end_ = buffer_.data(); }
  // Writes between 1 and `room` bytes; 0 at the end or on an error.
  virtual std::size_t produce(uint8_t* to, std::size_t room) = 0;

 private:
  std::vector<uint8_t> buffer_;
};

class PipeBytes : public BufferedBytes {
 public:
  PipeBytes(int descriptor, bool owned, const std::string& name, uint64_t size,
            const std::atomic<bool>* stop)
      : descriptor_(descriptor, owned), name_(name), size_(size), stop_(stop) {}

  uint64_t stored_read() const override { return taken_; }
  uint64_t stored_size() const override { return size_; }

 protected:
  std::size_t produce(uint8_t* to, std::size_t room) override {
    for (;;) {
      if (stop_ != nullptr && stop_->load()) return 0;
      pollfd wait{descriptor_.get(), POLLIN, 0};
      const int ready = ::poll(&wait, 1, poll_ms);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      const ssize_t got = ::read(descriptor_.get(), to, std::min(room, read_step));
      if (got >= 0) {
        taken_ += static_cast<uint64_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (errno == EINTR || errno == EAGAIN) continue;
      error_ = Error{Reason::truncated, name_, 0, 0, taken_, "cannot be read: " + system_text(errno)};
      return 0;
    }
  }

 private:
  Descriptor descriptor_;
  std::string name_;
  uint64_t size_;
  uint64_t taken_ = 0;
  const std::atomic<bool>* stop_;
};

// gzip (RFC 1952), members one after the other, unpacked while it is read.
class GzipBytes : public BufferedBytes {
 public:
  GzipBytes(std::unique_ptr<ByteSource> packed, const std::string& name)
      : packed_(std::move(packed)), name_(name) {
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK;
  }
  ~GzipBytes() override {
    if (ready_) inflateEnd(&stream_);
  }

  uint64_t stored_read() const override { return packed_->stored_read(); }
  uint64_t stored_size() const override { return packed_->stored_size(); }

 protected:
  std::size_t produce(uint8_t* to, std::size_t room) override {
    if (!ready_) return fail("cannot be unpacked: out of memory");
    stream_.next_out = to;
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(room, 1u << 30));
    const uInt asked = stream_.avail_out;
    while (stream_.avail_out == asked) {
      if (packed_->available() == 0) packed_->refill(1);
      if (packed_->available() == 0) {
        if (const Error* inner = packed_->error()) {
          error_ = *inner;
          return 0;
        }
        return between_members_ ? 0 : fail("compressed data ends too early");
      }
      if (between_members_) {
        packed_->refill(2);
        // Anything but a further member behind the end is padding, as gzip itself has it.
        if (packed_->available() < 2 || packed_->at()[0] != 0x1f || packed_->at()[1] != 0x8b) return 0;
        inflateReset(&stream_);
        between_members_ = false;
      }
      const std::size_t in = std::min<std::size_t>(packed_->available(), 1u << 30);
      stream_.next_in = const_cast<Bytef*>(packed_->at());
      stream_.avail_in = static_cast<uInt>(in);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      packed_->consume(in - stream_.avail_in);
      packed_->settle();
      if (status == Z_STREAM_END) {
        between_members_ = true;
        if (stream_.avail_out != asked) break;
        continue;
      }
      if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(std::string("compressed data is damaged: ") +
             (stream_.msg != nullptr ? stream_.msg : "not gzip"));
        break;  // what was unpacked before the damage still counts
      }
    }
    return asked - stream_.avail_out;
  }

 private:
  std::size_t fail(const std::string& message) {
    error_ = Error{Reason::truncated, name_, 0, 0, packed_->offset(), message};
    return 0;
  }

  std::unique_ptr<ByteSource> packed_;
  std::string name_;
  z_stream stream_{};
  bool ready_ = false;
  bool between_members_ = false;
};

Result<std::unique_ptr<ByteSource>> unpacked(std::unique_ptr<ByteSource> source,
                                             const std::string& name) {
  source->refill(2);
  if (source->available() == 0) {
    if (const Error* error = source->error()) return *error;
    return Error{Reason::truncated, name, 0, 0, 0, "the file is empty"};
  }
  if (source->available() >= 2 && source->at()[0] == 0x1f && source->at()[1] == 0x8b)
    return std::unique_ptr<ByteSource>(std::make_unique<GzipBytes>(std::move(source), name));
  return source;
}

}  // namespace

bool ByteSource::skip(uint64_t n) {
  while (n > 0) {
    if (available() == 0 && (complete_ || !refill(1))) return false;
    const std::size_t step = static_cast<std::size_t>(std::min<uint64_t>(n, available()));
    consume(step);
    n -= step;
  }
  return true;
}

Result<std::unique_ptr<ByteSource>> open_bytes(const std::string& path,
                                               const std::atomic<bool>* stop) {
  if (path == "-")
    return unpacked(std::make_unique<PipeBytes>(STDIN_FILENO, false, "standard input", 0, stop),
                    "standard input");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return Error{Reason::not_this_protocol, path, 0, 0, 0, "cannot be opened: " + system_text(errno)};
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  if (known && S_ISDIR(status.st_mode)) {
    ::close(descriptor);
    return Error{Reason::not_this_protocol, path, 0, 0, 0, "is a directory, not a capture file"};
  }
  if (known && S_ISREG(status.st_mode) && status.st_size > 0) {
    auto mapped =
        std::make_unique<MappedBytes>(descriptor, static_cast<std::size_t>(status.st_size), path);
    if (mapped->valid()) {
      ::close(descriptor);
      return unpacked(std::move(mapped), path);
    }
    // A file system without mmap: read it like a pipe.
  }
  const uint64_t size = known && S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
  return unpacked(std::make_unique<PipeBytes>(descriptor, true, path, size, stop), path);
}

Result<std::unique_ptr<ByteSource>> open_bytes(Bytes bytes, const std::string& name) {
  return unpacked(std::make_unique<MemoryBytes>(bytes), name);
}

}  // namespace handprint
