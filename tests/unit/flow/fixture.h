// SPDX-License-Identifier: Apache-2.0
// A network in a test: two ends that send segments to an engine, and the documents that come out.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "flow/engine.h"
#include "flow/selection.h"
#include "tests/unit/fingerprint/builder.h"

namespace handprint::test {

inline constexpr PacketTime ms = 1'000'000;
inline constexpr PacketTime second = 1'000'000'000;

// Keeps every document.
struct Collector : DocumentTaker {
  void take(DocumentPtr document) override { documents.push_back(std::move(document)); }
  void starved() override {
    ++starved_calls;
    if (gives_up_when_starved) documents.clear();
  }
  std::vector<DocumentPtr> documents;
  int starved_calls = 0;
  bool gives_up_when_starved = false;
};

inline hp_owner owner_of(uint32_t pid, hp_role role, uint8_t flags = 0) {
  hp_owner owner{};
  owner.pid = pid;
  owner.start_ns = pid * 1000ull;
  owner.role = static_cast<uint8_t>(role);
  owner.flags = flags;
  return owner;
}

// Where a packet is seen.
struct Point {
  uint8_t hook = HP_HOOK_NONE;
  uint8_t direction = HP_INGRESS;
  uint32_t interface = 0;
  uint64_t cookie = 0;
  const hp_owner* owner = nullptr;
  uint32_t peer_pid = 0;
  uint64_t peer_start_ns = 0;
  uint8_t peer_role = HP_ROLE_NONE;
  const SocketAddresses* socket = nullptr;
};

// One connection of the test. Sequence numbers run by themselves.
struct Conversation {
  std::string client_address = "c0000201", server_address = "c6336407";  // 192.0.2.1, 198.51.100.7
  uint16_t client_port = 40000, server_port = 443;
  uint32_t client_isn = 0xfffffff0, server_isn = 5000;  // the client's wraps soon
  uint32_t client_sent = 0, server_sent = 0;            // stream bytes
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { options.from_file = true; }

  Engine& engine() {
    if (!engine_) engine_ = std::make_unique<Engine>(options, collector);
    return *engine_;
  }

