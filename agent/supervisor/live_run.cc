// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/live_run.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "agent/pipeline/live_options.h"
#include "agent/source/live/live_capture.h"
#include "agent/supervisor/kill_switch.h"
#include "agent/supervisor/load_control.h"
#include "agent/supervisor/memory_plan.h"
#include "agent/supervisor/outputs.h"
#include "agent/supervisor/supervisor.h"
#include "agent/telemetry/control_socket.h"
#include "agent/telemetry/log.h"
#include "agent/telemetry/service_manager.h"
#include "agent/telemetry/status.h"

namespace handprint {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto tick = 1s;
constexpr auto statistics_interval = 60s;
constexpr auto loss_interval = 60s;
constexpr int ready_ms = 15'000;
constexpr int failure_code = 1;

uint64_t random_seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
    seed = static_cast<uint64_t>(Clock::now().time_since_epoch().count());
  return seed | 1;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::string_view item : words) out += (out.empty() ? "" : ", ") + std::string(item);
  return out;
}

// Signals as a descriptor; blocked in this thread and in all that it starts while this lives.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
    descriptor_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() {
    ::close(descriptor_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  int descriptor() const { return descriptor_; }
  // The next signal that came, 0 if none did.
  int next() const {
    signalfd_siginfo info;
    return ::read(descriptor_, &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo) : 0;
  }
  // From here on a further signal ends the program at once.
  void let_through() const { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t set_, before_;
  int descriptor_;
};

// "192.0.2.0/24", "2001:db8::/64".
std::string text_of(const ScanSource& source) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(source.version == 4 ? AF_INET : AF_INET6, source.prefix.data(), text, sizeof(text));
  return std::string(text) + (source.version == 4 ? "/24" : "/64");
}

class LiveRun {
 public:
  explicit LiveRun(const LiveRunOptions& options)
      : options_(options),
        settings_(options.settings),
        kill_switch_(options.config),
        load_(options.settings.limits.cpu) {}

  int run();

 private:
  bool start();
  void loop();
  bool stop();
  void give_up();
  void watch_kill_switch();
  void reload();
  void on_tick();
  void govern();
  void report_load(StatusReport& out) const;
  void watch_losses(const NamedCounters& kernel, uint64_t sink_dropped, uint64_t engine_dropped);
  void feed_watchdog();
  StatusReport report(const char* state);
  std::string where() const;
  LiveOptions live();

  const LiveRunOptions& options_;
  Settings settings_;
  Signals signals_;
  KillSwitch kill_switch_;
  std::string disabled_by_;  // while a kill switch stands
  LoadControl load_;
  MemoryPlan memory_;
  Clock::time_point governed_ = Clock::now();
  uint64_t seed_ = random_seed();
  Identity identity_;
  pid_t worker_pid_ = 0;
  bool started_before_ = false;
  std::unique_ptr<Supervisor> supervisor_;  // both, or none while disabled
  std::unique_ptr<LiveCapture> capture_;
  ControlSocket control_;

  Clock::time_point began_ = Clock::now();
  bool over_ = false;  // a signal came, a limit was reached, or nobody reads the output any more
  bool closed_ = false;
  int exit_code_ = 0;
  Clock::time_point rates_at_ = Clock::now();
  uint64_t last_packets_ = 0, last_selected_ = 0, last_documents_ = 0;
  double packets_rate_ = 0, selected_rate_ = 0, documents_rate_ = 0;
  std::optional<Clock::time_point> losses_said_;
  uint64_t losses_known_ = 0;
  uint64_t scans_said_ = 0;
  Clock::time_point statistics_said_ = Clock::now();
  Clock::time_point fed_ = Clock::now();
  std::optional<std::chrono::microseconds> watchdog_;
  uint64_t reloads_ = 0, reload_errors_ = 0;
};

LiveOptions LiveRun::live() {
  LiveOptions out = live_options(settings_);
  out.config.hash_seed = static_cast<uint32_t>(seed_);
  out.config.agent_pid = static_cast<uint32_t>(worker_pid_);
  load_.apply(out.config);
  out.read = false;
  out.interface_changed = [this](uint32_t index, std::string_view name) {
    supervisor_->interface_changed(index, name);
  };
  return out;
}

std::string LiveRun::where() const {
  std::string out;
  std::size_t more = 0;
  for (const AttachedPoint& point : capture_->attached()) {
    if (out.size() > 160) {
      ++more;
      continue;
    }
    out += (out.empty() ? "" : ", ") + point.name + " (" + point.how + ")";
  }
  if (more != 0) out += " and " + std::to_string(more) + " more";
  if (out.empty()) out = "nowhere yet: no interface matches";
  return std::string(name(capture_->hook())) + " on " + out;
}

bool LiveRun::start() {
  load_.reset();
  auto files = open_output_files(settings_.output,
                                 options_.replace && !started_before_ ? FileMode::replace : FileMode::append,
                                 true);
  if (!files) {
    log_error("output: " + files.error().text());
    return false;
  }
  started_before_ = true;
  WorkerPlan plan;
  plan.settings = settings_;
  plan.identity = identity_;
  plan.service = options_.service;
  plan.all_strings = options_.all_strings;
  plan.rendering = options_.rendering;
  plan.count = options_.count;
  supervisor_ = std::make_unique<Supervisor>(std::move(plan), std::move(*files), [this](pid_t worker) {
    worker_pid_ = worker;
    if (!capture_) return;
    if (auto told = capture_->reconfigure(live()); !told) log_error(told.error().text());
  });
  // They make themselves ready while the kernel verifies the programs.
  if (auto spawned = supervisor_->spawn(); !spawned) {
    log_error(spawned.error().text());
    return false;
  }
  worker_pid_ = supervisor_->worker_pid();

  LoadReport load;
  auto capture = LiveCapture::start(live(), &load);
  if (!capture) {
    log_error(capture.error().text());
    log_error("`handprint doctor` tells what is missing; `handprint read FILE` needs no privilege");
    return false;
  }
  capture_ = std::move(*capture);
  for (const GroupReport& group : capture_->report().groups)
    if (!group.loaded() && group.cause != LoadCause::not_wanted)
      log_warning("without " + std::string(name(group.group)) + " (" + std::string(purpose(group.group)) +
                  "): " + group.detail);
  for (const AttachFailure& failure : capture_->failures())
    log_warning("not attached to " + failure.name + ": " + failure.reason);
  if (auto reading = supervisor_->hand_over(*capture_, ready_ms); !reading) {
    log_error(reading.error().text());
    return false;
  }
  // What was needed to load is needed no more: the verifier's logs, the kernel's type information.
  lower_loader_capabilities();
  malloc_trim(0);
  rates_at_ = Clock::now();
  last_packets_ = last_selected_ = last_documents_ = 0;
  losses_known_ = 0;
  return true;
}

int LiveRun::run() {
  disabled_by_ = kill_switch_.engaged();
  if (!disabled_by_.empty()) {
    const std::string text = "disabled: nothing is attached, because " + disabled_by_ +
                             " exists; remove it and start again";
    log_always(text);
    notify_ready(text);
    return options_.service ? 0 : failure_code;
  }
  memory_ = plan_memory(settings_);
  if (auto fits = memory_.check(); !fits) {
    log_error(fits.error().text());
    return failure_code;
  }
  log_info("memory: at most " + memory_.text());
  std::string note;
  identity_ = load_identity(options_.service ? KeepIdentity::yes : KeepIdentity::no, &note);
  if (!note.empty()) log_warning(note);
  if (!start()) {
    // Children first: they read what the capture holds.
    supervisor_.reset();
    return failure_code;
  }
  if (auto listening = control_.listen(options_.control); !listening) {
    const std::string reason = "`handprint status` will not find this agent: " + listening.error().text();
    if (options_.service || !options_.control.empty())
      log_warning(reason);
    else
      log_debug(reason);
  }
  const std::string text = "capturing with " + where();
  log_always(text);
  notify_ready(text);
  watchdog_ = watchdog_interval();
  loop();
  notify_stopping("stopping: what has been captured is written");
  signals_.let_through();
  if (capture_ && !stop() && exit_code_ == 0) exit_code_ = failure_code;
  return exit_code_;
}

void LiveRun::loop() {
  constexpr double longest_s = 1e9;
  const auto end = options_.duration_s > 0 && options_.duration_s < longest_s
                       ? began_ + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(options_.duration_s))
                       : Clock::time_point::max();
  auto next = Clock::now() + tick;
  auto step = std::chrono::duration_cast<Clock::duration>(tick);
  if (watchdog_) step = std::min(step, std::chrono::duration_cast<Clock::duration>(*watchdog_ / 4));
  step = std::min(step, std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(load_.second())));
  std::vector<pollfd> wanted;
  while (!over_) {
    const auto until = std::min({next, Clock::now() + step, end});
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    wanted = {{signals_.descriptor(), POLLIN, 0},
              {control_.descriptor(), POLLIN, 0},
              {kill_switch_.descriptor(), POLLIN, 0}};
    if (supervisor_) supervisor_->append(wanted);
    ::poll(wanted.data(), wanted.size(), static_cast<int>(std::max<long>(wait, 0)));
    while (const int signal = signals_.next()) {
      if (signal == SIGCHLD) continue;  // it woke us, which is all that it is for
      if (signal == SIGHUP) {
        reload();
        continue;
      }
      log_info(std::string(signal == SIGTERM ? "SIGTERM" : "SIGINT") + ": stopping");
      over_ = true;
    }
    if (control_.descriptor() >= 0 && (wanted[1].revents & POLLIN) != 0)
      control_.serve([this] { return status_json(report(capture_ ? "capturing" : "disabled")); });
    if (supervisor_) {
      supervisor_->serve();
      if (!supervisor_->given_up().empty()) give_up();
      if (supervisor_ && supervisor_->over()) {
        closed_ = *supervisor_->over() == OverReason::closed;
        over_ = true;
      }
    }
    if (Clock::now() >= end) over_ = true;
    const bool ticked = Clock::now() >= next;
    if (!over_ && (ticked || (wanted[2].revents & POLLIN) != 0)) watch_kill_switch();
    feed_watchdog();
    govern();
    if (ticked) {
      on_tick();
      next = Clock::now() + tick;
    }
  }
}

