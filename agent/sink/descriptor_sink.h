// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/sink/sink.h"

namespace handprint {

// Standard output: a pipe, a terminal or a redirected file.
std::unique_ptr<Sink> stdout_sink(Rendering rendering);

enum class FileMode : uint8_t {
  append,   // an agent goes on where it stopped
  replace,  // one run, one file
};

// A regular file, FIFO or device by path, created with mode 0640 (less the umask). The error names
// the path and the reason.
Result<std::unique_ptr<Sink>> file_sink(const std::string& path, Rendering rendering, FileMode mode);

}  // namespace handprint
