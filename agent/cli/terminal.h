// SPDX-License-Identifier: Apache-2.0
// What people see: messages, the progress bar, and how output looks where.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/cli/commands.h"
#include "agent/sink/sink.h"
#include "fingerprint/result.h"

namespace handprint {

// "handprint: message" on standard error, behind a progress bar if one stands there.
void complain(std::string_view message);

// 1234567 → "1,234,567"; bytes → "1.2 GB"; seconds → "1:02:03".
std::string grouped(uint64_t number);
std::string size_text(uint64_t bytes);
std::string span_text(double seconds);

// True when colours are wanted on this descriptor: asked for, or a terminal without NO_COLOR
// (no-color.org) and with a TERM that is not dumb.
bool wants_colours(Colours choice, int descriptor);

// The rendering that an OutputChoice means.
Rendering rendering_of(const OutputChoice& choice);

// Opens the sink that an OutputChoice names.
Result<std::unique_ptr<Sink>> open_sink(const OutputChoice& choice);

// A bar on standard error: share, bytes, rate, time left. Draws at most ten times a second, and
// nothing unless standard error is a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(bool wanted);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `size` 0: not known; the rate alone is shown then.
  void show(std::string_view name, uint64_t read, uint64_t size, uint64_t packets);
  // Takes the bar away.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool wanted_;
  bool shown_ = false;
  std::string name_;
  Clock::time_point began_;
  Clock::time_point drawn_;
};

}  // namespace handprint