// Leaves out more while the agent costs more than it may, and less again when it does not.
void LiveRun::govern() {
  const auto now = Clock::now();
  KernelCounters kernel{};
  if (!capture_ || !supervisor_ || now - governed_ < std::chrono::nanoseconds(load_.second()) ||
      !capture_->read_counters(kernel))
    return;
  governed_ = now;
  const bool was_detached = load_.governor().detached();
  const uint32_t before = load_.governor().step();
  const pid_t processes[] = {::getpid(), supervisor_->worker_pid(), supervisor_->procinfo_pid()};
  if (!load_.update(std::chrono::nanoseconds(now.time_since_epoch()).count(), processes, kernel,
                    supervisor_->pipeline().reader.process_records))
    return;
  const Governor& governor = load_.governor();
  char numbers[96];
  std::snprintf(numbers, sizeof(numbers), "load %.3f %% of the host, limit %.3f %%", load_.used_percent(),
                load_.limit_percent());
  const std::string text = std::string(numbers) + ": captures " + Governor::describe(governor.step()) +
                           " (before: " + Governor::describe(before) + ")";
  if (governor.step() > before)
    log_warning(text);
  else
    log_always(text);
  if (governor.detached()) capture_->pause();
  if (auto told = capture_->reconfigure(live()); !told) log_error(told.error().text());
  if (was_detached && !governor.detached())
    if (auto resumed = capture_->resume(); !resumed) log_error(resumed.error().text());
}

