// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/worker.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "agent/pipeline/live_pipeline.h"
#include "agent/sink/output.h"
#include "agent/source/live/ring_feed.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/confinement.h"
#include "agent/supervisor/outputs.h"
#include "agent/supervisor/settings_file.h"
#include "agent/telemetry/log.h"

namespace handprint {
namespace {

using Clock = std::chrono::steady_clock;

// The loader loads its programs meanwhile, which takes minutes on a slow machine; it ends us when
// it gives up, and its own end is heard as the channel's.
constexpr int start_ms = -1;
constexpr auto report_interval = std::chrono::milliseconds(200);
constexpr int learn_ms = 1000;

uint64_t random_seed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) seed = static_cast<uint64_t>(boot_time());
  return seed | 1;
}

class Worker {
 public:
  int run();

 private:
  bool prepare();
  bool take_over();
  bool begin();
  int loop();
  void obey(Received& received);
  int stop(const StopMessage& order);
  void send_report();
  bool fail(const std::string& reason);
  std::shared_ptr<const LiveSnapshot> snapshot() const;
  void wake() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(wake_.get(), &one, sizeof(one));
  }

  Channel channel_{Descriptor(child_channel_descriptor)};
  Descriptor wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  StartWorker start_;
  Settings settings_;
  Identity identity_;
  std::vector<Descriptor> files_;  // by output, until their sinks are made
  std::vector<hp_owner> owners_;
  std::vector<std::pair<uint32_t, std::string>> names_;
  Descriptor process_service_;
  Descriptor packet_ring_, process_ring_;
  RingsMessage rings_;
  std::unique_ptr<RingFeed> feed_;
  std::vector<HandedFileSink*> handed_;  // by output, null where it is no file
  std::vector<std::unique_ptr<Output>> outputs_;
  std::unique_ptr<LivePipeline> pipeline_;
  std::atomic<bool> limit_{false}, closed_{false};
  bool over_told_ = false;
  int exit_code_ = -1;
};

bool Worker::fail(const std::string& reason) {
  FailedMessage failed;
  failed.text.set(reason);
  channel_.send(failed);
  return false;
}

std::shared_ptr<const LiveSnapshot> Worker::snapshot() const {
  auto out = std::make_shared<LiveSnapshot>();
  out->sensor = settings_.sensor.id;
  out->labels = settings_.labels;
  return out;
}

// From a process with its parent's powers to one with none.
bool Worker::prepare() {
  Received received;
  if (channel_.receive(received, start_ms) != Channel::Heard::message ||
      !read_message(received.bytes, start_) || received.descriptors.size() != 1)
    return false;
  if (auto dropped =
          drop_privileges(0, {start_.uid, start_.gid}, static_cast<pid_t>(start_.loader_pid));
      !dropped)
    return fail(dropped.error().text());
  auto settings = unpack_settings(received.descriptors.front().get(), start_.settings_bytes);
  if (!settings) return fail(settings.error().text());
  settings_ = std::move(*settings);
  start_log(settings_.log.level, settings_.log.format);
  identity_.agent_id = start_.agent_id.view();
  identity_.agent_name = start_.agent_name.view();
  identity_.host_id = start_.host_id.view();
  identity_.host_name = start_.host_name.view();
  identity_.boot_id = start_.boot_id.view();
  files_.resize(settings_.output.size());
  if (auto filtered = filter_worker_calls(); !filtered) return fail(filtered.error().text());
  return true;
}

// Takes what the loader hands over, up to `begin`.
bool Worker::take_over() {
  Received received;
  for (;;) {
    const Channel::Heard heard = channel_.receive(received, start_ms);
    if (heard != Channel::Heard::message) return false;
    switch (received.kind) {
      case MessageKind::begin:
        return true;
      case MessageKind::rings:
        if (!read_message(received.bytes, rings_) || received.descriptors.size() != 2) return false;
        packet_ring_ = std::move(received.descriptors[0]);
        process_ring_ = std::move(received.descriptors[1]);
        break;
      case MessageKind::owners: {
        auto owners = std::make_unique<OwnersMessage>();
        if (!read_message(received.bytes, *owners)) return false;
        owners_.insert(owners_.end(), owners->item, owners->item + owners->count);
        break;
      }
      case MessageKind::interface_name: {
        InterfaceMessage name;
        if (!read_message(received.bytes, name)) return false;
        if (name.gone == 0) names_.emplace_back(name.index, name.name.view());
        break;
      }
      case MessageKind::output_file: {
        OutputFileMessage file;
        if (!read_message(received.bytes, file) || received.descriptors.size() != 1 ||
            file.index >= files_.size())
          return false;
        files_[file.index] = std::move(received.descriptors.front());
        break;
      }
      case MessageKind::process_service:
        if (received.descriptors.size() == 1)
          process_service_ = std::move(received.descriptors.front());
        break;
      default:
        obey(received);
    }
    if (exit_code_ >= 0) return false;
  }
}

