// SPDX-License-Identifier: Apache-2.0
// Bytes by their place in the stream, against a plain model.
#include <algorithm>
#include <limits>
#include <random>

#include "fixture.h"
#include "flow/flow_table.h"
#include "flow/packet_clock.h"
#include "flow/stream.h"

namespace handprint::test {
namespace {

TEST(Streams, PiecesInAnyOrderAndTheFirstOneWins) {
  std::mt19937 random(3);
  StreamPool pool(4, 4);
  for (int round = 0; round < 500; ++round) {
    const uint32_t size = round % 2 == 0 ? 2000 : 16384;
    std::vector<int> model(size, -1);
    Stream stream;
    stream.begin = static_cast<uint32_t>(random());
    for (int piece = 0; piece < 40; ++piece) {
      const uint32_t at = static_cast<uint32_t>(random() % size);
      const uint32_t length = 1 + static_cast<uint32_t>(random() % (size / 8));
      const Buffer bytes(std::min(length, size - at), static_cast<uint8_t>(piece));
      uint32_t fresh = 0;
      for (uint32_t i = 0; i < bytes.size(); ++i) fresh += model[at + i] < 0;
      const StreamPool::Placed placed = pool.place(stream, at, bytes);
      if (placed.dropped != 0) continue;  // too many pieces
      EXPECT_EQ(placed.fresh, fresh);
      for (uint32_t i = 0; i < bytes.size(); ++i)
        if (model[at + i] < 0) model[at + i] = piece;
    }
    const auto gap = std::find(model.begin(), model.end(), -1);
    const Bytes contiguous = StreamPool::contiguous(stream);
    ASSERT_EQ(contiguous.size(), static_cast<std::size_t>(gap - model.begin()));
    for (std::size_t i = 0; i < contiguous.size(); ++i) ASSERT_EQ(contiguous[i], model[i]);
    // Some are used up; what lies behind keeps its place.
    const auto used = static_cast<uint32_t>(contiguous.empty() ? 0 : random() % contiguous.size());
    const uint32_t begin = stream.begin;
    pool.consume(stream, used);
    EXPECT_EQ(stream.begin, begin + used);
    const Bytes rest = StreamPool::contiguous(stream);
    ASSERT_EQ(rest.size(), static_cast<std::size_t>(gap - model.begin()) - used);
    for (std::size_t i = 0; i < rest.size(); ++i) ASSERT_EQ(rest[i], model[used + i]);
    pool.drop(stream);
  }
  EXPECT_EQ(pool.streams_evicted(), 0u);
}

TEST(Streams, TheOldestBufferGivesWay) {
  StreamPool pool(2, 1);
  Stream a, b, c;
  const Buffer bytes(100, 1);
  pool.place(a, 0, bytes);
  pool.place(b, 0, bytes);
  pool.place(c, 0, bytes);
  EXPECT_TRUE(a.evicted);
  EXPECT_EQ(a.buffer, nullptr);
  EXPECT_FALSE(b.evicted);
  EXPECT_EQ(StreamPool::contiguous(c).size(), 100u);
  EXPECT_EQ(pool.streams_evicted(), 1u);
  EXPECT_EQ(pool.bytes_evicted(), 100u);
  for (Stream* stream : {&b, &c}) pool.drop(*stream);
}

TEST(Streams, BytesBeyondTheLimitAreDropped) {
  StreamPool pool(1, 1);
  Stream stream;
  const StreamPool::Placed placed = pool.place(stream, 16000, Buffer(1000, 1));
  EXPECT_EQ(placed.fresh, 384u);
  EXPECT_EQ(placed.dropped, 616u);
  EXPECT_TRUE(stream.over_limit);
  EXPECT_EQ(pool.place(stream, 50000, Buffer(10, 1)).dropped, 10u);
  EXPECT_EQ(pool.place(stream, 0xffffffff, Buffer(10, 1)).dropped, 10u);
  pool.drop(stream);
}

TEST(Streams, ManyGapsAreBounded) {
  StreamPool pool(1, 1);
  Stream stream;
  for (uint32_t i = 0; i < StreamBuffer::max_ranges; ++i)
    EXPECT_EQ(pool.place(stream, i * 4, Buffer(1, 1)).fresh, 1u);
  EXPECT_EQ(pool.place(stream, 1000, Buffer(1, 1)).dropped, 1u);
  EXPECT_EQ(pool.place(stream, 1, Buffer(3, 1)).fresh, 3u);  // one that closes a gap is welcome
  EXPECT_EQ(StreamPool::contiguous(stream).size(), 5u);
  pool.drop(stream);
}

TEST(FlowTable, FindsForgetsAndKeepsOrder) {
  FlowTable table(0, 42);
  const std::size_t limit = table.limit();
  ASSERT_EQ(limit, 16u);
  const auto key = [](uint16_t port) {
    FlowKey key;
    key.low_port = port;
    return key;
  };
  for (int round = 0; round < 3; ++round) {
    for (uint16_t i = 0; i < limit; ++i) ASSERT_NE(table.add(key(i), table.hash(key(i))), nullptr);
    EXPECT_EQ(table.add(key(99), table.hash(key(99))), nullptr);
    EXPECT_EQ(table.oldest()->key, key(0));
    table.touch(*table.oldest());
    EXPECT_EQ(table.oldest()->key, key(1));
    EXPECT_EQ(table.newer(*table.oldest())->key, key(2));
    for (uint16_t i = 0; i < limit; ++i) {
      Flow* flow = table.find(key(i), table.hash(key(i)));
      ASSERT_NE(flow, nullptr);
      EXPECT_EQ(flow->key, key(i));
      table.remove(*flow);
      EXPECT_EQ(table.find(key(i), table.hash(key(i))), nullptr);
    }
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.oldest(), nullptr);
  }
}

TEST(FlowTable, QueuesAreFirstInFirstOut) {
  FlowTable table(0, 1);
  std::vector<Flow*> flows;
  for (uint16_t i = 0; i < 4; ++i) {
    FlowKey key;
    key.low_port = i;
    flows.push_back(table.add(key, table.hash(key)));
    table.wait(*flows.back(), Wait::first_document, i);
  }
  EXPECT_EQ(table.waiting(Wait::first_document), flows[0]);
  table.wait(*flows[0], Wait::part, 9);
  EXPECT_EQ(table.waiting(Wait::first_document), flows[1]);
  EXPECT_EQ(table.waiting(Wait::part), flows[0]);
  table.wait(*flows[2], Wait::none, 0);
  table.wait(*flows[1], Wait::none, 0);
  EXPECT_EQ(table.waiting(Wait::first_document), flows[3]);
  EXPECT_EQ(table.waiting_behind(*flows[3]), nullptr);
  EXPECT_EQ(table.waiting(Wait::worker), nullptr);
}

TEST(FlowKeys, BothDirectionsAreOne) {
  const Address a = Address::from(hex("0a000001")), b = Address::from(hex("0a000002"));
  const DirectedKey out = flow_key(a, 1, b, 2, 6), back = flow_key(b, 2, a, 1, 6);
  EXPECT_EQ(out.key, back.key);
  EXPECT_NE(out.direction, back.direction);
  EXPECT_FALSE(flow_key(a, 1, b, 2, 17).key == out.key);
  EXPECT_EQ(flow_key(a, 1, a, 2, 6).key, flow_key(a, 2, a, 1, 6).key);
  EXPECT_EQ(flow_key(a, 5, a, 5, 6).direction, 0);
}

TEST(PacketClocks, PassOnWithoutPacketsButNeverBack) {
  PacketClock clock;
  clock.pass(5);  // before any packet nothing waits
  clock.advance(1'000'000'000'000);
  clock.pass(0);
  EXPECT_EQ(clock.advance(1'000'000'000'001), 1);
  clock.pass(1'000'000'000'100);
  EXPECT_EQ(clock.now(), 100);
  EXPECT_EQ(clock.advance(1'000'000'000'050), 100);
}

TEST(PacketClocks, GoForwardOnly) {
  PacketClock clock;
  EXPECT_EQ(clock.advance(1000), 0);
  EXPECT_EQ(clock.advance(1500), 500);
  EXPECT_EQ(clock.advance(1400), 500);
  EXPECT_EQ(clock.advance(1500), 500);
  EXPECT_EQ(clock.advance(std::numeric_limits<PacketTime>::max()), 500 + PacketClock::largest_step);
  EXPECT_EQ(clock.advance(0), 500 + PacketClock::largest_step);
  EXPECT_EQ(clock.advance(7), 507 + PacketClock::largest_step);
}

}  // namespace
}  // namespace handprint::test