void LiveRun::report_load(StatusReport& out) const {
  const Governor& governor = load_.governor();
  out.load.used_percent = load_.used_percent();
  out.load.limit_percent = load_.limit_percent();
  out.load.step = governor.step();
  out.load.captures = Governor::describe(governor.step());
  out.load.counters = {{"steps_up", governor.counters().steps_up},
                       {"steps_down", governor.counters().steps_down},
                       {"detaches", governor.counters().detaches}};
  out.memory_plan = memory_.text();
  out.memory_planned = memory_.total();
  out.memory_limit = memory_.limit;
  if (!supervisor_) return;
  const ScanReport& scans = supervisor_->pipeline().scans;
  for (const ScanSource& source : scans.top)
    if (source.version == 4 || source.version == 6) out.scans.push_back({text_of(source), source.count});
  out.scan_sources = scans.sources;
  out.scan_others = scans.others;
}

// A child that keeps ending is not worth the risk to the host: off, and to stay off.
void LiveRun::give_up() {
  const std::string reason = supervisor_->given_up();
  stop();
  log_error(reason + ": detached from the kernel, nothing is captured any more; this needs a person");
  exit_code_ = exit_given_up;
  over_ = true;
}

void LiveRun::watch_kill_switch() {
  const std::string path = kill_switch_.engaged();
  if (path.empty() == disabled_by_.empty()) return;
  disabled_by_ = path;
  if (!path.empty()) {
    const std::string text = "disabled: detached from the kernel, because " + path + " exists";
    stop();
    log_always(text + "; it is attached again when that file is gone");
    notify_ready(text);
    return;
  }
  log_always("the kill switch is gone");
  if (!start()) {
    supervisor_.reset();
    exit_code_ = failure_code;
    over_ = true;
    return;
  }
  const std::string text = "capturing with " + where();
  log_always(text);
  notify_ready(text);
}

