// SPDX-License-Identifier: Apache-2.0
// Every structure that grows is filled past its bound: the newest is served, what gave way is
// counted, and the books balance.
#include <atomic>
#include <random>
#include <thread>

#include "fixture.h"

namespace handprint::test {
namespace {

class Bounds : public EngineTest {
 protected:
  Bounds() { options.flow_bytes = 512 * 1024; }

  Conversation number(uint32_t i) const {
    Conversation c;
    c.client_port = static_cast<uint16_t>(i % 60000 + 1024);
    c.server_port = static_cast<uint16_t>(i / 60000 + 443);
    c.client_isn = i * 7919;
    return c;
  }
};

TEST_F(Bounds, MoreFlowsThanTheTableHolds) {
  const std::size_t limit = engine().flows_limit();
  ASSERT_GE(limit, 16u);
  const auto total = static_cast<uint32_t>(limit * 3);
  for (uint32_t i = 0; i < total; ++i) {
    now -= ms;  // in no time, so that nothing is written by a time-out
    const Conversation c = number(i);
    syn(c);
    ASSERT_LE(engine().flows_open(), limit);
    if (collector.documents.size() > 20) collector.documents.clear();
  }
  EXPECT_EQ(engine().counters().flows, total);
  EXPECT_EQ(engine().counters().flows_evicted, total - limit);
  EXPECT_EQ(engine().counters().documents, total - limit);
  finish();
  EXPECT_EQ(engine().counters().documents + engine().counters().documents_dropped, total);
  expect_all_written();
}

TEST_F(Bounds, TheNewestFlowsSurviveAFlood) {
  const auto limit = static_cast<uint32_t>(engine().flows_limit());
  Conversation c = number(0);
  for (uint32_t i = 1; i <= limit * 2; ++i) {
    now -= ms;
    syn(number(i));
  }
  open(c);
  for (uint32_t i = limit * 2 + 1; i < limit * 3 - 2; ++i) {
    now -= ms;
    syn(number(i));
  }
  collector.documents.clear();
  client_says(c, client_hello());
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::tcp), 1);
  EXPECT_EQ(count(document(), Kind::ja4), 1);
}

TEST_F(Bounds, MoreHalfHellosThanBuffers) {
  const Buffer half = prefix(client_hello("www.example.org", 1000), 600);
  constexpr uint32_t flows = 90;  // fewer than the documents that the collector can keep
  for (uint32_t i = 0; i < flows; ++i) {
    now -= 2 * ms;
    const Conversation c = number(i);
    syn(c);
    bytes_at(c, true, 0, half);
  }
  const uint64_t cut = engine().counters().streams_cut;
  EXPECT_GT(cut, 0u);
  EXPECT_EQ(collector.documents.size(), 0u);
  finish();
  uint64_t evicted = 0, ended = 0;
  for (const DocumentPtr& d : collector.documents) {
    evicted += incomplete(*d) == "tls.client:evicted";
    ended += incomplete(*d) == "tls.client:stream-end";
  }
  EXPECT_EQ(evicted, cut);
  EXPECT_EQ(evicted + ended, flows);
  EXPECT_EQ(engine().counters().incomplete, flows);
  expect_all_written();
}

TEST_F(Bounds, MoreLargeHellosThanLargeBuffers) {
  Buffer large = record(22, handshake(1, Buffer(15000, 1)));
  large.resize(5000);
  for (uint32_t i = 0; i < 60; ++i) {
    const Conversation c = number(i);
    syn(c);
    bytes_at(c, true, 0, prefix(large, 1400));
    bytes_at(c, true, 1400, Buffer(large.begin() + 1400, large.end()));
  }
  EXPECT_GT(engine().counters().streams_cut, 0u);
  finish();
  EXPECT_EQ(count(), 60u);
  expect_all_written();
}

TEST_F(Bounds, MoreUnfinishedDocumentsThanRoom) {
  const auto flows = static_cast<uint32_t>(engine().flows_limit() - 1);
  for (uint32_t i = 0; i < flows; ++i) {
    now -= 3 * ms;
    Conversation c = number(i);
    open(c);
    client_says(c, client_hello());
    if (i % 8 == 0) collector.documents.clear();
  }
  const EngineCounters& counters = engine().counters();
  EXPECT_GT(counters.documents_early, 0u);
  EXPECT_EQ(counters.documents_dropped, 0u);
  EXPECT_EQ(counters.flows_evicted, 0u);
  finish();
  expect_balanced();
}

TEST_F(Bounds, ATakerThatKeepsEverythingLosesCountedDocuments) {
  for (uint32_t i = 0; i < 2000; ++i) {
    Conversation c = number(i);
    open(c);
    client_says(c, client_hello());
    server_says(c, server_hello());
  }
  finish();
  const EngineCounters& counters = engine().counters();
  EXPECT_GT(counters.documents_dropped, 0u);
  EXPECT_GT(collector.starved_calls, 0);
  EXPECT_EQ(counters.documents, count());
  std::size_t bytes = 0;
  for (const DocumentPtr& d : collector.documents) bytes += footprint(*d);
  EXPECT_LE(bytes, engine().document_bytes());
  expect_balanced();
  // Given back, the room serves again.
  collector.documents.clear();
  Conversation c = number(5000);
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::ja4), 1);
}

TEST_F(Bounds, ATakerThatMakesRoomLosesNothing) {
  collector.gives_up_when_starved = true;
  for (uint32_t i = 0; i < 2000; ++i) {
    Conversation c = number(i);
    open(c);
    client_says(c, client_hello());
    server_says(c, server_hello());
  }
  finish();
  EXPECT_EQ(engine().counters().documents_dropped, 0u);
  EXPECT_EQ(engine().counters().documents, 2000u);
  expect_all_written();
}

