// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/live_run.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "agent/pipeline/live_options.h"
#include "agent/pipeline/live_pipeline.h"
#include "agent/sink/descriptor_sink.h"
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
// Of the ten seconds that a stop may take.
constexpr int pipeline_stop_ms = 6000;
constexpr int outputs_stop_ms = 3000;
constexpr int learn_ms = 1000;
constexpr int failure_code = 1;

uint64_t random_seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) seed = static_cast<uint64_t>(boot_time());
  return seed | 1;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::string_view item : words) out += (out.empty() ? "" : ", ") + std::string(item);
  return out;
}

Rendering rendering_of(const OutputSettings& output) {
  if (output.format == OutputFormat::line) return Rendering::line;
  return output.fields == OutputFields::all ? Rendering::json_all : Rendering::json;
}

// Wakes the control thread from any other.
class Wake {
 public:
  Wake() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Wake() { ::close(descriptor_); }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  int descriptor() const { return descriptor_; }
  void ring() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(descriptor_, &one, sizeof(one));
  }
  void quiet() const {
    uint64_t count;
    [[maybe_unused]] const ssize_t ignored = ::read(descriptor_, &count, sizeof(count));
  }

 private:
  int descriptor_;
};

// Signals as a descriptor; blocked in this thread and in all that it starts while this lives.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
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

class LiveRun {
 public:
  LiveRun(const LiveRunOptions& options, std::vector<std::unique_ptr<Sink>> sinks)
      : options_(options), settings_(options.settings), sinks_(std::move(sinks)) {}

  int run();

 private:
  bool start();
  void loop();
  int stop();
  void reload();
  void on_tick();
  void watch_losses(const NamedCounters& kernel, uint64_t sink_dropped, uint64_t engine_dropped);
  void feed_watchdog();
  StatusReport report(const char* state);
  std::shared_ptr<const LiveSnapshot> snapshot() const;
  std::string where() const;
  LiveOptions live() const;

  const LiveRunOptions& options_;
  Settings settings_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  Signals signals_;
  Wake wake_;
  uint64_t seed_ = random_seed();
  Identity identity_;
  std::unique_ptr<LiveCapture> capture_;
  std::unique_ptr<ProcessInfo> process_info_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::unique_ptr<LivePipeline> pipeline_;
  ControlSocket control_;

  Clock::time_point began_ = Clock::now();
  std::atomic<bool> over_{false};     // a limit was reached, or nobody reads the output any more
  std::atomic<bool> closed_{false};
  Clock::time_point rates_at_ = Clock::now();
  uint64_t last_packets_ = 0, last_selected_ = 0, last_documents_ = 0;
  double packets_rate_ = 0, selected_rate_ = 0, documents_rate_ = 0;
  std::optional<Clock::time_point> losses_said_;
  uint64_t losses_known_ = 0;
  Clock::time_point statistics_said_ = Clock::now();
  std::vector<uint64_t> heartbeats_;
  Clock::time_point fed_ = Clock::now();
  std::optional<std::chrono::microseconds> watchdog_;
  uint64_t reloads_ = 0, reload_errors_ = 0;
};

LiveOptions LiveRun::live() const {
  LiveOptions out = live_options(settings_);
  out.config.hash_seed = static_cast<uint32_t>(seed_);
  return out;
}

std::shared_ptr<const LiveSnapshot> LiveRun::snapshot() const {
  auto out = std::make_shared<LiveSnapshot>();
  out->sensor = settings_.sensor.id;
  out->labels = settings_.labels;
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
  std::string note;
  identity_ = load_identity(options_.service ? KeepIdentity::yes : KeepIdentity::no, &note);
  if (!note.empty()) log_warning(note);

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

  ProcessInfoOptions process_options;
  process_options.digests = settings_.process.hash;
  process_options.digest_max_bytes = settings_.process.hash_max_size;
  auto info = ProcessInfo::start(process_options);
  if (info)
    process_info_ = std::move(*info);
  else
    log_warning("records hold only what the kernel tells of processes: " + info.error().text());

  OutputEvents events;
  events.failed = [](std::string_view sink, std::string_view message) {
    log_error("output " + std::string(sink) + ": " + std::string(message));
  };
  events.recovered = [](std::string_view sink, std::string_view message) {
    log_info("output " + std::string(sink) + " " + std::string(message));
  };
  events.ended = [this](std::string_view sink, int error) {
    if (error == EPIPE && !options_.service) {
      closed_.store(true);
      over_.store(true);
      wake_.ring();
      return;
    }
    log_error("output " + std::string(sink) + " takes no more: " + std::strerror(error) +
              "; its documents are dropped and counted");
  };
  std::vector<Output*> pointers;
  for (auto& sink : sinks_) {
    outputs_.push_back(std::make_unique<Output>(
        std::move(sink), OutputOptions{static_cast<std::size_t>(settings_.limits.queue), true}, events));
    pointers.push_back(outputs_.back().get());
  }

  LivePipelineOptions pipeline;
  pipeline.engine.flow_bytes = static_cast<std::size_t>(settings_.limits.flow_memory);
  pipeline.engine.first_document_after = settings_.limits.first_document_after;
  pipeline.engine.http_messages = 0;  // the kernel's policy bounds them, and that may be reloaded
  pipeline.engine.syn_records = settings_.limits.syn_records;
  pipeline.engine.all_strings = options_.all_strings;
  pipeline.engine.identity = event_identity(identity_);
  pipeline.engine.hash_seed = random_seed();
  pipeline.processes.hash_seed = random_seed();
  pipeline.processes.service = process_info_ ? process_info_->descriptor() : -1;
  pipeline.processes.arguments = settings_.process.command_line;
  pipeline.processes.boot_id = identity_.boot_id;
  pipeline.identity = identity_;
  pipeline.document_limit = options_.count;
  pipeline.limit_reached = [this] {
    over_.store(true);
    wake_.ring();
  };
  pipeline_ = std::make_unique<LivePipeline>(*capture_, pointers, pipeline, snapshot());

  if (auto listening = control_.listen(options_.control); !listening) {
    const std::string reason = "`handprint status` will not find this agent: " + listening.error().text();
    if (options_.service || !options_.control.empty())
      log_warning(reason);
    else
      log_debug(reason);
  }
  for (auto& output : outputs_)
    output->bound(std::min(static_cast<std::size_t>(settings_.limits.queue), pipeline_->queue_limit()));
  pipeline_->learn_existing(learn_ms);
  pipeline_->start();
  return true;
}

