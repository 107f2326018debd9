// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"

namespace handprint {

// A regular file seen as memory, read only. Pages are fetched in steps ahead of the reader and given
// back behind it, so that a capture of any size stays a few megabytes of resident memory.
//
// A file that is cut short while it is mapped would kill the process by SIGBUS. The first Mapping
// installs a handler that puts a page of zeros where the file no longer is and remembers that; any
// other SIGBUS ends the process as before.
class Mapping {
 public:
  Mapping() = default;
  // Maps `size` bytes of the descriptor (which may be closed afterwards). valid() tells the success;
  // errno says why not. A size of 0 is not valid.
  Mapping(int descriptor, std::size_t size);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool valid() const { return begin_ != nullptr; }
  Bytes bytes() const { return {begin_, size_}; }

  // The reader has arrived at `offset`: what lies well before it is not looked at again.
  void arrived(std::size_t offset);

  // True once a page was missing because the file became shorter.
  bool shrank() const;

 private:
  const uint8_t* begin_ = nullptr;
  std::size_t size_ = 0;
  std::size_t fetched_ = 0;
  std::size_t dropped_ = 0;
  int slot_ = -1;
};

}  // namespace handprint
