// SPDX-License-Identifier: Apache-2.0
// `handprint read`: capture files become records. Needs no privilege.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "agent/cli/commands.h"
#include "agent/cli/interrupt.h"
#include "agent/cli/terminal.h"
#include "agent/pipeline/file_run.h"
#include "flow/selection.h"

namespace handprint {
namespace {

std::string without_tcp_or_udp(const FileRunResult& result) {
  std::string out;
  for (std::size_t i = 0; i < reason_count; ++i) {
    if (result.undecoded[i] == 0) continue;
    if (!out.empty()) out += ", ";
    out += grouped(result.undecoded[i]) + " " + std::string(name(static_cast<Reason>(i)));
  }
  return out;
}

void print_statistics(const FileRunResult& result, double seconds) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto time = [](const timeval& value) {
    return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_usec) / 1e6;
  };
  const double cpu = time(usage.ru_utime) + time(usage.ru_stime);
  std::string undecoded;
  for (std::size_t i = 0; i < reason_count; ++i) {
    if (result.undecoded[i] == 0) continue;
    if (!undecoded.empty()) undecoded += ',';
    undecoded += '"' + std::string(name(static_cast<Reason>(i))) + "\":" + std::to_string(result.undecoded[i]);
  }
  std::fprintf(stderr,
               "{\"packets\":%llu,\"bytes\":%llu,\"selected\":%llu,\"flows\":%llu,\"records\":%llu,"
               "\"records_dropped\":%llu,\"undecoded\":{%s},"
               "\"decrypted\":{\"flows\":%llu,\"opened\":%llu,\"records\":%llu,\"refused\":%llu},"
               "\"seconds\":%.6f,\"cpu_seconds\":%.6f,"
               "\"max_rss_kib\":%ld}\n",
               static_cast<unsigned long long>(result.packets), static_cast<unsigned long long>(result.bytes),
               static_cast<unsigned long long>(result.selected), static_cast<unsigned long long>(result.flows),
               static_cast<unsigned long long>(result.documents),
               static_cast<unsigned long long>(result.documents_dropped), undecoded.c_str(),
               static_cast<unsigned long long>(result.decryption.flows),
               static_cast<unsigned long long>(result.decryption.opened),
               static_cast<unsigned long long>(result.decryption.records),
               static_cast<unsigned long long>(result.decryption.refused), seconds, cpu,
               usage.ru_maxrss);
}

}  // namespace

int read(const ReadCommand& command) {
  const std::atomic<bool>& stop = catch_interrupts();
  for (const std::string& file : command.files) {
    if (file == "-" && isatty(STDIN_FILENO) != 0) {
      complain("standard input is a terminal; give a capture: tcpdump -U -w - | handprint read -");
      return exit_usage;
    }
  }
  auto sink = open_sink(command.output);
  if (!sink) {
    complain(sink.error().text());
    return exit_failure;
  }
  std::vector<std::unique_ptr<Sink>> sinks;
  sinks.push_back(std::move(*sink));

  FileRunOptions options;
  options.files = command.files;
  options.sensor = command.output.sensor;
  options.labels = command.output.labels;
  options.policy = file_policy(command.policy);
  options.key_log = command.key_log;

  ProgressBar bar(!command.output.quiet);
  FileRunEvents events;
  events.damaged = [](const Error& error) { complain(error.text()); };
  events.output_failed = [&](std::string_view, int error) {
    complain("cannot write " +
             (command.output.file.empty() ? std::string("standard output") : command.output.file) + ": " +
             std::strerror(error));
  };
  events.progress = [&](const FileProgress& progress) {
    bar.show(*progress.file, progress.read, progress.size, progress.packets);
  };

  const auto began = std::chrono::steady_clock::now();
  const FileRunResult result =
      run_files(options, load_identity(KeepIdentity::no), std::move(sinks), events, stop);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  bar.clear();
  if (result.documents_dropped != 0)
    complain(grouped(result.documents_dropped) + " records were lost for want of memory");
  if (result.stopped) complain("interrupted after " + grouped(result.packets) + " packets");
  if (command.statistics) {
    print_statistics(result, seconds);
  } else if (!command.output.quiet && isatty(STDERR_FILENO) != 0 && result.packets != 0) {
    std::string text = grouped(result.packets) + " packets, " + grouped(result.flows) + " flows, " +
                       grouped(result.documents) + " records in " +
                       (seconds < 10 ? std::to_string(seconds).substr(0, 5) + " s" : span_text(seconds));
    if (const std::string other = without_tcp_or_udp(result); !other.empty())
      text += "; without TCP or UDP: " + other;
    complain(text);
  }
  return result.failed || result.stopped || result.documents_dropped != 0 ? exit_failure : exit_ok;
}

}  // namespace handprint