int LiveRun::run() {
  if (!start()) {
    for (auto& sink : sinks_) sink.reset();
    return failure_code;
  }
  const std::string text = "capturing with " + where();
  log_always(text);
  notify_ready(text);
  watchdog_ = watchdog_interval();
  loop();
  return stop();
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
  while (!over_.load()) {
    const auto until = std::min({next, Clock::now() + step, end});
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd wanted[] = {{signals_.descriptor(), POLLIN, 0},
                       {wake_.descriptor(), POLLIN, 0},
                       {control_.descriptor(), POLLIN, 0}};
    ::poll(wanted, 3, static_cast<int>(std::max<long>(wait, 0)));
    wake_.quiet();
    while (const int signal = signals_.next()) {
      if (signal == SIGHUP) {
        reload();
        continue;
      }
      log_info(std::string(signal == SIGTERM ? "SIGTERM" : "SIGINT") + ": stopping");
      over_.store(true);
    }
    if (control_.descriptor() >= 0 && (wanted[2].revents & POLLIN) != 0)
      control_.serve([this] { return status_json(report("capturing")); });
    if (Clock::now() >= end) over_.store(true);
    feed_watchdog();
    if (Clock::now() >= next) {
      on_tick();
      next = Clock::now() + tick;
    }
  }
}