  static Packet packet_of(const Conversation& of, bool from_client) {
    Packet packet;
    packet.source = Address::from(hex(from_client ? of.client_address : of.server_address));
    packet.destination = Address::from(hex(from_client ? of.server_address : of.client_address));
    packet.ip_version = packet.source.version;
    packet.ttl = from_client ? 64 : 57;
    packet.ip_header_length = 20;
    packet.transport_header_length = 20;
    packet.protocol = protocol_tcp;
    packet.source_port = from_client ? of.client_port : of.server_port;
    packet.destination_port = from_client ? of.server_port : of.client_port;
    packet.flags = tcp_flag::ack;
    packet.window = 64240;
    return packet;
  }
  void feed(const Packet& packet, uint8_t content = HP_CONTENT_NONE, const Point& at = {},
            uint16_t flags = 0, uint32_t copy_offset = 0) {
    Segment segment;
    segment.time = now;
    segment.packet = &packet;
    segment.content = content;
    segment.hook = at.hook;
    segment.direction = at.direction;
    segment.interface = at.interface;
    segment.cookie = at.cookie;
    segment.owner = at.owner;
    segment.peer_pid = at.peer_pid;
    segment.peer_start_ns = at.peer_start_ns;
    segment.peer_role = at.peer_role;
    segment.socket = at.socket;
    segment.flags = static_cast<uint16_t>(flags | (at.peer_pid != 0 ? HP_PACKET_PEER_LOCAL : 0));
    segment.copy_offset = copy_offset;
    engine().segment(segment);
    now += ms;
  }
  void syn(const Conversation& of, const Point& at = {}, const Buffer& payload = {}) {
    Packet packet = packet_of(of, true);
    const Buffer options = linux_options();
    packet.flags = tcp_flag::syn;
    packet.sequence = of.client_isn;
    packet.tcp_options = options;
    packet.transport_header_length = static_cast<uint16_t>(20 + options.size());
    packet.payload = payload;
    packet.payload_length = static_cast<uint32_t>(payload.size());
    feed(packet, HP_CONTENT_SYN, at);
  }
  void syn_ack(const Conversation& of, const Point& at = {}) {
    Packet packet = packet_of(of, false);
    const Buffer options = linux_options();
    packet.flags = tcp_flag::syn | tcp_flag::ack;
    packet.sequence = of.server_isn;
    packet.acknowledgement = of.client_isn + 1;
    packet.tcp_options = options;
    packet.transport_header_length = static_cast<uint16_t>(20 + options.size());
    packet.window = 65160;
    feed(packet, HP_CONTENT_SYN_ACK, at);
  }
  void open(const Conversation& of) {
    syn(of);
    syn_ack(of);
  }
  // Bytes of the stream at an offset, as one segment.
  void bytes_at(const Conversation& of, bool from_client, uint32_t offset, const Buffer& bytes,
                uint8_t content = HP_CONTENT_UNDECIDED, const Point& at = {}, uint16_t flags = 0) {
    Packet packet = packet_of(of, from_client);
    packet.sequence = (from_client ? of.client_isn : of.server_isn) + 1 + offset;
    packet.payload = bytes;
    packet.payload_length = static_cast<uint32_t>(bytes.size());
    feed(packet, content, at, flags);
  }
  void client_says(Conversation& of, const Buffer& bytes, uint8_t content = HP_CONTENT_UNDECIDED,
                   const Point& at = {}, uint16_t flags = 0) {
    bytes_at(of, true, of.client_sent, bytes, content, at, flags);
    of.client_sent += static_cast<uint32_t>(bytes.size());
  }
  void server_says(Conversation& of, const Buffer& bytes, uint8_t content = HP_CONTENT_UNDECIDED,
                   const Point& at = {}, uint16_t flags = 0) {
    bytes_at(of, false, of.server_sent, bytes, content, at, flags);
    of.server_sent += static_cast<uint32_t>(bytes.size());
  }
  // The engine's clock moves without a packet.
  void wait(PacketTime time) {
    now += time;
    engine().advance(now);
  }
  void finish() { engine().finish(); }

  std::size_t count() const { return collector.documents.size(); }
  const Document& document(std::size_t i = 0) const { return *collector.documents.at(i); }
  // The string of this kind in a document; "" if it has none.
  static std::string text(const Document& document, Kind kind) {
    for (const Observation& observation : document.observations)
      if (observation.kind == kind) return std::string(observation.text);
    return {};
  }
  static int count(const Document& document, Kind kind) {
    int n = 0;
    for (const Observation& observation : document.observations) n += observation.kind == kind;
    return n;
  }
  // "tls.client:stream-gap …"
  static std::string incomplete(const Document& document) {
    std::string out;
    for (const IncompleteFact& fact : document.incomplete)
      out +=
          (out.empty() ? "" : " ") + std::string(fact.what) + ":" + std::string(name(fact.reason));
    return out;
  }
  static std::string protocols(const Document& document) {
    std::string out;
    for (std::string_view protocol : document.protocols)
      out += (out.empty() ? "" : " ") + std::string(protocol);
    return out;
  }
  // What must hold at any time, and at the end.
  void expect_balanced() {
    const EngineCounters& c = engine().counters();
    EXPECT_EQ(c.segments, c.placed + c.duplicates + c.unusable + c.unselected);
    EXPECT_EQ(c.flows, c.flows_closed + engine().flows_open());
    EXPECT_GE(c.documents, c.parts);
  }
  void expect_all_written() {
    expect_balanced();
    const EngineCounters& c = engine().counters();
    EXPECT_EQ(engine().flows_open(), 0u);
    EXPECT_EQ(c.flows, c.documents - c.parts + c.syn_unrecorded + c.syns_replaced +
                           c.documents_dropped + c.flows_joined);
  }

