// SPDX-License-Identifier: Apache-2.0
// The engine allocates in its constructor and nowhere else.
#include "fixture.h"

#if defined(__SANITIZE_ADDRESS__)
#define HP_COUNTS_ALLOCATIONS 0  // the sanitizer has an allocator of its own
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HP_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef HP_COUNTS_ALLOCATIONS
#define HP_COUNTS_ALLOCATIONS 1
#endif

#if HP_COUNTS_ALLOCATIONS
#include <dlfcn.h>

namespace {
thread_local unsigned long allocations = 0;
}
// Stands in front of the C library's; operator new ends here too.
extern "C" void* malloc(size_t size) {
  using Malloc = void* (*)(size_t);
  static const Malloc next = reinterpret_cast<Malloc>(dlsym(RTLD_NEXT, "malloc"));
  ++allocations;
  return next(size);
}
#endif

namespace handprint::test {
namespace {

// Lets documents go at once.
struct Letting : DocumentTaker {
  void take(DocumentPtr document) override { observations += document->observations.size(); }
  std::size_t observations = 0;
};

TEST(Allocation, NoneOnThePacketPath) {
#if HP_COUNTS_ALLOCATIONS
  Letting taker;
  EngineOptions options;
  Engine engine(options, taker);
  const Buffer hello = client_hello("www.example.org", 1900), answer = server_hello(),
               get = request(), ok = response();
  const Buffer syn_options = linux_options(), head(hello.begin(), hello.begin() + 900),
               tail(hello.begin() + 900, hello.end());
  const hp_owner owner = owner_of(9, HP_ROLE_LISTENER);
  Packet packet;
  packet.source = Address::from(hex("c0000201"));
  packet.destination = Address::from(hex("c6336407"));
  packet.ip_version = 4;
  packet.protocol = protocol_tcp;
  const Packet other = [&] {
    Packet p = packet;
    std::swap(p.source, p.destination);
    return p;
  }();
  PacketTime time = 0;
  const auto feed = [&](const Packet& base, uint16_t port, uint16_t flags, uint32_t sequence,
                        const Buffer& bytes) {
    Packet p = base;
    const bool to_server = base.source == packet.source;
    p.source_port = to_server ? port : 443;
    p.destination_port = to_server ? 443 : port;
    p.flags = flags;
    p.sequence = sequence;
    if ((flags & tcp_flag::syn) != 0) p.tcp_options = syn_options;
    p.payload = bytes;
    Segment segment;
    segment.packet = &p;
    segment.time = time += 100'000;
    segment.hook = HP_HOOK_TC;
    segment.owner = &owner;
    engine.segment(segment);
  };
  const Buffer none;
  const auto run = [&](int flows) {
    for (int i = 0; i < flows; ++i) {
      const auto port = static_cast<uint16_t>(i);
      const uint32_t isn = static_cast<uint32_t>(i) * 100'003 + static_cast<uint32_t>(time);
      feed(packet, port, tcp_flag::syn, isn, none);
      if (i % 5 == 0) continue;
      feed(other, port, tcp_flag::syn | tcp_flag::ack, 7, none);
      if (i % 2 == 0) {
        feed(packet, port, tcp_flag::ack, isn + 1, head);
        feed(packet, port, tcp_flag::ack, isn + 901, tail);
        feed(other, port, tcp_flag::ack, 8, answer);
      } else {
        feed(packet, port, tcp_flag::ack, isn + 1, get);
        feed(other, port, tcp_flag::ack, 8, ok);
      }
      hp_owner_event event{};
      event.protocol = protocol_tcp;
      event.local_port = static_cast<uint16_t>(i);
      engine.owner(event);
    }
    engine.advance(time += 1'000'000'000);
  };
  run(100);  // whatever a library does once
  const unsigned long before = allocations;
  run(60'000);
  engine.finish();
  EXPECT_EQ(allocations, before);
  EXPECT_GT(taker.observations, 100'000u);
  EXPECT_GT(engine.counters().flows_evicted, 0u);
#else
  GTEST_SKIP() << "the sanitizer's allocator cannot be counted";
#endif
}

}  // namespace
}  // namespace handprint::test
