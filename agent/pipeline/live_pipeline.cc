// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/live_pipeline.h"

#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <ctime>

namespace handprint {
namespace {

constexpr int round_ms = 100;
constexpr PacketTime clock_interval = 1'000'000'000;
constexpr int64_t clock_step = 10'000;  // ns: less than the clocks' own jitter is not a change
constexpr int annotation_wait_ms = 500;

int64_t wall_minus_boot() {
  timespec wall{};
  const PacketTime before = boot_time();
  clock_gettime(CLOCK_REALTIME, &wall);
  const PacketTime after = boot_time();
  return int64_t{wall.tv_sec} * 1'000'000'000 + wall.tv_nsec - (before + (after - before) / 2);
}

}  // namespace

LivePipeline::LivePipeline(LiveFeed& feed, std::vector<Output*> outputs,
                           const LivePipelineOptions& options,
                           std::shared_ptr<const LiveSnapshot> snapshot)
    : feed_(feed),
      options_(options),
      outlet_(std::move(outputs), nullptr, true),
      processes_(options_.processes),
      annotator_(processes_, outlet_),
      engine_(options_.engine, annotator_),
      source_(feed, processes_),
      published_(snapshot),
      snapshot_(std::move(snapshot)) {
  outlet_.limit(options_.document_limit, options_.limit_reached);
  read_clocks(true);
}

LivePipeline::~LivePipeline() {
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
  Descriptor unused(next_process_service_.exchange(-1));
}

void LivePipeline::use_process_service(int descriptor) {
  Descriptor unused(next_process_service_.exchange(descriptor));
}

void LivePipeline::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "hp-pipeline");
}

void LivePipeline::publish(std::shared_ptr<const LiveSnapshot> snapshot) {
  published_.store(std::move(snapshot));
}

void LivePipeline::take_snapshot() {
  std::shared_ptr<const LiveSnapshot> published = published_.load();
  if (published == snapshot_) return;
  snapshot_ = std::move(published);
  read_clocks(true);
}

// Wall time is the boot clock plus an offset that changes when the wall clock is set or slewed.
void LivePipeline::read_clocks(bool always) {
  clocks_read_ = boot_time();
  const int64_t offset = wall_minus_boot();
  if (!always && std::llabs(offset - wall_offset_) < clock_step) return;
  wall_offset_ = offset;
  auto contexts = std::make_shared<RecordContexts>();
  RecordContext& context = contexts->standard;
  context = record_context(options_.identity);
  context.sensor = snapshot_->sensor;
  context.labels = snapshot_->labels;
  context.wall_offset_ns = offset;
  context.interface_user = &feed_;
  context.interface_name = [](const void* user, uint32_t interface) {
    return static_cast<const LiveFeed*>(user)->interface_name(interface);
  };
  contexts->all = context;
  contexts->all.all_fields = true;
  outlet_.use(std::move(contexts));
}

void LivePipeline::publish_counters() {
  std::lock_guard lock(counters_mutex_);
  counters_.reader = feed_.reader_counters();
  counters_.engine = engine_.counters();
  counters_.processes = processes_.counters();
  counters_.documents = outlet_.taken();
  counters_.unannotated = annotator_.timed_out();
  const ScanTable& scans = engine_.scans();
  counters_.scans = {};
  scans.top(counters_.scans.top);
  counters_.scans.sources = scans.sources();
  counters_.scans.others = scans.others();
}

LivePipelineCounters LivePipeline::counters() const {
  std::lock_guard lock(counters_mutex_);
  return counters_;
}

void LivePipeline::learn_existing(int ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  for (const hp_owner& owner : feed_.seeded()) {
    while (processes_.pending(owner)) {
      if (std::chrono::steady_clock::now() >= until) return;
      round(1);
    }
  }
}

void LivePipeline::round(int timeout_ms) {
  if (Descriptor next(next_process_service_.exchange(-1)); next) {
    processes_.use_service(next.get());
    process_service_ = std::move(next);
  }
  source_.pump(engine_, timeout_ms);
  processes_.poll();
  engine_.advance(source_.now());
  annotator_.advance(boot_time());
  outlet_.flush();
}

void LivePipeline::run() {
  PacketTime counted = 0;
  while (!stopping_.load()) {
    take_snapshot();
    round(annotator_.waiting() != 0 ? 10 : round_ms);
    const PacketTime now = boot_time();
    if (now - clocks_read_ >= clock_interval) read_clocks(false);
    if (now - counted >= clock_interval / 10) {
      publish_counters();
      counted = now;
    }
    ++heartbeat_;
  }
  finish();
}

void LivePipeline::finish() {
  feed_.stop();
  source_.drain(engine_);
  // A program that another CPU was still running when it was detached may have written since.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  source_.drain(engine_);
  processes_.poll();
  engine_.finish();
  for (int waited = 0; annotator_.waiting() != 0 && waited < annotation_wait_ms; waited += 5) {
    processes_.poll();
    annotator_.advance(boot_time());
    if (annotator_.waiting() == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++heartbeat_;
  }
  annotator_.flush();
  outlet_.flush();
  publish_counters();
  stopped_.store(true);
}

bool LivePipeline::stop(int ms) {
  stopping_.store(true);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (!stopped_.load()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

}  // namespace handprint
