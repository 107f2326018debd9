// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "agent/sink/descriptor_sink.h"

namespace handprint {
namespace {

bool bar_stands = false;

void write_error(std::string_view text) {
  // Standard error may be closed or full; there is nobody left to tell that to.
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

std::size_t columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  return 80;
}

}  // namespace

void complain(std::string_view message) {
  std::string line = bar_stands ? "\r\x1b[K" : "";
  bar_stands = false;
  line += "handprint: ";
  line += message;
  line += '\n';
  write_error(line);
}

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string size_text(uint64_t bytes) {
  static constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

std::string span_text(double seconds) {
  const uint64_t whole = seconds < 0 ? 0 : static_cast<uint64_t>(std::min(seconds, 3.6e8));
  char text[32];
  if (whole >= 3600)
    std::snprintf(text, sizeof(text), "%llu:%02llu:%02llu", static_cast<unsigned long long>(whole / 3600),
                  static_cast<unsigned long long>(whole / 60 % 60), static_cast<unsigned long long>(whole % 60));
  else
    std::snprintf(text, sizeof(text), "%llu:%02llu", static_cast<unsigned long long>(whole / 60),
                  static_cast<unsigned long long>(whole % 60));
  return text;
}

bool wants_colours(Colours choice, int descriptor) {
  if (choice != Colours::automatic) return choice == Colours::always;
  if (isatty(descriptor) == 0) return false;
  if (const char* no = std::getenv("NO_COLOR"); no != nullptr && *no != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
}

Rendering rendering_of(const OutputChoice& choice) {
  const bool to_stdout = choice.file.empty() || choice.file == "-";
  const OutputFormat format = choice.format.value_or(
      to_stdout && isatty(STDOUT_FILENO) != 0 && choice.fields == OutputFields::default_
          ? OutputFormat::line
          : OutputFormat::json);
  if (format == OutputFormat::pmercury) return pmercury_rendering(choice.pmercury);
  if (format == OutputFormat::json)
    return choice.fields == OutputFields::all ? Rendering::json_all : Rendering::json;
  const bool colours = to_stdout ? wants_colours(choice.colours, STDOUT_FILENO)
                                 : choice.colours == Colours::always;
  return colours ? Rendering::line_colours : Rendering::line;
}

Result<std::unique_ptr<Sink>> open_sink(const OutputChoice& choice) {
  const Rendering rendering = rendering_of(choice);
  if (choice.file.empty() || choice.file == "-") return stdout_sink(rendering);
  return file_sink(choice.file, rendering, FileMode::replace);
}

ProgressBar::ProgressBar(bool wanted) : wanted_(wanted && isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::show(std::string_view name, uint64_t read, uint64_t size, uint64_t packets) {
  if (!wanted_) return;
  const Clock::time_point now = Clock::now();
  if (name != name_) {
    name_ = name;
    began_ = now;
    drawn_ = now;
    return;  // what is done within a tenth of a second needs no bar
  }
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const double rate = static_cast<double>(read) / seconds;
  std::string tail = "  " + size_text(static_cast<uint64_t>(rate)) + "/s  " + grouped(packets) + " packets";
  std::string line;
  const std::size_t width = columns();
  if (size != 0) {
    const double share = std::min(1.0, static_cast<double>(read) / static_cast<double>(size));
    char percent[16];
    std::snprintf(percent, sizeof(percent), " %3.0f%%", share * 100);
    tail = percent + tail;
    if (rate > 0) tail += "  " + span_text(static_cast<double>(size - std::min(read, size)) / rate) + " left";
    std::string head = name_.size() > 24 ? "…" + name_.substr(name_.size() - 23) : name_;
    const std::size_t used = std::min<std::size_t>(head.size(), 24) + tail.size() + 4;
    const std::size_t room = width > used ? width - used : 0;
    line = head;
    if (room >= 6) {
      const std::size_t cells = std::min<std::size_t>(room, 40);
      const std::size_t full = static_cast<std::size_t>(share * static_cast<double>(cells));
      line += " [" + std::string(full, '#') + std::string(cells - full, '.') + "]";
    }
    line += tail;
  } else {
    line = name_ + "  " + size_text(read) + tail;
  }
  write_error("\r\x1b[K" + line);
  shown_ = bar_stands = true;
}

void ProgressBar::clear() {
  if (shown_ && bar_stands) write_error("\r\x1b[K");
  shown_ = bar_stands = false;
}

}  // namespace handprint
