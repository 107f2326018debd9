// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/supervisor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "agent/source/live/host.h"
#include "agent/supervisor/outputs.h"
#include "agent/supervisor/settings_file.h"
#include "agent/telemetry/log.h"

namespace handprint {
namespace {

using namespace std::chrono_literals;

// Of the five seconds that a stop may take.
constexpr uint32_t pipeline_stop_ms = 2500;
constexpr uint32_t outputs_stop_ms = 1200;
constexpr auto stop_limit = 4300ms;
constexpr auto ready_limit = 15s;
constexpr std::size_t messages_a_round = 256;
constexpr std::size_t most_changed_names = 16384;
constexpr uint32_t said_waiting_ms = 10'000;

// Structs of nothing but counters.
template <class T>
T sum(const T& a, const T& b) {
  static_assert(sizeof(T) % sizeof(uint64_t) == 0 && std::is_trivially_copyable_v<T>);
  using Numbers = std::array<uint64_t, sizeof(T) / sizeof(uint64_t)>;
  Numbers left, right;
  std::memcpy(left.data(), &a, sizeof(T));
  std::memcpy(right.data(), &b, sizeof(T));
  for (std::size_t i = 0; i < left.size(); ++i) left[i] += right[i];
  T out;
  std::memcpy(static_cast<void*>(&out), left.data(), sizeof(T));
  return out;
}

LivePipelineCounters all_of(const LivePipelineCounters& before, const LivePipelineCounters& now) {
  LivePipelineCounters out = now;
  out.reader = sum(before.reader, now.reader);
  out.engine = sum(before.engine, now.engine);
  out.processes = sum(before.processes, now.processes);
  out.processes.entries = now.processes.entries;  // what is there now
  out.processes.bytes = now.processes.bytes;
  out.documents = before.documents + now.documents;
  out.unannotated = before.unannotated + now.unannotated;
  return out;
}

std::string number(uint64_t value) { return std::to_string(value); }

Error failure(std::string message) {
  Error error;
  error.message = std::move(message);
  return error;
}

}  // namespace

Supervisor::Supervisor(WorkerPlan plan, std::vector<Descriptor> files,
                       std::function<void(pid_t)> worker_started)
    : plan_(std::move(plan)),
      files_(std::move(files)),
      worker_started_(std::move(worker_started)),
      run_as_(unprivileged_user()),
      served_(Clock::now()),
      names_wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Supervisor::~Supervisor() = default;

Result<void> Supervisor::spawn() {
  if (plan_.settings.output.size() > WorkerReport::most)
    return failure("at most " + number(WorkerReport::most) + " outputs are possible");
  if (auto started = start_procinfo(); !started) return started;
  return start_worker();
}

Result<void> Supervisor::start_procinfo() {
  auto child = Child::spawn(Role::procinfo);
  if (!child) return child.error();
  procinfo_ = std::move(*child);
  procinfo_ready_ = false;
  procinfo_failure_.clear();
  procinfo_beat_ = 0;
  procinfo_beat_at_ = Clock::now();
  procinfo_base_ = procinfo_total_;
  procinfo_last_ = {};
  StartProcinfo start;
  start.loader_pid = static_cast<uint32_t>(::getpid());
  start.uid = run_as_.uid;
  start.gid = run_as_.gid;
  start.digests = plan_.settings.process.hash ? 1 : 0;
  start.digest_max_bytes = plan_.settings.process.hash_max_size;
  procinfo_.channel.send(start);
  return {};
}

Result<void> Supervisor::start_worker() {
  auto child = Child::spawn(Role::worker);
  if (!child) return child.error();
  worker_ = std::move(*child);
  worker_ready_ = false;
  worker_failure_.clear();
  worker_began_ = Clock::now();
  heard_ = false;
  base_ = total_;
  last_ = {};
  base_outputs_ = outputs_;
  StartWorker start;
  auto settings = pack_settings(plan_.settings, start.settings_bytes);
  if (!settings) return settings.error();
  start.loader_pid = static_cast<uint32_t>(::getpid());
  start.uid = run_as_.uid;
  start.gid = run_as_.gid;
  start.service = plan_.service ? 1 : 0;
  start.all_strings = plan_.all_strings ? 1 : 0;
  if (plan_.rendering) start.rendering = static_cast<uint8_t>(*plan_.rendering);
  if (plan_.count != 0)
    start.count = std::max<uint64_t>(plan_.count - std::min(plan_.count, total_.documents), 1);
  start.agent_id.set(plan_.identity.agent_id);
  start.agent_name.set(plan_.identity.agent_name);
  start.host_id.set(plan_.identity.host_id);
  start.host_name.set(plan_.identity.host_name);
  start.boot_id.set(plan_.identity.boot_id);
  worker_.channel.send(start, {settings->get()});
  for (uint32_t i = 0; i < files_.size(); ++i) {
    if (!files_[i]) continue;
    OutputFileMessage file;
    file.index = i;
    worker_.channel.send(file, {files_[i].get()});
  }
  return {};
}

// A new socket pair between worker and procinfo, since one end of the last is gone.
void Supervisor::join_services() {
  auto ends = ProcessInfo::make_pair();
  if (!ends) {
    log_warning("records hold only what the kernel tells of processes: " + ends.error().text());
    return;
  }
  AskerMessage asker;
  procinfo_.channel.send(asker, {ends->second.get()});
  ProcessServiceMessage service;
  worker_.channel.send(service, {ends->first.get()});
}

void Supervisor::begin() {
  RingsMessage rings;
  rings.packet_bytes = capture_->report().packet_ring_bytes;
  rings.process_bytes = capture_->report().process_ring_bytes;
  rings.own_netns = own_network_namespace();
  rings.sockets_seen = capture_->hook() == LiveHook::automatic ? 1 : 0;
  worker_.channel.send(rings, {capture_->packet_ring(), capture_->process_ring()});
  // Its own connections are left out of the records, whichever of its processes makes them.
  worker_started_(worker_.pid());
  join_services();
  send_names(true);
  BeginMessage message;
  worker_.channel.send(message);
}

Result<void> Supervisor::hand_over(LiveCapture& capture, int ms) {
  capture_ = &capture;
  const std::vector<hp_owner>& owners = capture.seeded();
  for (std::size_t at = 0; at < owners.size(); at += OwnersMessage::most) {
    OwnersMessage message;
    message.count = static_cast<uint32_t>(std::min(owners.size() - at, OwnersMessage::most));
    std::copy_n(owners.begin() + static_cast<long>(at), message.count, message.item);
    worker_.channel.send(message);
  }
  begin();
  const auto until = Clock::now() + std::chrono::milliseconds(ms);
  while (!worker_ready_) {
    std::vector<pollfd> wanted;
    append(wanted);
    ::poll(wanted.data(), wanted.size(), 50);
    hear_worker();
    hear_procinfo();
    if (!worker_failure_.empty()) return failure("the worker cannot work: " + worker_failure_);
    if (const auto status = worker_.reap())
      return failure("the worker ended at its start by " + end_text(*status));
    if (Clock::now() >= until) return failure("the worker is not ready in time");
  }
  return {};
}

void Supervisor::interface_changed(uint32_t index, std::string_view name) {
  {
    std::lock_guard lock(names_mutex_);
    if (name.empty())
      names_.erase(index);
    else
      names_[index] = name;
    if (changed_names_.size() < most_changed_names) changed_names_.push_back(index);
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(names_wake_.get(), &one, sizeof(one));
}

void Supervisor::send_names(bool all) {
  std::lock_guard lock(names_mutex_);
  if (all) {
    changed_names_.clear();
    for (const auto& [index, name] : names_) changed_names_.push_back(index);
  }
  for (const uint32_t index : changed_names_) {
    InterfaceMessage message;
    message.index = index;
    const auto known = names_.find(index);
    message.gone = known == names_.end() ? 1 : 0;
    if (known != names_.end()) message.name.set(known->second);
    worker_.channel.send(message);
  }
  changed_names_.clear();
}

void Supervisor::append(std::vector<pollfd>& wanted) const {
  for (const Child* child : {&worker_, &procinfo_}) {
    const int descriptor = child->channel.descriptor();
    if (descriptor < 0) continue;
    wanted.push_back(
        {descriptor, static_cast<short>(child->channel.queued() ? POLLIN | POLLOUT : POLLIN), 0});
  }
  wanted.push_back({names_wake_.get(), POLLIN, 0});
}

void Supervisor::take(const WorkerReport& report) {
  heard_ = true;
  pipeline_beat_ = report.heartbeat;
  last_ = report.pipeline;
  total_ = all_of(base_, last_);
  outputs_.assign(report.item, report.item + report.count);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    OutputReport& output = outputs_[i];
    output.name.set(visible_text(output.name.view()));
    if (i >= base_outputs_.size()) continue;
    const OutputCounters& before = base_outputs_[i].counters;
    output.counters.written += before.written;
    output.counters.bytes += before.bytes;
    output.counters.dropped += before.dropped;
    output.counters.errors += before.errors;
  }
  waiting_said_.resize(outputs_.size());
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const bool waits = outputs_[i].waiting_ms >= said_waiting_ms;
    if (waits && !waiting_said_[i])
      log_warning("output " + std::string(outputs_[i].name.view()) +
                  ": its device has not taken a write for " + number(said_waiting_ms / 1000) +
                  " s; documents wait and then are dropped, the other outputs go on");
    if (!waits && waiting_said_[i] && outputs_[i].waiting_ms == 0)
      log_info("output " + std::string(outputs_[i].name.view()) +
               ": its device takes writes again");
    if (waits || outputs_[i].waiting_ms == 0) waiting_said_[i] = waits;
  }
}

