// SPDX-License-Identifier: Apache-2.0
// The loader's side of its two children: starts them, hands over what they work with, hears what
// they say, and starts them again when they end unasked.
#pragma once

#include <poll.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/settings.h"
#include "agent/pipeline/identity.h"
#include "agent/source/live/live_capture.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/confinement.h"
#include "agent/supervisor/message.h"

namespace handprint {

// What the worker is to do.
struct WorkerPlan {
  Settings settings;
  Identity identity;
  bool service = false;
  bool all_strings = false;
  std::optional<Rendering> rendering;  // of the only output; nothing: as the settings say
  uint64_t count = 0;                  // documents, 0: no limit
};

struct SupervisorCounters {
  uint64_t worker_restarts = 0;
  uint64_t procinfo_restarts = 0;
  uint64_t worker_lost_flows = 0;  // open or waiting to be written when a worker ended, about
  uint64_t worker_lost_records =
      0;  // of the packet ring, read by a worker that ended before it said so
};

// Everything but interface_changed() belongs to the main thread.
class Supervisor {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t most_crashes = 3;  // within crash_span: then it is given up
  static constexpr auto crash_span = std::chrono::minutes(10);
  // A procinfo that does not advance for so long is killed and started again. It may hang in
  // another process's memory, which is no fault of its own and does not count as a crash.
  static constexpr auto procinfo_patience = std::chrono::seconds(10);

  // `files`: the opened files of the outputs, by index; empty where there is none.
  // `worker_started` is told each worker's pid, before it reads anything.
  Supervisor(WorkerPlan plan, std::vector<Descriptor> files,
             std::function<void(pid_t)> worker_started);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts both processes; they wait.
  Result<void> spawn();
  // Gives the worker the capture's rings and has it begin; waits until it reads, at most `ms`.
  // `capture` must outlive this.
  Result<void> hand_over(LiveCapture& capture, int ms);

  // The name of an interface, empty when it is gone. Any thread.
  void interface_changed(uint32_t index, std::string_view name);

  // What to wait for besides the caller's own.
  void append(std::vector<pollfd>& wanted) const;
  // Hears both, notices their end, starts them again. Call it whenever something woke the caller,
  // and at least once a second. Never waits.
  void serve();

  // The worker said that it is done.
  std::optional<OverReason> over() const { return over_; }
  // Too many crashes: why, in words; empty otherwise. Nothing is started any more.
  const std::string& given_up() const { return given_up_; }

  // A reload's settings. Opens the outputs' files anew where `reopen`, and says in the log which
  // could not be.
  void reload(const Settings& settings);
  void reopen();

  struct Stopped {
    bool complete = false;  // the rings were drained
    bool written = false;   // every output took what there was
  };
  // After the capture was detached: lets the worker drain and write; ends both. At most 4.5 s.
  Stopped stop();

  // True when pipeline, outputs and procinfo have each advanced since this was true last. An output
  // whose device does not take a write counts as advancing: a restart would not make it take one.
  bool advanced();

  // Sums over all workers so far.
  const LivePipelineCounters& pipeline() const { return total_; }
  // What the present worker says of its outputs, with the counts of those before.
  const std::vector<OutputReport>& outputs() const { return outputs_; }
  const ProcessInfoCounters& process_info() const { return procinfo_total_; }
  const SupervisorCounters& counters() const { return counters_; }
  pid_t worker_pid() const { return worker_.pid(); }
  pid_t procinfo_pid() const { return procinfo_.pid(); }

 private:
  Result<void> start_worker();
  Result<void> start_procinfo();
  void join_services();
  void send_names(bool all);
  void begin();
  void hear_worker();
  void hear_procinfo();
  void take(const WorkerReport& report);
  void worker_ended(const std::string& how);
  void procinfo_ended(const std::string& how, bool crash);
  void count_losses();
  // False: it was one too many.
  bool another_crash(Role role, const std::string& how);

  WorkerPlan plan_;
  std::vector<Descriptor> files_;
  std::function<void(pid_t)> worker_started_;
  RunAs run_as_;
  LiveCapture* capture_ = nullptr;
  Child worker_, procinfo_;
  bool worker_ready_ = false, procinfo_ready_ = false;
  std::string worker_failure_, procinfo_failure_;
  Clock::time_point worker_began_, procinfo_beat_at_, served_;
  uint64_t procinfo_beat_ = 0;
  std::optional<OverReason> over_;
  std::optional<StoppedMessage> stopped_;
  std::string given_up_;
  std::deque<Clock::time_point> crashes_;
  SupervisorCounters counters_;

  LivePipelineCounters base_, last_, total_;  // of workers before, of this one, both
  std::vector<OutputReport> base_outputs_, outputs_;
  uint64_t pipeline_beat_ = 0;
  ProcessInfoCounters procinfo_base_, procinfo_last_, procinfo_total_;
  bool heard_ = false;  // a report of this worker
  std::vector<uint64_t> fed_beats_;
  std::vector<bool> waiting_said_;

  Descriptor names_wake_;
  std::mutex names_mutex_;
  std::map<uint32_t, std::string> names_;  // of the interfaces that exist
  std::deque<uint32_t> changed_names_;
};

}  // namespace handprint