// Built and checked aside; what is wrong changes nothing.
void LiveRun::reload() {
  notify_reloading();
  for (auto& output : outputs_) output->reopen();
  if (options_.config.empty()) {
    log_info("reload: output files are opened anew; there is no configuration file to read again");
    notify_ready("capturing with " + where());
    return;
  }
  SettingsResult loaded = load_settings(options_.config);
  if (!loaded.ok()) {
    ++reload_errors_;
    for (const Error& error : loaded.errors) log_error(error.text());
    log_error("reload refused: the running configuration stays");
    notify_ready("capturing with " + where() + "; the last reload was refused");
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
  settings_.process = before.process;
  settings_.output = before.output;
  if (auto changed = capture_->reconfigure(live()); !changed) {
    ++reload_errors_;
    settings_ = std::move(before);
    log_error("reload refused: " + changed.error().text() + "; the running configuration stays");
    notify_ready("capturing with " + where() + "; the last reload was refused");
    return;
  }
  pipeline_->publish(snapshot());
  start_log(settings_.log.level, settings_.log.format);
  ++reloads_;
  std::string text = "reload: " + options_.config + " taken over";
  if (!change.any()) text += ", nothing changed";
  if (!change.reloadable.empty()) text += "; changed: " + joined(change.reloadable);
  log_always(text);
  if (!change.needs_restart.empty())
    log_warning("takes effect only after a restart: " + joined(change.needs_restart));
  notify_ready("capturing with " + where());
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
  out.hook = name(capture_->hook());
  for (const AttachedPoint& point : capture_->attached()) out.attached.push_back({point.name, point.how});
  for (const AttachFailure& failure : capture_->failures())
    out.not_attached.push_back({failure.name, failure.reason});
  KernelCounters kernel{};
  if (capture_->read_counters(kernel))
    for (uint32_t i = 0; i < HP_COUNT_MAX; ++i) out.kernel.emplace_back(counter_name(i), kernel[i]);
  const LivePipelineCounters pipeline = pipeline_->counters();
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
                {"owners_early", engine.owners_early}};
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
  if (process_info_) {
    const ProcessInfoCounters info = process_info_->counters();
    const std::pair<const char*, uint64_t> rows[] = {{"alive", info.alive},
                                                     {"gone", info.gone},
                                                     {"reused", info.reused},
                                                     {"replies_dropped", info.replies_dropped},
                                                     {"digests", info.digests},
                                                     {"digest_hits", info.digest_hits},
                                                     {"digest_refused", info.digest_refused},
                                                     {"users_asked", info.users_asked}};
    for (const auto& [key, count] : rows) out.process.emplace_back(key, count);
  }
  for (const auto& output : outputs_) {
    const OutputCounters counters = output->counters();
    out.outputs.push_back({std::string(output->name()),
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
  out.rss_bytes = resident_bytes();
  out.kernel_map_bytes = capture_->report().map_bytes;
  out.reloads = reloads_;
  out.reload_errors = reload_errors_;
  const auto count = [&](uint32_t which) { return static_cast<int64_t>(kernel[which]); };
  out.unaccounted_selected = count(HP_COUNT_SELECTED) - count(HP_COUNT_EMITTED) -
                             count(HP_COUNT_SYN_STASHED) - count(HP_COUNT_LOST_RING) -
                             count(HP_COUNT_LOST_RATE) - count(HP_COUNT_LOST_LOAD) - count(HP_COUNT_OWN);
  out.unaccounted_records = count(HP_COUNT_EMITTED) - static_cast<int64_t>(reader.packet_records) -
                            static_cast<int64_t>(reader.bad_records);
  return out;
}

void LiveRun::on_tick() {
  KernelCounters kernel{};
  if (!capture_->read_counters(kernel)) return;
  const auto now = Clock::now();
  const double seconds = std::max(1e-3, std::chrono::duration<double>(now - rates_at_).count());
  rates_at_ = now;
  const LivePipelineCounters pipeline = pipeline_->counters();
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
  for (const auto& output : outputs_) dropped += output->counters().dropped;
  watch_losses(losses, dropped, pipeline.engine.documents_dropped);

  if (options_.service && now - statistics_said_ >= statistics_interval) {
    statistics_said_ = now;
    log_info("packets " + std::to_string(kernel[HP_COUNT_PACKETS]) + ", selected " +
             std::to_string(kernel[HP_COUNT_SELECTED]) + ", flows " + std::to_string(pipeline.engine.flows) +
             ", records " + std::to_string(pipeline.documents) + ", lost " + std::to_string(losses_known_) +
             ", " + std::to_string(resident_bytes() >> 20) + " MiB");
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
  std::vector<uint64_t> beats{pipeline_->heartbeat()};
  for (const auto& output : outputs_) beats.push_back(output->heartbeat());
  if (!heartbeats_.empty()) {
    // An output's thread wakes twice a second: with an impatient watchdog its beats are compared over
    // half a second at least.
    if (now - fed_ < 700ms && now - fed_ < *watchdog_ * 2 / 5) return;
    for (std::size_t i = 0; i < beats.size(); ++i)
      if (beats[i] == heartbeats_[i]) return;
  }
  heartbeats_ = std::move(beats);
  fed_ = now;
  notify_watchdog();
}

int LiveRun::stop() {
  notify_stopping("stopping: what has been captured is written");
  signals_.let_through();
  bool complete = pipeline_->stop(pipeline_stop_ms);
  if (!complete) log_error("the pipeline did not end in time: packets in the rings are lost");
  bool written = true;
  const auto end = Clock::now() + std::chrono::milliseconds(outputs_stop_ms);
  for (auto& output : outputs_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (!output->finish(static_cast<int>(std::max<long>(left, 100))) && !closed_.load()) {
      written = false;
      log_error("output " + std::string(output->name()) + " did not take all documents in time");
    }
  }
  const StatusReport last = report("stopped");
  if (!options_.service && ::isatty(STDERR_FILENO) != 0)
    log_info(std::to_string(value(last.kernel, "packets")) + " packets seen, " +
             std::to_string(value(last.kernel, "selected")) + " selected, " +
             std::to_string(value(last.engine, "flows")) + " flows, " +
             std::to_string(pipeline_->counters().documents) + " records");
  else
    log_info("counters " + status_json(last));
  if (!complete || !written) {
    // A thread hangs in a device; waiting for it would hold up the stop.
    if (control_.descriptor() >= 0) ::unlink(control_.path().c_str());
    std::fflush(nullptr);
    ::_exit(failure_code);
  }
  return 0;
}

}  // namespace

Result<std::vector<std::unique_ptr<Sink>>> settings_sinks(const Settings& settings) {
  std::vector<std::unique_ptr<Sink>> out;
  for (const OutputSettings& output : settings.output) {
    if (output.type == OutputType::stdout_) {
      out.push_back(stdout_sink(rendering_of(output)));
      continue;
    }
    auto file = file_sink(output.path, rendering_of(output), FileMode::append);
    if (!file) return file.error();
    out.push_back(std::move(*file));
  }
  return out;
}

int run_live(const LiveRunOptions& options, std::vector<std::unique_ptr<Sink>> sinks) {
  LiveRun run(options, std::move(sinks));
  return run.run();
}

}  // namespace handprint