void Supervisor::hear_worker() {
  static WorkerReport report;
  Received received;
  worker_.channel.flush();
  for (std::size_t i = 0; i < messages_a_round; ++i) {
    switch (worker_.channel.receive(received)) {
      case Channel::Heard::nothing:
      case Channel::Heard::closed:
        return;  // its end is noticed by its status
      case Channel::Heard::malformed:
        break;
      case Channel::Heard::message: {
        ReadyMessage ready;
        FailedMessage failed;
        OverMessage over;
        StoppedMessage stopped;
        if (read_message(received.bytes, report)) {
          take(report);
          continue;
        }
        if (read_message(received.bytes, ready)) {
          worker_ready_ = true;
          continue;
        }
        if (read_message(received.bytes, failed)) {
          worker_failure_ = visible_text(failed.text.view());
          if (worker_failure_.empty()) worker_failure_ = "no reason given";
          continue;
        }
        if (read_message(received.bytes, over)) {
          over_ = over.reason == OverReason::closed ? OverReason::closed : OverReason::limit;
          continue;
        }
        if (read_message(received.bytes, stopped)) {
          stopped_ = stopped;
          continue;
        }
        break;
      }
    }
    // It runs our own code, so this is not its own doing any more.
    log_error("the worker says what it should not be able to say: it is ended");
    ::kill(worker_.pid(), SIGKILL);
    return;
  }
}

