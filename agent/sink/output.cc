// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/output.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>

namespace handprint {
namespace {

using namespace std::chrono_literals;
constexpr auto idle_wait = 500ms;

int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Output::Output(std::unique_ptr<Sink> sink, const OutputOptions& options, OutputEvents events)
    : sink_(std::move(sink)), options_(options), events_(std::move(events)) {
  // Signals belong to the control thread alone.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Output::~Output() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = finishing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Output::push(const std::shared_ptr<const Batch>& batch) {
  {
    std::unique_lock lock(mutex_);
    // A queue takes at least one batch, however small its bound is.
    const auto fits = [&] {
      return queue_.empty() || queued_bytes_ + batch->footprint() <= options_.queue_bytes;
    };
    if (!options_.live) room_.wait(lock, [&] { return fits() || ended_.load() || done_; });
    if (ended_.load() || done_ || !fits()) {
      dropped_ += batch->documents();
      return;
    }
    queue_.push_back(batch);
    queued_bytes_ += batch->footprint();
    queued_documents_ += batch->documents();
  }
  changed_.notify_one();
}

void Output::bound(std::size_t queue_bytes) {
  std::lock_guard lock(mutex_);
  options_.queue_bytes = queue_bytes;
}

void Output::reopen() {
  reopen_.store(true);
  changed_.notify_one();
}

void Output::run() {
  for (;;) {
    std::shared_ptr<const Batch> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, idle_wait,
                        [&] { return !queue_.empty() || finishing_ || reopen_.load(); });
      ++heartbeat_;
      if (stopping_) break;
      if (!queue_.empty()) {
        // It stays in the queue's account until it is written.
        batch = std::move(queue_.front());
        queue_.pop_front();
      } else if (finishing_ && !reopen_.load()) {
        break;
      }
    }
    if (reopen_.exchange(false)) {
      if (auto result = sink_->reopen(); !result && events_.failed)
        events_.failed(sink_->name(), "keeps the old file: " + result.error().text());
    }
    if (!batch) {
      writing_since_.store(steady_ns());
      idle();
      writing_since_.store(0);
      continue;
    }
    busy_.store(true);
    write(*batch);
    busy_.store(false);
    const std::size_t bytes = batch->footprint(), documents = batch->documents();
    batch.reset();
    {
      std::lock_guard lock(mutex_);
      queued_bytes_ -= bytes;
      queued_documents_ -= documents;
    }
    room_.notify_one();
  }
  bool lost = false;
  if (!ended_.load()) {
    if (auto result = sink_->sync(); !result) {
      lost = true;
      if (events_.failed) events_.failed(sink_->name(), result.error().text());
    }
  }
  std::lock_guard lock(mutex_);
  for (const auto& left : queue_) dropped_ += left->documents();
  lost_ = lost_ || lost || !queue_.empty();
  queue_.clear();
  done_ = true;
  changed_.notify_all();
  room_.notify_all();
}

// A place that is lost while nothing is to be written is told of once, and so is its return.
void Output::idle() {
  if (const int error = sink_->idle()) {
    ++errors_;
    if (!failing_ && events_.failed)
      events_.failed(sink_->name(), std::string(std::strerror(error)) + "; tried again");
    failing_ = true;
  } else if (failing_ && sink_->ready()) {
    failing_ = false;
    if (events_.recovered) events_.recovered(sink_->name(), "is there again");
  }
}

void Output::write(const Batch& batch) {
  if (ended_.load()) {
    dropped_ += batch.documents();
    return;
  }
  std::string_view text = batch.text(sink_->rendering());
  bool failing = failing_;
  for (;;) {
    writing_since_.store(steady_ns());
    const Written result = sink_->write(text);
    writing_since_.store(0);
    bytes_ += result.bytes;
    text.remove_prefix(result.bytes);
    if (result.error == 0) break;
    ++errors_;
    error_.store(result.error);
    if (result.error == EPIPE || !options_.live) {
      ended_.store(true);
      dropped_ += batch.documents();
      if (events_.ended) events_.ended(sink_->name(), result.error);
      room_.notify_all();
      return;
    }
    if (!failing && events_.failed)
      events_.failed(sink_->name(), std::string(std::strerror(result.error)) +
                                        "; tried again, documents wait and then are dropped");
    failing = true;
    // In short steps, so that a long pause does not look like a thread that hangs.
    const uint32_t retry = std::min(sink_->retry_ms(), 1000u);
    std::unique_lock lock(mutex_);
    if (finishing_) {
      dropped_ += batch.documents();
      lost_ = true;
      return;
    }
    changed_.wait_for(lock, std::chrono::milliseconds(retry), [&] { return finishing_ || reopen_.load(); });
    ++heartbeat_;
    if (reopen_.exchange(false)) {
      lock.unlock();
      static_cast<void>(sink_->reopen());  // its failure shows in the next write
    }
  }
  failing_ = false;
  if (failing && events_.recovered) {
    error_.store(0);
    events_.recovered(sink_->name(), "writes again");
  }
  written_ += batch.documents();
}

bool Output::finish(int ms) {
  std::unique_lock lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
  const bool in_time =
      changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return done_; });
  if (!in_time) {
    stopping_ = true;
    return false;
  }
  return !lost_;
}

uint32_t Output::waiting_ms() const {
  const int64_t since = writing_since_.load();
  if (since == 0) return 0;
  return static_cast<uint32_t>(std::max<int64_t>((steady_ns() - since) / 1'000'000, 0));
}

OutputCounters Output::counters() const {
  OutputCounters out;
  out.written = written_.load();
  out.bytes = bytes_.load();
  out.dropped = dropped_.load();
  out.errors = errors_.load();
  std::lock_guard lock(mutex_);
  out.queue_bytes = queued_bytes_;
  out.queue_documents = queued_documents_;
  return out;
}

}  // namespace handprint