bool Worker::begin() {
  auto feed = RingFeed::open(std::move(packet_ring_), std::move(process_ring_),
                             {rings_.packet_bytes, rings_.process_bytes}, rings_.own_netns,
                             std::move(owners_));
  if (!feed) return fail(feed.error().text());
  feed_ = std::move(*feed);
  for (const auto& [index, name] : names_) feed_->interface_is(index, name);

  OutputEvents events;
  events.failed = [](std::string_view sink, std::string_view message) {
    log_error("output " + std::string(sink) + ": " + std::string(message));
  };
  events.recovered = [](std::string_view sink, std::string_view message) {
    log_info("output " + std::string(sink) + " " + std::string(message));
  };
  events.ended = [this](std::string_view sink, int error) {
    if (error == EPIPE && start_.service == 0) {
      closed_.store(true);
      wake();
      return;
    }
    log_error("output " + std::string(sink) + " takes no more: " + std::strerror(error) +
              "; its documents are dropped and counted");
  };
  std::vector<Output*> pointers;
  for (std::size_t i = 0; i < settings_.output.size(); ++i) {
    const Rendering rendering = start_.rendering == rendering_of_settings
                                    ? rendering_of(settings_.output[i])
                                    : static_cast<Rendering>(start_.rendering);
    HandedFileSink* handed = nullptr;
    auto sink = make_sink(settings_.output[i], rendering, std::move(files_[i]), handed);
    if (!sink) return fail(sink.error().text());
    handed_.push_back(handed);
    outputs_.push_back(std::make_unique<Output>(
        std::move(*sink), OutputOptions{static_cast<std::size_t>(settings_.limits.queue), true},
        events));
    pointers.push_back(outputs_.back().get());
  }

  LivePipelineOptions pipeline;
  pipeline.engine.flow_bytes = static_cast<std::size_t>(settings_.limits.flow_memory);
  pipeline.engine.first_document_after = settings_.limits.first_document_after;
  pipeline.engine.http_messages = 0;  // the kernel's policy bounds them, and that may be reloaded
  pipeline.engine.syn_records = settings_.limits.syn_records;
  pipeline.engine.sockets_seen = rings_.sockets_seen != 0;
  pipeline.engine.certificates = settings_.capture.certificates;
  pipeline.engine.all_strings = start_.all_strings != 0;
  pipeline.engine.identity = event_identity(identity_);
  pipeline.engine.hash_seed = random_seed();
  pipeline.processes.hash_seed = random_seed();
  pipeline.processes.service = process_service_.get();
  pipeline.processes.arguments = settings_.process.command_line;
  pipeline.processes.boot_id = identity_.boot_id;
  pipeline.identity = identity_;
  pipeline.document_limit = start_.count;
  pipeline.limit_reached = [this] {
    limit_.store(true);
    wake();
  };
  pipeline_ = std::make_unique<LivePipeline>(*feed_, pointers, pipeline, snapshot());
  for (auto& output : outputs_)
    output->bound(
        std::min(static_cast<std::size_t>(settings_.limits.queue), pipeline_->queue_limit()));
  pipeline_->learn_existing(learn_ms);
  pipeline_->start();
  ReadyMessage ready;
  return channel_.send(ready);
}

void Worker::send_report() {
  // The next one tells the same and more.
  if (channel_.queued()) return;
  static WorkerReport report;
  report.heartbeat = pipeline_->heartbeat();
  report.pipeline = pipeline_->counters();
  report.count = static_cast<uint32_t>(std::min(outputs_.size(), WorkerReport::most));
  for (std::size_t i = 0; i < report.count; ++i) {
    OutputReport& out = report.item[i];
    out.name.set(outputs_[i]->name());
    out.counters = outputs_[i]->counters();
    out.heartbeat = outputs_[i]->heartbeat();
    out.waiting_ms = outputs_[i]->waiting_ms();
    out.ended = outputs_[i]->ended() ? 1 : 0;
  }
  channel_.send(report);
}

