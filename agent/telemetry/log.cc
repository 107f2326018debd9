// SPDX-License-Identifier: Apache-2.0
#include "agent/telemetry/log.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace handprint {
namespace {

std::string visible(std::string_view message) {
  std::string out(message);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

LogFormat resolved(LogFormat format) {
  if (format != LogFormat::automatic) return format;
  return stderr_is_journal() ? LogFormat::automatic : LogFormat::text;
}

// Text for people, the journal's prefixes, or JSON: what spdlog's patterns cannot tell by level.
class Formatter : public spdlog::formatter {
 public:
  explicit Formatter(LogFormat format) : format_(format) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string text = visible({message.payload.data(), message.payload.size()});
    std::string line;
    switch (format_) {
      case LogFormat::automatic:  // sd-daemon(3): the priority as a prefix
        line = std::string("<") + priority(message.level) + ">" + text;
        break;
      case LogFormat::json: {
        char time[40];
        const std::time_t seconds = spdlog::log_clock::to_time_t(message.time);
        std::tm parts{};
        gmtime_r(&seconds, &parts);
        std::strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &parts);
        line = std::string("{\"@timestamp\":\"") + time + "\",\"log.level\":\"" + level(message.level) +
               "\",\"message\":" + quoted(text) + "}";
        break;
      }
      case LogFormat::text:
        line = "handprint: ";
        if (message.level != spdlog::level::info) line += std::string(level(message.level)) + ": ";
        line += text;
        break;
    }
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<Formatter>(format_);
  }

 private:
  static const char* level(spdlog::level::level_enum value) {
    switch (value) {
      case spdlog::level::debug: return "debug";
      case spdlog::level::warn: return "warning";
      case spdlog::level::err: return "error";
      default: return "info";
    }
  }
  static char priority(spdlog::level::level_enum value) {
    switch (value) {
      case spdlog::level::debug: return '7';
      case spdlog::level::warn: return '4';
      case spdlog::level::err: return '3';
      default: return '6';
    }
  }

  LogFormat format_;
};

spdlog::level::level_enum of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("handprint",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_formatter(std::make_unique<Formatter>(resolved(LogFormat::automatic)));
    made->set_error_handler([](const std::string&) {});  // a closed standard error is no reason to stop
    return made;
  }();
  return *instance;
}

}  // namespace

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr) return false;
  unsigned long device = 0, inode = 0;
  struct stat status {};
  return std::sscanf(stream, "%lu:%lu", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
         status.st_dev == device && status.st_ino == inode;
}

void start_log(LogLevel level, LogFormat format) {
  logger().set_formatter(std::make_unique<Formatter>(resolved(format)));
  logger().set_level(of(level));
}

void log_always(std::string_view message) {
  // Past the logger, which would ask the level first.
  const spdlog::details::log_msg line(logger().name(), spdlog::level::info,
                                      spdlog::string_view_t(message.data(), message.size()));
  for (const auto& sink : logger().sinks()) {
    sink->log(line);
    sink->flush();
  }
}

void log_debug(std::string_view message) { logger().debug("{}", message); }
void log_info(std::string_view message) { logger().info("{}", message); }
void log_warning(std::string_view message) { logger().warn("{}", message); }
void log_error(std::string_view message) { logger().error("{}", message); }

}  // namespace handprint
