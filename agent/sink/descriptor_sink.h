// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "agent/sink/sink.h"
#include "agent/source/live/descriptor.h"

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

// Opens such a file. `wait` false: a FIFO that nobody reads is an error instead of a wait.
Result<Descriptor> open_output_file(const std::string& path, FileMode mode, bool wait);

// A file that another process opened, for one that may open none.
class HandedFileSink : public Sink {
 public:
  // `path` is only its name.
  HandedFileSink(std::string path, Rendering rendering, Descriptor file);
  ~HandedFileSink() override;

  // What reopen() goes on with. Any thread; one that was not taken up is closed.
  void hand_over(Descriptor file);

  std::string_view name() const override { return name_; }
  Rendering rendering() const override { return rendering_; }
  Written write(std::string_view text) override;
  Result<void> sync() override;
  Result<void> reopen() override;

 private:
  std::string path_;
  std::string name_;
  Rendering rendering_;
  Descriptor file_;
  std::atomic<int> next_{-1};
};

}  // namespace handprint
