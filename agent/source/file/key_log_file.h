// SPDX-License-Identifier: Apache-2.0
// A key log file (SSLKEYLOGFILE), read on as it grows.
#pragma once

#include <string>

#include "fingerprint/result.h"
#include "flow/key_log.h"

namespace handprint {

class KeyLogFile {
 public:
  // The error names the file.
  static Result<KeyLogFile> open(const std::string& path);
  KeyLogFile(KeyLogFile&& other) noexcept;
  KeyLogFile& operator=(KeyLogFile&&) = delete;
  ~KeyLogFile();

  // Reads what was written since the last call. Result: whether a secret was new; an error when the file
  // cannot be read. A file that became shorter is read anew from its beginning.
  Result<bool> read(KeyLog& keys);

 private:
  KeyLogFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  Error failure(int error) const;

  int fd_;
  std::string path_;
  int64_t read_ = 0;
};

}  // namespace handprint
