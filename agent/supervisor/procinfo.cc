// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/procinfo.h"

#include <linux/capability.h>
#include <pthread.h>

#include <chrono>
#include <csignal>
#include <memory>

#include "agent/process/process_info.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/confinement.h"

namespace handprint {
namespace {

constexpr int start_ms = 10'000;
constexpr int report_ms = 500;

int give_up(Channel& channel, const std::string& reason) {
  FailedMessage failed;
  failed.text.set(reason);
  channel.send(failed);
  return 1;
}

}  // namespace

int procinfo_main() {
  // The loader ends this process; a terminal's or a service manager's signal to all of them does
  // not.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(number, SIG_IGN);
  pthread_setname_np(pthread_self(), "hp-procinfo");
  Channel channel{Descriptor(child_channel_descriptor)};
  Received received;
  StartProcinfo start;
  if (channel.receive(received, start_ms) != Channel::Heard::message ||
      !read_message(received.bytes, start))
    return 2;
  if (auto dropped =
          drop_privileges(capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH),
                          {start.uid, start.gid}, static_cast<pid_t>(start.loader_pid));
      !dropped)
    return give_up(channel, dropped.error().text());
  if (auto filtered = filter_procinfo_calls(); !filtered)
    return give_up(channel, filtered.error().text());

  ProcessInfoOptions options;
  options.digests = start.digests != 0;
  options.digest_max_bytes = start.digest_max_bytes;
  auto info = ProcessInfo::start(options);
  if (!info) return give_up(channel, info.error().text());
  ReadyMessage ready;
  channel.send(ready);

  auto reported = std::chrono::steady_clock::now();
  for (;;) {
    switch (channel.receive(received, report_ms)) {
      case Channel::Heard::closed:
        std::_Exit(0);  // without waiting for a look-up that hangs
      case Channel::Heard::message: {
        AskerMessage asker;
        if (read_message(received.bytes, asker) && received.descriptors.size() == 1)
          (*info)->serve(std::move(received.descriptors.front()));
        break;
      }
      case Channel::Heard::nothing:
      case Channel::Heard::malformed:
        break;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - reported < std::chrono::milliseconds(report_ms)) continue;
    reported = now;
    if (channel.queued()) {
      channel.flush();
      continue;
    }
    ProcinfoReport report;
    report.heartbeat = (*info)->heartbeat();
    report.counters = (*info)->counters();
    channel.send(report);
  }
}

}  // namespace handprint
