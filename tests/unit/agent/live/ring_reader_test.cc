// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/ring_reader.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace handprint {
namespace {

// A ring as the kernel writes it: data mapped twice in a row.
class MemoryRing {
 public:
  static constexpr uint32_t bytes = 128u << 10;
  MemoryRing() {
    const int fd = memfd_create("ring", MFD_CLOEXEC);
    EXPECT_EQ(ftruncate(fd, bytes), 0);
    auto* area = static_cast<uint8_t*>(
        mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < 2; ++i)
      EXPECT_NE(mmap(area + i * static_cast<int>(bytes), bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, fd, 0),
                MAP_FAILED);
    close(fd);
    data_ = area;
  }
  ~MemoryRing() { munmap(data_, 2 * bytes); }

  std::unique_ptr<Ring> open() { return open_memory_ring(&consumer_, &producer_, data_, bytes); }

  bool write(const void* record, std::size_t size, uint32_t flags = 0) {
    const uint64_t step = (size + 8 + 7) & ~uint64_t{7};
    if (producer_ + step - consumer_ > bytes) return false;
    uint8_t* at = data_ + (producer_ & (bytes - 1));
    const uint32_t word[2] = {static_cast<uint32_t>(size) | flags, 0};
    if (size != 0) std::memcpy(at + 8, record, size);
    std::memcpy(at, word, sizeof(word));
    producer_ += step;
    return true;
  }
  void commit(uint64_t position) {
    uint32_t word = 0;
    std::memcpy(&word, data_ + (position & (bytes - 1)), sizeof(word));
    word &= ~static_cast<uint32_t>(BPF_RINGBUF_BUSY_BIT);
    std::memcpy(data_ + (position & (bytes - 1)), &word, sizeof(word));
  }
  uint64_t consumed() const { return consumer_; }
  uint64_t produced() const { return producer_; }

 private:
  uint64_t consumer_ = 0, producer_ = 0;
  uint8_t* data_ = nullptr;
};

std::vector<uint8_t> syn_record(uint32_t sequence, uint16_t port = 40000) {
  const uint8_t headers[40] = {0x45,
                               0,
                               0,
                               40,
                               0,
                               1,
                               0x40,
                               0,
                               64,
                               6,
                               0,
                               0,
                               10,
                               0,
                               0,
                               1,
                               10,
                               0,
                               0,
                               2,
                               static_cast<uint8_t>(port >> 8),
                               static_cast<uint8_t>(port),
                               1,
                               187,
                               0,
                               0,
                               0,
                               1,
                               0,
                               0,
                               0,
                               0,
                               0x50,
                               2,
                               0xfa,
                               0xf0,
                               0,
                               0,
                               0,
                               0};
  hp_packet header{};
  header.version = HP_WIRE_VERSION;
  header.record = HP_RECORD_PACKET;
  header.content = HP_CONTENT_SYN;
  header.sequence = sequence;
  header.header_len = sizeof(headers);
  header.frame_len = sizeof(headers);
  std::vector<uint8_t> record(sizeof(header) + sizeof(headers));
  std::memcpy(record.data(), &header, sizeof(header));
  std::memcpy(record.data() + sizeof(header), headers, sizeof(headers));
  return record;
}

hp_owner_event owner_record(uint32_t pid) {
  hp_owner_event event{};
  event.version = HP_WIRE_VERSION;
  event.record = HP_RECORD_OWNER;
  event.owner.pid = pid;
  return event;
}

struct Journal : LiveSink {
  std::vector<std::string> entries;
  std::function<void()> on_segment;
  void segment(const Segment& segment) override {
    entries.push_back("segment " + std::to_string(segment.packet->source_port));
    if (on_segment) on_segment();
  }
  void owner(const hp_owner_event& event) override {
    entries.push_back("owner " + std::to_string(event.owner.pid));
  }
  void process(const hp_process& process, std::string_view path, std::string_view) override {
    entries.push_back("process " + std::to_string(process.pid) + " " + std::string(path));
  }
};

class RingReading : public testing::Test {
 protected:
  void write_syn(uint32_t sequence, uint16_t port = 40000) {
    const auto record = syn_record(sequence, port);
    ASSERT_TRUE(packets_.write(record.data(), record.size()));
  }
  void write_owner(uint32_t pid) {
    const hp_owner_event event = owner_record(pid);
    ASSERT_TRUE(processes_.write(&event, sizeof(event)));
  }
  std::unique_ptr<RingReader> reader() {
    return std::make_unique<RingReader>(packets_.open(), processes_.open(), 0);
  }
  static std::chrono::steady_clock::time_point past() { return {}; }