void Worker::obey(Received& received) {
  switch (received.kind) {
    case MessageKind::interface_name: {
      InterfaceMessage name;
      if (!read_message(received.bytes, name)) break;
      if (name.gone != 0)
        feed_->interface_gone(name.index);
      else
        feed_->interface_is(name.index, name.name.view());
      break;
    }
    case MessageKind::settings: {
      SettingsMessage message;
      if (!read_message(received.bytes, message) || received.descriptors.size() != 1) break;
      auto settings = unpack_settings(received.descriptors.front().get(), message.bytes);
      if (!settings) {
        log_error("the worker keeps its settings: " + settings.error().text());
        break;
      }
      settings_ = std::move(*settings);
      start_log(settings_.log.level, settings_.log.format);
      if (pipeline_) pipeline_->publish(snapshot());
      break;
    }
    case MessageKind::output_file: {
      OutputFileMessage file;
      if (!read_message(received.bytes, file) || received.descriptors.size() != 1 ||
          file.index >= handed_.size() || handed_[file.index] == nullptr)
        break;
      handed_[file.index]->hand_over(std::move(received.descriptors.front()));
      outputs_[file.index]->reopen();
      break;
    }
    case MessageKind::process_service:
      if (received.descriptors.size() == 1)
        pipeline_->use_process_service(received.descriptors.front().release());
      break;
    case MessageKind::stop: {
      StopMessage order;
      if (read_message(received.bytes, order)) exit_code_ = stop(order);
      break;
    }
    default:
      break;
  }
}

int Worker::stop(const StopMessage& order) {
  if (!pipeline_) return 0;
  const bool complete = pipeline_->stop(static_cast<int>(order.pipeline_ms));
  if (!complete) log_error("the pipeline did not end in time: packets in the rings are lost");
  bool written = true;
  const auto end = Clock::now() + std::chrono::milliseconds(order.outputs_ms);
  for (auto& output : outputs_) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (!output->finish(static_cast<int>(std::max<long>(left, 100))) && !closed_.load()) {
      written = false;
      log_error("output " + std::string(output->name()) + " did not take all documents in time");
    }
  }
  send_report();
  StoppedMessage stopped;
  stopped.pipeline_complete = complete ? 1 : 0;
  stopped.outputs_written = written ? 1 : 0;
  channel_.send(stopped);
  const auto give_up = Clock::now() + std::chrono::milliseconds(300);
  while (channel_.queued() && channel_.flush() && Clock::now() < give_up) ::usleep(2000);
  return 0;
}

int Worker::loop() {
  auto next_report = Clock::now();
  Received received;
  for (;;) {
    const auto now = Clock::now();
    if (now >= next_report) {
      send_report();
      next_report = now + report_interval;
    }
    if (!over_told_ && (limit_.load() || closed_.load())) {
      OverMessage over;
      over.reason = closed_.load() ? OverReason::closed : OverReason::limit;
      over_told_ = channel_.send(over);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_report - now).count();
    const auto events = static_cast<short>(channel_.queued() ? POLLIN | POLLOUT : POLLIN);
    pollfd wanted[] = {{channel_.descriptor(), events, 0}, {wake_.get(), POLLIN, 0}};
    ::poll(wanted, 2, static_cast<int>(std::max<long>(wait, 0)));
    uint64_t count;
    if (wanted[1].revents != 0) [[maybe_unused]]
      const ssize_t ignored = ::read(wake_.get(), &count, sizeof(count));
    if (!channel_.flush()) return 1;
    for (Channel::Heard heard; (heard = channel_.receive(received)) != Channel::Heard::nothing;) {
      // Without the loader there is nobody to work for.
      if (heard == Channel::Heard::closed) return 1;
      if (heard == Channel::Heard::message) obey(received);
      if (exit_code_ >= 0) return exit_code_;
    }
  }
}

int Worker::run() {
  if (!prepare()) return 1;
  if (!take_over()) return exit_code_ >= 0 ? exit_code_ : 1;
  if (!begin()) return 1;
  return loop();
}

}  // namespace

int worker_main() {
  // The loader stops this process; a terminal's or a service manager's signal to all of them does
  // not.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(number, SIG_IGN);
  pthread_setname_np(pthread_self(), "hp-worker");
  auto worker = std::make_unique<Worker>();
  const int code = worker->run();
  // Without its destructors: a thread may hang in a device, and nothing is left to be written.
  std::fflush(nullptr);
  std::_Exit(code);
}

}  // namespace handprint