void Supervisor::hear_procinfo() {
  Received received;
  procinfo_.channel.flush();
  for (std::size_t i = 0; i < messages_a_round; ++i) {
    switch (procinfo_.channel.receive(received)) {
      case Channel::Heard::nothing:
      case Channel::Heard::closed:
        return;
      case Channel::Heard::malformed:
        break;
      case Channel::Heard::message: {
        ReadyMessage ready;
        FailedMessage failed;
        ProcinfoReport report;
        if (read_message(received.bytes, report)) {
          if (report.heartbeat != procinfo_beat_) procinfo_beat_at_ = Clock::now();
          procinfo_beat_ = report.heartbeat;
          procinfo_last_ = report.counters;
          procinfo_total_ = sum(procinfo_base_, procinfo_last_);
          continue;
        }
        if (read_message(received.bytes, ready)) {
          procinfo_ready_ = true;
          continue;
        }
        if (read_message(received.bytes, failed)) {
          procinfo_failure_ = visible_text(failed.text.view());
          continue;
        }
        break;
      }
    }
    log_error("procinfo says what it should not be able to say: it is ended");
    ::kill(procinfo_.pid(), SIGKILL);
    return;
  }
}

bool Supervisor::another_crash(Role role, const std::string& how) {
  const auto now = Clock::now();
  crashes_.push_back(now);
  while (!crashes_.empty() && now - crashes_.front() > crash_span) crashes_.pop_front();
  if (crashes_.size() < most_crashes) return true;
  given_up_ = std::string(name(role)) + " ended by " + how + ", the " + number(crashes_.size()) +
              "th end of a process within 10 minutes";
  if (crashes_.size() == most_crashes)
    given_up_ = std::string(name(role)) + " ended by " + how +
                ", the third end of a process within 10 minutes";
  return false;
}