TEST_F(Bounds, EarlyOwnersBeyondTheCacheGiveWayToNewerOnes) {
  hp_owner_event event{};
  event.protocol = protocol_tcp;
  event.local_address[10] = event.local_address[11] = event.remote_address[10] =
      event.remote_address[11] = 0xff;
  event.owner = owner_of(7, HP_ROLE_WORKER);
  for (uint32_t i = 0; i < 100'000; ++i) {
    event.local_port = 443;
    event.remote_port = static_cast<uint16_t>(i);
    event.remote_address[15] = static_cast<uint8_t>(i >> 16);
    event.time_ns = i;
    engine().owner(event);
  }
  EXPECT_EQ(engine().counters().owners_early, 100'000u);
  EXPECT_EQ(engine().flows_open(), 0u);
}

TEST_F(Bounds, ASmallBudgetStillWorks) {
  options.flow_bytes = 0;
  Conversation c;
  open(c);
  const Buffer hello = client_hello("www.example.org", 2000);
  client_says(c, prefix(hello, 800));
  client_says(c, Buffer(hello.begin() + 800, hello.end()));
  server_says(c, server_hello());
  finish();
  EXPECT_EQ(count(), 1u);
  expect_all_written();
}

TEST_F(Bounds, DocumentsOutliveTheEngineAndEndOnOtherThreads) {
  std::vector<DocumentPtr> kept;
  {
    Collector own;
    Engine engine(options, own);
    for (uint16_t i = 0; i < 20; ++i) {
      Conversation c = number(i);
      Packet packet = packet_of(c, true);
      packet.flags = tcp_flag::syn;
      Segment segment;
      segment.packet = &packet;
      segment.time = now;
      engine.segment(segment);
    }
    engine.finish();
    kept = std::move(own.documents);
  }
  ASSERT_EQ(kept.size(), 20u);
  EXPECT_EQ(text(*kept[3], Kind::muonfp).empty(), false);
  std::thread other([&] { kept.clear(); });
  other.join();
}

TEST_F(Bounds, BlocksComeBackFromManyThreads) {
  // The engine makes documents while three threads give them back.
  struct Handing : DocumentTaker {
    void take(DocumentPtr document) override {
      std::atomic<Document*>& slot = slots[next++ % slots.size()];
      Document* before = slot.exchange(document.release());
      if (before != nullptr) DocumentDeleter()(before);
    }
    std::array<std::atomic<Document*>, 12> slots{};
    std::size_t next = 0;
  } handing;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      while (!stop)
        for (auto& slot : handing.slots)
          if (Document* document = slot.exchange(nullptr)) DocumentDeleter()(document);
    });
  {
    Engine engine(options, handing);
    for (uint32_t i = 0; i < 30'000; ++i) {
      Conversation c = number(i);
      Packet packet = packet_of(c, true);
      packet.flags = tcp_flag::syn;
      Segment segment;
      segment.packet = &packet;
      segment.time = now;
      engine.segment(segment);
    }
    engine.finish();
    EXPECT_EQ(engine.counters().documents_dropped, 0u);
    EXPECT_EQ(engine.counters().documents, 30'000u);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (auto& slot : handing.slots)
    if (Document* document = slot.exchange(nullptr)) DocumentDeleter()(document);
}

TEST_F(Bounds, HostileInputLeavesTheBooksBalanced) {
  std::mt19937 random(11);
  const Buffer seeds[] = {client_hello("www.example.org", 1500),
                          server_hello(),
                          hello_retry_request(),
                          request(),
                          response(),
                          alert(2, 40),
                          change_cipher_spec(),
                          text_bytes("SSH-2.0-x\r\n"),
                          Buffer(100, 0)};
  for (int round = 0; round < 60'000; ++round) {
    const Conversation c = number(static_cast<uint32_t>(random() % 40));
    Packet packet = packet_of(c, random() % 2 == 0);
    const Buffer options_bytes = random() % 4 == 0   ? hex("02")
                                 : random() % 2 == 0 ? linux_options()
                                                     : Buffer(40, 1);
    Buffer bytes = seeds[random() % std::size(seeds)];
    if (random() % 3 == 0)
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    const std::size_t from = random() % 3 == 0 ? random() % bytes.size() : 0;
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(from));
    if (random() % 2 == 0) bytes.resize(random() % (bytes.size() + 1));
    const unsigned kind = random() % 8;
    packet.flags = kind == 0   ? tcp_flag::syn
                   : kind == 1 ? tcp_flag::syn | tcp_flag::ack
                               : tcp_flag::ack;
    if (kind < 2) packet.tcp_options = options_bytes;
    packet.sequence = (packet.source_port == c.client_port ? c.client_isn : c.server_isn) +
                      (kind < 2 ? 0 : 1) +
                      static_cast<uint32_t>(random() % 3 == 0    ? random() % 20000
                                            : random() % 40 == 0 ? random()
                                                                 : from);
    if (random() % 50 == 0) packet.protocol = protocol_udp;
    packet.payload = bytes;
    now += random() % 100 == 0 ? static_cast<PacketTime>(random() % 100) * second - 40 * second : 0;
    feed(packet, static_cast<uint8_t>(random() % (HP_CONTENT_COUNT + 2)), {},
         static_cast<uint16_t>(random() % 64));
    if (round % 64 == 0) {
      expect_balanced();
      collector.documents.clear();
    }
  }
  finish();
  expect_balanced();
  EXPECT_EQ(engine().flows_open(), 0u);
  EXPECT_EQ(engine().counters().documents_dropped, 0u);
  expect_all_written();
}

}  // namespace
}  // namespace handprint::test