// Built and checked aside; what is wrong changes nothing.
void LiveRun::reload() {
  notify_reloading();
  if (supervisor_) supervisor_->reopen();
  if (options_.config.empty()) {
    log_info("reload: output files are opened anew; there is no configuration file to read again");
    notify_ready(capture_ ? "capturing with " + where() : "disabled");
    return;
  }
  SettingsResult loaded = load_settings(options_.config);
  if (!loaded.ok()) {
    ++reload_errors_;
    for (const Error& error : loaded.errors) log_error(error.text());
    log_error("reload refused: the running configuration stays");
    notify_ready((capture_ ? "capturing with " + where() : "disabled") + "; the last reload was refused");
    return;
  }
  const SettingsChange change = changed_settings(settings_, loaded.settings);
  Settings before = std::move(settings_);
  settings_ = std::move(loaded.settings);
  // What needs a restart stays as it runs, so that a later reload compares with the truth.
  settings_.sensor = before.sensor;
  settings_.capture.hook = before.capture.hook;
  settings_.capture.ring = before.capture.ring;
  settings_.limits.syn_records = before.limits.syn_records;
  settings_.limits.flow_memory = before.limits.flow_memory;
  settings_.limits.first_document_after = before.limits.first_document_after;
  settings_.limits.queue = before.limits.queue;
  settings_.limits.memory = before.limits.memory;
  load_.set_limit(settings_.limits.cpu);
  settings_.process = before.process;
  settings_.output = before.output;
  if (auto changed = capture_ ? capture_->reconfigure(live()) : Result<void>(); !changed) {
    ++reload_errors_;
    settings_ = std::move(before);
    load_.set_limit(settings_.limits.cpu);
    log_error("reload refused: " + changed.error().text() + "; the running configuration stays");
    notify_ready("capturing with " + where() + "; the last reload was refused");
    return;
  }
  if (supervisor_) supervisor_->reload(settings_);
  start_log(settings_.log.level, settings_.log.format);
  ++reloads_;
  std::string text = "reload: " + options_.config + " taken over";
  if (!change.any()) text += ", nothing changed";
  if (!change.reloadable.empty()) text += "; changed: " + joined(change.reloadable);
  log_always(text);
  if (!change.needs_restart.empty())
    log_warning("takes effect only after a restart: " + joined(change.needs_restart));
  notify_ready(capture_ ? "capturing with " + where() : "disabled");
}