  MemoryRing packets_, processes_;
  Journal journal_;
};

TEST_F(RingReading, ProcessEventsComeBeforePackets) {
  write_syn(0, 1);
  write_owner(7);
  const auto reading = reader();
  EXPECT_EQ(reading->poll(journal_, past()), 1u);
  EXPECT_EQ(journal_.entries, (std::vector<std::string>{"owner 7", "segment 1"}));
  EXPECT_EQ(packets_.consumed(), packets_.produced());
  EXPECT_EQ(processes_.consumed(), processes_.produced());
}

TEST_F(RingReading, APacketThatCameAfterTheProcessEventsWaitsForTheNextRound) {
  write_syn(0, 1);
  journal_.on_segment = [this] {
    if (journal_.entries.size() > 2) return;
    write_owner(8);  // the kernel writes on while the batch is read
    write_syn(1, 2);
  };
  const auto reading = reader();
  EXPECT_EQ(reading->poll(journal_, past()), 1u);
  EXPECT_EQ(journal_.entries, (std::vector<std::string>{"segment 1"}));
  journal_.on_segment = nullptr;
  EXPECT_EQ(reading->poll(journal_, past()), 1u);
  EXPECT_EQ(journal_.entries, (std::vector<std::string>{"segment 1", "owner 8", "segment 2"}));
}

TEST_F(RingReading, BatchesAreBounded) {
  const auto reading = reader();
  uint32_t written = 0;
  for (; written < 300; ++written) write_syn(written);
  EXPECT_EQ(reading->poll(journal_, past()), RingReader::batch);
  EXPECT_EQ(reading->poll(journal_, past()), 300 - RingReader::batch);
  EXPECT_EQ(reading->poll(journal_, past()), 0u);
  EXPECT_EQ(reading->counters().missing, 0u);
}

TEST_F(RingReading, GoesRoundTheRingManyTimes) {
  const auto reading = reader();
  for (uint32_t i = 0; i < 5'000; ++i) {
    write_syn(i, static_cast<uint16_t>(i));
    if (i % 50 == 49) {
      EXPECT_EQ(reading->drain(journal_), 50u);
    }
  }
  ASSERT_EQ(journal_.entries.size(), 5'000u);
  EXPECT_EQ(journal_.entries[4'999], "segment 4999");
  EXPECT_EQ(reading->counters().bad_records, 0u);
}

TEST_F(RingReading, StopsAtARecordThatIsNotCommittedYet) {
  write_syn(0, 1);
  const uint64_t busy = packets_.produced();
  const auto record = syn_record(1, 2);
  ASSERT_TRUE(packets_.write(record.data(), record.size(), BPF_RINGBUF_BUSY_BIT));
  write_syn(2, 3);
  const auto reading = reader();
  EXPECT_EQ(reading->poll(journal_, past()), 1u);
  EXPECT_EQ(packets_.consumed(), busy);
  packets_.commit(busy);
  EXPECT_EQ(reading->poll(journal_, past()), 2u);
  EXPECT_EQ(journal_.entries, (std::vector<std::string>{"segment 1", "segment 2", "segment 3"}));
}

TEST_F(RingReading, DiscardedRecordsAreSkippedAndGivenBack) {
  const auto record = syn_record(0, 1);
  ASSERT_TRUE(packets_.write(record.data(), record.size(), BPF_RINGBUF_DISCARD_BIT));
  const auto reading = reader();
  EXPECT_EQ(reading->poll(journal_, past()), 0u);
  EXPECT_EQ(packets_.consumed(), packets_.produced());
}

TEST_F(RingReading, GapsAndBadRecordsAreCounted) {
  write_syn(0);
  write_syn(3);
  const char nonsense[] = "nonsense";
  ASSERT_TRUE(packets_.write(nonsense, sizeof(nonsense)));
  ASSERT_TRUE(processes_.write(nonsense, sizeof(nonsense)));
  ASSERT_TRUE(packets_.write(nullptr, 0));
  write_syn(4);
  const auto reading = reader();
  reading->drain(journal_);
  EXPECT_EQ(reading->counters().missing, 2u);
  EXPECT_EQ(reading->counters().bad_records, 3u);
  EXPECT_EQ(reading->counters().segments, 3u);
}

TEST_F(RingReading, WaitsNoLongerThanTheDeadline) {
  const auto reading = reader();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(reading->poll(journal_, begun + std::chrono::hours(1)), 0u);
  const auto waited = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(waited, std::chrono::milliseconds(RingReader::timeout_ms - 1));
  EXPECT_LT(waited, std::chrono::seconds(5));
}

}  // namespace
}  // namespace handprint
