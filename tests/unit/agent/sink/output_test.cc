// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>

#include "agent/sink/descriptor_sink.h"
#include "agent/sink/outlet.h"
#include "flow/engine.h"

namespace handprint {
namespace {

using namespace std::chrono_literals;

// Documents of single SYNs, from a real engine.
class Maker : public DocumentTaker {
 public:
  Maker() : engine_(options(), *this) {}
  void take(DocumentPtr document) override { made_.push_back(std::move(document)); }

  std::vector<DocumentPtr> make(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Packet packet;
      const uint8_t source[] = {10, 0, static_cast<uint8_t>(next_ >> 8), static_cast<uint8_t>(next_)};
      const uint8_t destination[] = {10, 1, 0, 1};
      packet.source = Address::from(source);
      packet.destination = Address::from(destination);
      packet.ip_version = 4;
      packet.protocol = protocol_tcp;
      packet.source_port = 40000;
      packet.destination_port = 443;
      packet.flags = tcp_flag::syn;
      packet.transport_header_length = 20;
      packet.ip_header_length = 20;
      Segment segment;
      segment.time = 1'000'000'000 + next_++;
      segment.packet = &packet;
      segment.content = HP_CONTENT_SYN;
      engine_.segment(segment);
    }
    engine_.finish();
    return std::move(made_);
  }

 private:
  static EngineOptions options() {
    EngineOptions out;
    out.from_file = true;
    return out;
  }
  std::vector<DocumentPtr> made_;
  Engine engine_;
  int64_t next_ = 1;
};

std::shared_ptr<const RecordContexts> contexts() {
  auto out = std::make_shared<RecordContexts>();
  out->standard.sensor = out->all.sensor = "test";
  out->all.all_fields = true;
  return out;
}

std::shared_ptr<const Batch> batch(Maker& maker, std::size_t documents, std::size_t footprint) {
  return std::make_shared<const Batch>(maker.make(documents), footprint, contexts(),
                                       std::make_shared<BatchCount>());
}

struct Device {
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;
  bool blocked = false;
  int error = 0;
  std::atomic<int> syncs{0}, reopens{0}, idle_error{0};
};

class FakeSink : public Sink {
 public:
  explicit FakeSink(Device& device) : device_(device) {}
  std::string_view name() const override { return "fake"; }
  Rendering rendering() const override { return Rendering::json; }
  Written write(std::string_view text) override {
    std::unique_lock lock(device_.mutex);
    device_.changed.wait(lock, [&] { return !device_.blocked; });
    if (device_.error != 0) return {0, device_.error};
    device_.text += text;
    return {text.size(), 0};
  }
  Result<void> sync() override {
    ++device_.syncs;
    return {};
  }
  int idle() override { return device_.idle_error; }
  bool ready() const override { return device_.idle_error == 0; }
  Result<void> reopen() override {
    ++device_.reopens;
    return {};
  }

 private:
  Device& device_;
};

std::size_t lines(Device& device) {
  std::lock_guard lock(device.mutex);
  return static_cast<std::size_t>(std::count(device.text.begin(), device.text.end(), '\n'));
}

void set(Device& device, bool blocked, int error) {
  {
    std::lock_guard lock(device.mutex);
    device.blocked = blocked;
    device.error = error;
  }
  device.changed.notify_all();
}

template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST(Output, WritesEverythingAndSyncsBeforeItEnds) {
  Device device;
  Maker maker;
  Output output(std::make_unique<FakeSink>(device), {}, {});
  for (int i = 0; i < 20; ++i) output.push(batch(maker, 3, 1000));
  EXPECT_TRUE(output.finish(5000));
  EXPECT_EQ(lines(device), 60u);
  EXPECT_EQ(device.syncs.load(), 1);
  EXPECT_EQ(output.counters().written, 60u);
  EXPECT_EQ(output.counters().dropped, 0u);
  EXPECT_EQ(output.counters().queue_bytes, 0u);
}

// A server that cannot be reached is told of before the first record is lost to it.
TEST(Output, TellsOnceThatItsPlaceIsGoneAndOnceThatItIsBack) {
  Device device;
  device.idle_error = ECONNREFUSED;
  std::atomic<int> failed{0}, recovered{0};
  OutputEvents events;
  events.failed = [&](std::string_view, std::string_view message) {
    EXPECT_EQ(message, "Connection refused; tried again");
    ++failed;
  };
  events.recovered = [&](std::string_view, std::string_view) { ++recovered; };
  Output output(std::make_unique<FakeSink>(device), {}, events);
  EXPECT_TRUE(eventually([&] { return output.counters().errors >= 2; }));
  EXPECT_EQ(failed.load(), 1);
  device.idle_error = 0;
  EXPECT_TRUE(eventually([&] { return recovered.load() == 1; }));
  EXPECT_TRUE(output.finish(5000));
  EXPECT_EQ(failed.load(), 1);
}

TEST(Output, DropsAndCountsLiveDocumentsWhenItsQueueIsFull) {
  Device device;
  Maker maker;
  set(device, true, 0);
  OutputOptions options;
  options.queue_bytes = 2500;
  Output output(std::make_unique<FakeSink>(device), options, {});
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) output.push(batch(maker, 2, 1000));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);  // never held up
  EXPECT_GE(output.counters().dropped, 2u * 6);
  EXPECT_LE(output.counters().queue_bytes, 2500u);
  set(device, false, 0);
  EXPECT_TRUE(output.finish(5000));
  const OutputCounters counters = output.counters();
  EXPECT_EQ(counters.written + counters.dropped, 20u);
  EXPECT_EQ(lines(device), counters.written);
}