StatusReport LiveRun::report(const char* state) {
  StatusReport out;
  out.version = version();
  out.agent_id = identity_.agent_id;
  out.sensor = settings_.sensor.id;
  out.host = identity_.host_name;
  out.pid = static_cast<uint32_t>(::getpid());
  out.uptime_s = std::chrono::duration<double>(Clock::now() - began_).count();
  out.config = options_.config;
  out.state = state;
  uint64_t most_shared = 0;
  const auto process = [&](const char* role, pid_t pid) {
    const ResidentMemory memory = pid > 0 ? resident_memory(pid) : ResidentMemory{};
    out.processes.push_back({role, static_cast<uint32_t>(pid), memory.bytes});
    out.rss_bytes += memory.bytes - memory.shared;
    out.rss_bytes += memory.shared - std::min(memory.shared, most_shared);
    most_shared = std::max(most_shared, memory.shared);
  };
  process("loader", ::getpid());
  report_load(out);
  out.reloads = reloads_;
  out.reload_errors = reload_errors_;
  if (!capture_ || !supervisor_) {
    out.hook = disabled_by_.empty() ? "none" : "none, by " + disabled_by_;
    return out;
  }
  process("worker", supervisor_->worker_pid());
  process("procinfo", supervisor_->procinfo_pid());
  const SupervisorCounters& lives = supervisor_->counters();
  out.supervisor = {{"worker_restarts", lives.worker_restarts},
                    {"procinfo_restarts", lives.procinfo_restarts},
                    {"worker_lost_flows", lives.worker_lost_flows},
                    {"worker_lost_records", lives.worker_lost_records}};
  const FollowCounters follow = capture_->follow_counters();
  out.interfaces = {{"attach_late", follow.attach_late}, {"overruns", follow.overruns},
                    {"moved_to_front", follow.moved_to_front}};
  out.hook = name(capture_->hook());
  for (const AttachedPoint& point : capture_->attached()) out.attached.push_back({point.name, point.how});
  for (const AttachFailure& failure : capture_->failures())
    out.not_attached.push_back({failure.name, failure.reason});
  KernelCounters kernel{};
  if (capture_->read_counters(kernel))
    for (uint32_t i = 0; i < HP_COUNT_MAX; ++i) out.kernel.emplace_back(counter_name(i), kernel[i]);
  const LivePipelineCounters& pipeline = supervisor_->pipeline();
  const ReaderCounters& reader = pipeline.reader;
  out.reader = {{"packet_records", reader.packet_records},
                {"segments", reader.segments},
                {"process_records", reader.process_records},
                {"bad_records", reader.bad_records},
                {"missing", reader.missing}};
  const EngineCounters& engine = pipeline.engine;
  out.engine = {{"segments", engine.segments},
                {"placed", engine.placed},
                {"flows", engine.flows},
                {"flows_closed", engine.flows_closed},
                {"documents", engine.documents},
                {"parts", engine.parts},
                {"flows_evicted", engine.flows_evicted},
                {"streams_cut", engine.streams_cut},
                {"duplicates", engine.duplicates},
                {"unusable", engine.unusable},
                {"incomplete", engine.incomplete},
                {"documents_dropped", engine.documents_dropped},
                {"documents_early", engine.documents_early},
                {"syn_unrecorded", engine.syn_unrecorded},
                {"syns_replaced", engine.syns_replaced},
                {"owners_early", engine.owners_early},
                {"merged", engine.merged},
                {"flows_joined", engine.flows_joined},
                {"ambiguous", engine.ambiguous},
                {"aliases_refused", engine.aliases_refused}};
  const ProcessTableCounters& table = pipeline.processes;
  out.process = {{"entries", table.entries},
                 {"bytes", table.bytes},
                 {"execs", table.execs},
                 {"evicted", table.evicted},
                 {"requests", table.requests},
                 {"requests_held", table.requests_held},
                 {"replies", table.replies},
                 {"replies_refused", table.replies_refused},
                 {"unannotated", pipeline.unannotated}};
  const ProcessInfoCounters& info = supervisor_->process_info();
  const std::pair<const char*, uint64_t> rows[] = {{"alive", info.alive},
                                                   {"gone", info.gone},
                                                   {"reused", info.reused},
                                                   {"replies_dropped", info.replies_dropped},
                                                   {"digests", info.digests},
                                                   {"digest_hits", info.digest_hits},
                                                   {"digest_refused", info.digest_refused},
                                                   {"users_asked", info.users_asked}};
  for (const auto& [key, count] : rows) out.process.emplace_back(key, count);
  for (const OutputReport& output : supervisor_->outputs()) {
    const OutputCounters& counters = output.counters;
    out.outputs.push_back({std::string(output.name.view()),
                           {{"written", counters.written},
                            {"bytes", counters.bytes},
                            {"dropped", counters.dropped},
                            {"errors", counters.errors},
                            {"queue_bytes", counters.queue_bytes},
                            {"queue_documents", counters.queue_documents}}});
  }
  out.packets_per_s = packets_rate_;
  out.selected_per_s = selected_rate_;
  out.documents_per_s = documents_rate_;
  out.kernel_map_bytes = capture_->report().map_bytes;
  const auto count = [&](uint32_t which) { return static_cast<int64_t>(kernel[which]); };
  out.unaccounted_selected = count(HP_COUNT_SELECTED) - count(HP_COUNT_EMITTED) -
                             count(HP_COUNT_SYN_STASHED) - count(HP_COUNT_LOST_RING) -
                             count(HP_COUNT_LOST_RATE) - count(HP_COUNT_LOST_LOAD) - count(HP_COUNT_OWN) -
                             count(HP_COUNT_LEFT_TO_CGROUP);
  out.unaccounted_records = count(HP_COUNT_EMITTED) - static_cast<int64_t>(reader.packet_records) -
                            static_cast<int64_t>(reader.bad_records) -
                            static_cast<int64_t>(lives.worker_lost_records);
  return out;
}

