// SPDX-License-Identifier: Apache-2.0
// The bytes of a capture from front to back: a mapped file, a pipe, or either of them unpacked.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fingerprint/cursor.h"
#include "fingerprint/result.h"

namespace handprint {

// A window on a sequence of bytes that moves forward only. The window of a mapped file is all that
// is left of it; a stream's is what its buffer holds.
class ByteSource {
 public:
  // The most that refill() can be asked for: the largest packet with its header and options.
  static constexpr std::size_t largest_request = 2u << 20;

  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // The bytes at the reading position that can be looked at. They stay where they are until
  // refill() is called.
  Bytes window() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }
  std::size_t available() const { return static_cast<std::size_t>(end_ - at_); }
  const uint8_t* at() const { return at_; }

  // Moves the reading position over n bytes of the window.
  void consume(std::size_t n) {
    at_ += n;
    offset_ += n;
  }

  // Bytes consumed so far: the place in the (unpacked) capture.
  uint64_t offset() const { return offset_; }

  // True when the window already holds everything that is left, so that nothing can be refilled.
  bool complete() const { return complete_; }

  // Makes the window hold at least n bytes (n <= largest_request), if there are so many; waits for
  // them on a pipe. Views of the window are invalid afterwards. False: there are fewer; error()
  // tells whether that is the end or a failure.
  virtual bool refill(std::size_t n) = 0;

  // Moves over n bytes, however many. False when there are fewer.
  bool skip(uint64_t n);

  // Called between batches: nothing before the reading position is needed any more. Notices that a
  // mapped file became shorter.
  virtual void settle() {}

  // What went wrong while reading or unpacking; null when nothing did.
  const Error* error() const { return error_ ? &*error_ : nullptr; }

  // For progress: bytes taken from the file as it is stored, and its size (0: not known).
  virtual uint64_t stored_read() const { return offset_; }
  virtual uint64_t stored_size() const { return 0; }

 protected:
  ByteSource() = default;

  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint64_t offset_ = 0;
  bool complete_ = false;
  std::optional<Error> error_;
};

// Opens a file, a pipe or, by the name "-", standard input; what begins like gzip is unpacked, with
// all of its members. `stop`, if given, ends a wait for a pipe when it becomes true. Errors name the
// file: missing, a directory, not readable, empty.
Result<std::unique_ptr<ByteSource>> open_bytes(const std::string& path,
                                               const std::atomic<bool>* stop = nullptr);

// The same over memory that outlives the source; `name` stands in errors.
Result<std::unique_ptr<ByteSource>> open_bytes(Bytes bytes, const std::string& name);

}  // namespace handprint