TEST(Output, HoldsAFileReaderUpInsteadOfDropping) {
  Device device;
  Maker maker;
  set(device, true, 0);
  OutputOptions options;
  options.queue_bytes = 2500;
  options.live = false;
  Output output(std::make_unique<FakeSink>(device), options, {});
  std::atomic<bool> pushed{false};
  std::vector<std::shared_ptr<const Batch>> batches;
  batches.reserve(10);
  for (int i = 0; i < 10; ++i) batches.push_back(batch(maker, 2, 1000));
  std::thread reader([&] {
    for (const auto& each : batches) output.push(each);
    pushed.store(true);
  });
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(pushed.load());
  set(device, false, 0);
  reader.join();
  EXPECT_TRUE(output.finish(5000));
  EXPECT_EQ(lines(device), 20u);
  EXPECT_EQ(output.counters().dropped, 0u);
}

TEST(Output, TriesAFailedLiveWriteAgainAndSaysSoOnce) {
  Device device;
  Maker maker;
  std::atomic<int> failed{0}, recovered{0};
  OutputEvents events;
  events.failed = [&](std::string_view, std::string_view) { ++failed; };
  events.recovered = [&](std::string_view, std::string_view) { ++recovered; };
  set(device, false, ENOSPC);
  Output output(std::make_unique<FakeSink>(device), {}, events);
  output.push(batch(maker, 1, 100));
  ASSERT_TRUE(eventually([&] { return output.counters().errors >= 2; }));
  EXPECT_EQ(failed.load(), 1);
  EXPECT_EQ(output.error(), ENOSPC);
  set(device, false, 0);
  ASSERT_TRUE(eventually([&] { return recovered.load() == 1; }));
  EXPECT_TRUE(output.finish(5000));
  EXPECT_EQ(lines(device), 1u);
}

TEST(Output, EndsAFileRunOnAFailedWriteAndAnyRunOnABrokenPipe) {
  for (const bool live : {false, true}) {
    Device device;
    Maker maker;
    const int error = live ? EPIPE : ENOSPC;
    std::atomic<int> ended{0};
    OutputEvents events;
    events.ended = [&](std::string_view, int number) { ended.store(number); };
    set(device, false, error);
    OutputOptions options;
    options.live = live;
    options.queue_bytes = 100;
    Output output(std::make_unique<FakeSink>(device), options, events);
    for (int i = 0; i < 5; ++i) output.push(batch(maker, 1, 100));
    ASSERT_TRUE(eventually([&] { return output.ended(); }));
    output.push(batch(maker, 1, 100));  // does not wait for room that never comes
    EXPECT_EQ(ended.load(), error);
    output.finish(5000);
    EXPECT_EQ(output.counters().dropped, 6u);
  }
}

TEST(Output, GivesUpOnADeviceThatHangsWhenItIsStopped) {
  Device device;
  Maker maker;
  set(device, true, 0);
  Output output(std::make_unique<FakeSink>(device), {}, {});
  output.push(batch(maker, 1, 100));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(output.finish(100));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
  set(device, false, 0);
}

TEST(Output, OpensAFileAnewAfterARotation) {
  char directory[] = "/tmp/handprint-test-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/out.jsonl";
  Maker maker;
  {
    auto sink = file_sink(path, Rendering::json, FileMode::append);
    ASSERT_TRUE(sink.ok());
    Output output(std::move(*sink), {}, {});
    output.push(batch(maker, 1, 100));
    ASSERT_TRUE(eventually([&] { return output.counters().written == 1; }));
    ASSERT_EQ(::rename(path.c_str(), (path + ".1").c_str()), 0);
    output.reopen();
    ASSERT_TRUE(eventually([&] { return ::access(path.c_str(), F_OK) == 0; }));
    output.push(batch(maker, 2, 100));
    EXPECT_TRUE(output.finish(5000));
  }
  const auto count = [](const std::string& name) {
    std::ifstream in(name);
    std::stringstream text;
    text << in.rdbuf();
    const std::string all = text.str();
    return std::count(all.begin(), all.end(), '\n');
  };
  EXPECT_EQ(count(path + ".1"), 1);
  EXPECT_EQ(count(path), 2);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07, 0u);  // records are not for everybody
  ::unlink(path.c_str());
  ::unlink((path + ".1").c_str());
  ::rmdir(directory);
}

TEST(Output, NamesAFileThatCannotBeWritten) {
  auto sink = file_sink("/nonexistent/out.jsonl", Rendering::json, FileMode::append);
  ASSERT_FALSE(sink.ok());
  EXPECT_NE(sink.error().text().find("/nonexistent/out.jsonl"), std::string::npos);
}

TEST(Outlet, GivesEveryOutputEveryDocumentAndStopsAtTheLimit) {
  Device first, second;
  Maker maker;
  Output one(std::make_unique<FakeSink>(first), {}, {}), two(std::make_unique<FakeSink>(second), {}, {});
  int reached = 0;
  {
    Outlet outlet({&one, &two}, contexts(), true);
    outlet.limit(300, [&] { ++reached; });
    for (DocumentPtr& document : maker.make(400)) outlet.take(std::move(document));
    outlet.flush();
    EXPECT_EQ(outlet.taken(), 300u);
    EXPECT_TRUE(outlet.settle(5000));
  }
  EXPECT_EQ(reached, 1);
  EXPECT_TRUE(one.finish(5000));
  EXPECT_TRUE(two.finish(5000));
  EXPECT_EQ(lines(first), 300u);
  EXPECT_EQ(first.text, second.text);
}

}  // namespace
}  // namespace handprint