void LiveRun::on_tick() {
  KernelCounters kernel{};
  if (!capture_ || !capture_->read_counters(kernel)) return;
  const auto now = Clock::now();
  const double seconds = std::max(1e-3, std::chrono::duration<double>(now - rates_at_).count());
  rates_at_ = now;
  const LivePipelineCounters& pipeline = supervisor_->pipeline();
  const auto rate = [&](uint64_t value, uint64_t& last) {
    const double out = static_cast<double>(value - std::min(last, value)) / seconds;
    last = value;
    return out;
  };
  packets_rate_ = rate(kernel[HP_COUNT_PACKETS], last_packets_);
  selected_rate_ = rate(kernel[HP_COUNT_SELECTED], last_selected_);
  documents_rate_ = rate(pipeline.documents, last_documents_);

  NamedCounters losses;
  for (uint32_t which : {HP_COUNT_LOST_RING, HP_COUNT_LOST_RING_PROCESS, HP_COUNT_LOST_RATE, HP_COUNT_LOST_LOAD})
    losses.emplace_back(counter_name(which), kernel[which]);
  uint64_t dropped = 0;
  for (const OutputReport& output : supervisor_->outputs()) dropped += output.counters.dropped;
  watch_losses(losses, dropped, pipeline.engine.documents_dropped);

  if (options_.service && now - statistics_said_ >= statistics_interval) {
    statistics_said_ = now;
    std::string scanners;
    for (const ScanSource& source : pipeline.scans.top)
      if (source.count != 0 && scanners.size() < 200)
        scanners += (scanners.empty() ? "" : ", ") + text_of(source) + " " + std::to_string(source.count);
    if (pipeline.engine.syn_unrecorded != scans_said_) {
      scans_said_ = pipeline.engine.syn_unrecorded;
      log_info("unanswered connection attempts without a record: " + std::to_string(scans_said_) + ", most from " +
               scanners);
    }
    log_info("packets " + std::to_string(kernel[HP_COUNT_PACKETS]) + ", selected " +
             std::to_string(kernel[HP_COUNT_SELECTED]) + ", flows " + std::to_string(pipeline.engine.flows) +
             ", records " + std::to_string(pipeline.documents) + ", lost " + std::to_string(losses_known_) +
             ", " + std::to_string(report("capturing").rss_bytes >> 20) + " MiB");
  }
}

// The first loss is said at once, further ones once a minute.
void LiveRun::watch_losses(const NamedCounters& kernel, uint64_t sink_dropped, uint64_t engine_dropped) {
  uint64_t sum = sink_dropped + engine_dropped;
  std::string text;
  for (const auto& [key, count] : kernel) {
    sum += count;
    if (count != 0) text += (text.empty() ? "" : ", ") + key + " " + std::to_string(count);
  }
  if (sum == losses_known_) return;
  const auto now = Clock::now();
  if (losses_said_ && now - *losses_said_ < loss_interval) return;
  losses_said_ = now;
  losses_known_ = sum;
  if (sink_dropped != 0)
    text += (text.empty() ? "" : ", ") + ("dropped by outputs " + std::to_string(sink_dropped));
  if (engine_dropped != 0)
    text += (text.empty() ? "" : ", ") + ("documents without room " + std::to_string(engine_dropped));
  log_warning("losses since the start: " + text + " (`handprint status` tells more)");
}

void LiveRun::feed_watchdog() {
  if (!watchdog_) return;
  const auto now = Clock::now();
  if (now - fed_ < *watchdog_ / 4) return;
  // An output's thread and procinfo wake twice a second: with an impatient watchdog their beats are
  // compared over that time at least.
  if (now - fed_ < 700ms && now - fed_ < *watchdog_ * 2 / 5) return;
  if (supervisor_ && !supervisor_->advanced()) return;
  fed_ = now;
  notify_watchdog();
}

// Detaches, has everything written, and forgets it. False when something was lost by that.
bool LiveRun::stop() {
  capture_->stop();
  const Supervisor::Stopped stopped = supervisor_->stop();
  if (!stopped.complete || (!stopped.written && !closed_))
    log_error("the worker did not write everything in time: what it had is lost");
  const StatusReport last = report("stopped");
  if (!options_.service && ::isatty(STDERR_FILENO) != 0)
    log_info(std::to_string(value(last.kernel, "packets")) + " packets seen, " +
             std::to_string(value(last.kernel, "selected")) + " selected, " +
             std::to_string(value(last.engine, "flows")) + " flows, " +
             std::to_string(supervisor_->pipeline().documents) + " records");
  else
    log_info("counters " + status_json(last));
  capture_.reset();
  supervisor_.reset();
  return stopped.complete && (stopped.written || closed_);
}

}  // namespace

int run_live(const LiveRunOptions& options) {
  LiveRun run(options);
  return run.run();
}

}  // namespace handprint
