// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/ring_reader.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "bpf/scan.h"

namespace handprint {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

RingReader::RingReader(std::unique_ptr<Ring> packets, std::unique_ptr<Ring> processes,
                       uint32_t own_netns)
    : packets_(std::move(packets)),
      processes_(std::move(processes)),
      own_netns_(own_netns),
      packet_(std::make_unique<PacketRecord>()),
      process_(std::make_unique<ProcessRecord>()) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  for (const auto& ring : {packets_.get(), processes_.get()}) {
    if (ring == nullptr || ring->descriptor() < 0) continue;
    epoll_event event{};
    // Edge-triggered: level-triggered, a ring that is never quite empty would wake us at once each
    // time, and the kernel's suppressed wake-ups would be of no use.
    event.events = EPOLLIN | EPOLLET;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, ring->descriptor(), &event);
  }
}

RingReader::~RingReader() {
  if (epoll_ >= 0) close(epoll_);
}

std::size_t RingReader::poll(LiveSink& sink, Clock::time_point deadline) {
  const Clock::time_point now = Clock::now();
  int wait_ms = 0;
  if (deadline > now) {
    // Rounded up, so that a deadline in less than a millisecond does not make the caller spin.
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - now).count() + 1;
    wait_ms = static_cast<int>(std::min<long>(timeout_ms, static_cast<long>(left)));
  }
  if (wait_ms > 0) {
    epoll_event events[2];
    if (epoll_wait(epoll_, events, 2, wait_ms) < 0) {
      // A signal: what is there can be read all the same.
    }
  }
  return read_batch(sink);
}

std::size_t RingReader::drain(LiveSink& sink, std::size_t limit) {
  std::size_t total = 0;
  while (total < limit) {
    const uint64_t before = counters_.process_records;
    const std::size_t read = read_batch(sink);
    total += read;
    if (read == 0 && counters_.process_records == before) break;
  }
  return total;
}

std::size_t RingReader::read_batch(LiveSink& sink) {
  // The packets' end is noted first: whatever the kernel told of a process before it wrote one of
  // these packets is then in the process ring when that is drained.
  const uint64_t limit = packets_->produced();
  read_processes(sink);
  std::size_t read = 0;
  while (read < batch) {
    const Bytes record = packets_->next(limit);
    if (record.data() == nullptr) break;
    ++read;
    ++counters_.packet_records;
    const Reason reason = decode_packet_record(record, own_netns_, *packet_);
    if (reason == Reason::ok) {
      gaps_.see(packet_->cpu, packet_->sequence);
      if (packet_->has_late_syn) {
        ++counters_.segments;
        sink.segment(packet_->late_syn);
      }
      if (packet_->has_segment) {
        ++counters_.segments;
        if (packet_->header.checksum != 0) check_copy();
        sink.segment(packet_->segment);
      } else {
        ++counters_.bad_records;
      }
    } else {
      ++counters_.bad_records;
      if (reason != Reason::not_this_protocol && record.size() >= sizeof(hp_packet))
        gaps_.see(packet_->header.cpu, packet_->header.sequence);
    }
  }
  packets_->release();
  counters_.missing = gaps_.missing();
  return read;
}

void RingReader::check_copy() {
  const Bytes payload = packet_->packet.payload;
  copy_.resize(HP_MAX_COPY + 8);
  std::copy(payload.begin(), payload.end(), copy_.begin());
  if (hp_checksum(copy_.data(), static_cast<uint32_t>(payload.size())) != packet_->header.checksum)
    ++counters_.torn;
}

void RingReader::read_processes(LiveSink& sink) {
  if (processes_ == nullptr) return;
  const uint64_t limit = processes_->produced();
  std::size_t since_release = 0;
  while (true) {
    const Bytes record = processes_->next(limit);
    if (record.data() == nullptr) break;
    ++counters_.process_records;
    if (decode_process_record(record, *process_) != Reason::ok) {
      ++counters_.bad_records;
    } else if (process_->record == HP_RECORD_OWNER) {
      sink.owner(process_->owner);
    } else {
      sink.process(process_->process, as_text(process_->path), as_text(process_->args));
    }
    if (++since_release == batch) {
      processes_->release();
      since_release = 0;
    }
  }
  processes_->release();
}

}  // namespace handprint