// What stood in the memory of a worker that ended.
void Supervisor::count_losses() {
  // Connections whose first document was not made yet. Those that were, but stand in the table for what
  // may come later, lose only that.
  const EngineCounters& engine = last_.engine;
  const uint64_t first = engine.documents - std::min(engine.documents, engine.parts);
  const uint64_t settled = std::max(engine.flows_closed, first);
  uint64_t flows = engine.flows - std::min(engine.flows, settled);
  for (const OutputReport& output : outputs_) flows += std::min<uint64_t>(output.counters.queue_documents, 1u << 20);
  // What the kernel wrote, less what was read as far as is known and what still stands there. The
  // kernel goes on meanwhile: the counter must not have moved.
  for (int attempt = 0; attempt < 20; ++attempt) {
    KernelCounters before{}, after{};
    if (!capture_->read_counters(before)) break;
    const uint64_t unread = capture_->unread_packets();
    if (!capture_->read_counters(after)) break;
    const uint64_t emitted = after[HP_COUNT_EMITTED];
    if (before[HP_COUNT_EMITTED] != emitted && attempt < 19) continue;
    const uint64_t accounted =
        total_.reader.packet_records + unread + counters_.worker_lost_records;
    const uint64_t lost = emitted > accounted ? emitted - accounted : 0;
    counters_.worker_lost_records += lost;
    // What came since its last word, by what a connection took until then.
    const uint64_t read = std::max<uint64_t>(last_.reader.packet_records, 1);
    flows += (std::min<uint64_t>(lost, 1u << 24) * std::min<uint64_t>(engine.flows, read) + read - 1) / read;
    break;
  }
  counters_.worker_lost_flows += std::min<uint64_t>(flows, 1u << 24);
}

void Supervisor::worker_ended(const std::string& how) {
  count_losses();
  log_error("the worker (pid " + number(static_cast<uint64_t>(worker_.pid())) + ") ended by " +
            how + (worker_failure_.empty() ? "" : ": " + worker_failure_) + "; about " +
            number(counters_.worker_lost_flows) +
            " connections that it was reading are lost so far");
  if (!another_crash(Role::worker, how)) return;
  ++counters_.worker_restarts;
  if (auto started = start_worker(); !started) {
    given_up_ = started.error().text();
    return;
  }
  // It knows no process yet.
  capture_->forget_announced();
  begin();
  log_always("the worker runs again, as pid " + number(static_cast<uint64_t>(worker_.pid())));
}