  EngineOptions options;
  Collector collector;
  PacketTime now = 1'700'000'000 * second;

 private:
  std::unique_ptr<Engine> engine_;
};

// --- messages ---------------------------------------------------------------------------------

// A ClientHello in one record. size: of the message with its record header, filled up with padding;
// 0 for the natural one.
inline Buffer client_hello(std::string_view host = "www.example.org", std::size_t size = 0,
                           unsigned random = 0xaa) {
  TestClientHello hello;
  hello.extensions = {
      {0x0000, server_name(host)},
      {0x000a, list16({0x001d, 0x0017})},
      {0x0010, alpn({"h2", "http/1.1"})},
      {0x000d, list16({0x0403, 0x0804})},
      {0x0033, Builder().with_u16(Builder().u16(0x001d).with_u16(Buffer(32, 9)))},
      {0x002b, versions({0x0304, 0x0303})},
  };
  Buffer bytes = record(22, handshake(1, hello.body()));
  if (size > bytes.size() + 4) {
    hello.extensions.push_back({0x0015, Buffer(size - bytes.size() - 4)});
    bytes = record(22, handshake(1, hello.body()));
  }
  std::fill_n(bytes.begin() + 11, 32, static_cast<uint8_t>(random));
  return bytes;
}

inline Buffer server_hello_body(unsigned suite, const std::vector<TestExtension>& extensions,
                                const Buffer& session_id, const Buffer& random) {
  Builder block;
  for (const TestExtension& extension : extensions)
    block.u16(extension.type).with_u16(extension.data);
  Builder body;
  body.u16(0x0303).raw(random).with_u8(session_id).u16(suite).u8(0).with_u16(block);
  return body;
}
// A TLS 1.3 ServerHello.
inline Buffer server_hello(bool resumed = false) {
  std::vector<TestExtension> extensions = {
      {0x002b, hex("0304")},
      {0x0033, Builder().u16(0x001d).with_u16(Buffer(32, 3))},
  };
  if (resumed) extensions.push_back({0x0029, hex("0000")});
  return record(
      22, handshake(2, server_hello_body(0x1301, extensions, Buffer(32, 0x55), Buffer(32, 0xbb))),
      0x0303);
}
// A TLS 1.2 ServerHello that has chosen a protocol.
inline Buffer server_hello_12(std::string_view protocol, const Buffer& session_id = Buffer(32, 1)) {
  return record(22,
                handshake(2, server_hello_body(0xc02f, {{0x0010, alpn({protocol})}}, session_id,
                                               Buffer(32, 0xbb))),
                0x0303);
}
inline Buffer hello_retry_request() {
  const Buffer random = hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
  return record(
      22,
      handshake(2, server_hello_body(0x1301, {{0x002b, hex("0304")}, {0x0033, hex("0017")}},
                                     Buffer(32, 0x55), random)),
      0x0303);
}
inline Buffer change_cipher_spec() { return hex("14 0303 0001 01"); }
inline Buffer alert(unsigned level, unsigned description) {
  return record(21, {static_cast<uint8_t>(level), static_cast<uint8_t>(description)}, 0x0303);
}
inline Buffer text_bytes(std::string_view text) { return {text.begin(), text.end()}; }
inline Buffer operator+(const Buffer& a, const Buffer& b) { return Builder().raw(a).raw(b); }

inline Buffer request(std::string_view path = "/", std::string_view more = {}) {
  return text_bytes("GET " + std::string(path) +
                    " HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: test/1\r\n" +
                    std::string(more) + "\r\n");
}
inline Buffer response(int status = 200, std::string_view more = {}) {
  return text_bytes("HTTP/1.1 " + std::to_string(status) + " Fine\r\nServer: tested\r\n" +
                    std::string(more) + "\r\n");
}

}  // namespace handprint::test