void Supervisor::procinfo_ended(const std::string& how, bool crash) {
  log_error("procinfo ended by " + how +
            (procinfo_failure_.empty() ? "" : ": " + procinfo_failure_));
  if (crash && !another_crash(Role::procinfo, how)) return;
  ++counters_.procinfo_restarts;
  if (auto started = start_procinfo(); !started) {
    given_up_ = started.error().text();
    return;
  }
  join_services();
  log_always("procinfo runs again, as pid " + number(static_cast<uint64_t>(procinfo_.pid())));
}

void Supervisor::serve() {
  const auto now = Clock::now();
  // Who was stopped or starved itself cannot tell who else was.
  if (now - served_ > 3s) procinfo_beat_at_ = worker_began_ = now;
  served_ = now;
  hear_worker();
  hear_procinfo();
  uint64_t changes;
  if (::read(names_wake_.get(), &changes, sizeof(changes)) > 0) send_names(false);
  if (!given_up_.empty() || capture_ == nullptr) return;

  if (const auto status = procinfo_.reap()) {
    procinfo_ended(end_text(*status), true);
  } else if (now - procinfo_beat_at_ > procinfo_patience) {
    procinfo_.kill();
    procinfo_ended("the loader, since it did not answer for 10 s", false);
  }
  if (!given_up_.empty()) return;
  if (const auto status = worker_.reap()) {
    worker_ended(end_text(*status));
  } else if (!worker_ready_ && now - worker_began_ > ready_limit) {
    worker_.kill();
    worker_ended("the loader, since it was not ready in time");
  }
}

void Supervisor::reload(const Settings& settings) {
  plan_.settings = settings;
  SettingsMessage message;
  auto file = pack_settings(settings, message.bytes);
  if (!file || !worker_.channel.send(message, {file->get()}))
    log_error("the worker keeps its settings");
}

void Supervisor::reopen() {
  for (uint32_t i = 0; i < files_.size(); ++i) {
    if (!files_[i]) continue;
    auto file = open_output_file(plan_.settings.output[i].path, FileMode::append, false);
    if (!file) {
      log_error("output file:" + plan_.settings.output[i].path +
                " keeps the old file: " + file.error().text());
      continue;
    }
    files_[i] = std::move(*file);
    OutputFileMessage message;
    message.index = i;
    worker_.channel.send(message, {files_[i].get()});
  }
}

Supervisor::Stopped Supervisor::stop() {
  Stopped out;
  if (worker_.running()) {
    ::kill(worker_.pid(), SIGCONT);
    if (procinfo_.running()) ::kill(procinfo_.pid(), SIGCONT);
    StopMessage order;
    order.pipeline_ms = pipeline_stop_ms;
    order.outputs_ms = outputs_stop_ms;
    worker_.channel.send(order);
    const auto until = Clock::now() + stop_limit;
    bool ended = false;
    while (!ended && !stopped_ && Clock::now() < until) {
      pollfd wanted{worker_.channel.descriptor(),
                    static_cast<short>(worker_.channel.queued() ? POLLIN | POLLOUT : POLLIN), 0};
      ::poll(&wanted, 1, 20);
      ended = (wanted.revents & POLLHUP) != 0;
      hear_worker();
    }
    if (stopped_) {
      out.complete = stopped_->pipeline_complete != 0;
      out.written = stopped_->outputs_written != 0;
    }
  }
  worker_.kill();
  procinfo_.kill();
  return out;
}

bool Supervisor::advanced() {
  if (!heard_ || procinfo_beat_ == 0) return fed_beats_.empty();
  std::vector<uint64_t> beats{pipeline_beat_, procinfo_beat_};
  for (const OutputReport& output : outputs_) beats.push_back(output.heartbeat);
  if (fed_beats_.size() == beats.size()) {
    for (std::size_t i = 0; i < beats.size(); ++i) {
      const bool waits = i >= 2 && outputs_[i - 2].waiting_ms != 0;
      if (beats[i] == fed_beats_[i] && !waits) return false;
    }
  }
  fed_beats_ = std::move(beats);
  return true;
}

}  // namespace handprint
