// SPDX-License-Identifier: Apache-2.0
// The selector's table in user space.
#include <cstring>

#include "fixture.h"

namespace handprint::test {
namespace {

class Selecting : public ::testing::Test {
 protected:
  Packet tcp(uint16_t port, uint16_t flags, uint32_t sequence, const Buffer& payload = {}) {
    kept_.push_back(payload);
    Packet packet;
    packet.source = Address::from(hex("c0000201"));
    packet.destination = Address::from(hex("c6336407"));
    packet.ip_version = 4;
    packet.protocol = protocol_tcp;
    packet.source_port = port;
    packet.destination_port = 443;
    packet.flags = flags;
    packet.sequence = sequence;
    packet.payload = kept_.back();
    packet.payload_length = static_cast<uint32_t>(payload.size());
    return packet;
  }
  bool select(const Packet& packet, uint32_t scope = 0) {
    return selection.select(packet, now, scope, decision);
  }
  int used() const {
    int n = 0;
    for (int set = 0; set < HP_SETS; ++set)
      for (uint32_t tag : selection.sets()[set].tag) n += tag != 0;
    return n;
  }

  Selection selection{file_policy(HP_MODE_HELLO), 0};
  hp_decision decision{};
  PacketTime now = 5 * second;

 private:
  std::deque<Buffer> kept_;
};

TEST_F(Selecting, FilesHaveNoLimitOfRequests) {
  EXPECT_EQ(live_policy().requests, 3);
  EXPECT_EQ(file_policy().requests, 0);
  EXPECT_EQ(file_policy().hello_limit, live_policy().hello_limit);
}

TEST_F(Selecting, AHelloIsCopiedAndItsWindowClosed) {
  const Buffer hello = client_hello("www.example.org", 1900);
  EXPECT_TRUE(select(tcp(1, tcp_flag::syn, 99)));
  EXPECT_EQ(decision.content, HP_CONTENT_SYN);
  EXPECT_EQ(used(), 1);
  EXPECT_TRUE(select(tcp(1, tcp_flag::ack, 100, prefix(hello, 1448))));
  EXPECT_EQ(decision.content, HP_CONTENT_TLS_CLIENT);
  EXPECT_EQ(decision.copy_len, 1448u);
  // The rest and what follows in the same segment.
  EXPECT_TRUE(select(
      tcp(1, tcp_flag::ack, 1548, Buffer(hello.begin() + 1448, hello.end()) + Buffer(500, 1))));
  EXPECT_EQ(decision.copy_len, hello.size() - 1448);
  EXPECT_EQ(used(), 0);
  EXPECT_FALSE(select(tcp(1, tcp_flag::ack, 5000, Buffer(1000, 0x17))));
}

TEST_F(Selecting, HeadersEndAtTheEmptyLineOfAnyAlignment) {
  for (std::size_t pad = 0; pad < 20; ++pad) {
    const Buffer asks = request("/", "X: " + std::string(pad, 'x') + "\r\n");
    EXPECT_TRUE(
        select(tcp(static_cast<uint16_t>(2000 + pad), tcp_flag::ack, 1, asks + Buffer(333, 'b'))));
    EXPECT_EQ(decision.copy_len, asks.size());
    EXPECT_TRUE(decision.by_content);
  }
}

TEST_F(Selecting, OnlyWhatIsPresentIsCopied) {
  Packet cut = tcp(1, tcp_flag::ack, 1, prefix(client_hello("www.example.org", 1000), 96));
  cut.payload_length = 1000;
  EXPECT_TRUE(select(cut));
  EXPECT_EQ(decision.copy_len, 96u);
}

TEST_F(Selecting, AcknowledgementsBulkDataAndOtherProtocolsAreQuiet) {
  EXPECT_FALSE(select(tcp(1, tcp_flag::ack, 1)));
  EXPECT_FALSE(select(tcp(1, tcp_flag::ack, 1, Buffer(1448, 0x55))));
  Packet icmp = tcp(1, 0, 0);
  icmp.protocol = 1;
  EXPECT_FALSE(select(icmp));
  EXPECT_FALSE(select(Packet{}));
  EXPECT_EQ(used(), 0);
}

TEST_F(Selecting, AResetForgetsTheWindow) {
  select(tcp(1, tcp_flag::syn, 99));
  EXPECT_EQ(used(), 1);
  EXPECT_FALSE(select(tcp(1, tcp_flag::rst, 100)));
  EXPECT_EQ(used(), 0);
}

TEST_F(Selecting, ScopesAreApart) {
  const Buffer start = text_bytes("GET");
  select(tcp(1, tcp_flag::syn, 99), 1);
  EXPECT_FALSE(select(tcp(1, tcp_flag::ack, 100, start), 2));  // three bytes name nothing
  EXPECT_TRUE(select(tcp(1, tcp_flag::ack, 100, start), 1));
}

TEST_F(Selecting, SlotsAreLaidOutAsInTheKernel) {
  select(tcp(0x1234, tcp_flag::syn, 99), 7);
  hp_flow_key key{};
  std::memcpy(key.source, hex("00000000000000000000ffffc0000201").data(), 16);
  std::memcpy(key.destination, hex("00000000000000000000ffffc6336407").data(), 16);
  key.source_port = __builtin_bswap16(0x1234);
  key.destination_port = __builtin_bswap16(443);
  key.scope = 7;
  key.protocol = 6;
  const uint64_t hash = hp_flow_hash(&key, 0);
  const hp_set& set = selection.sets()[hp_flow_set(hash)];
  EXPECT_EQ(set.tag[0], hp_flow_tag(hash));
  EXPECT_EQ(set.age[0], static_cast<uint32_t>(static_cast<uint64_t>(now) >> HP_AGE_SHIFT));
  const hp_slot& slot = selection.slots()[hp_flow_set(hash) * HP_WAYS];
  EXPECT_TRUE(hp_key_equal(&slot.key, &key));
  EXPECT_EQ(slot.window.base, 100u);
  EXPECT_EQ(slot.window.state, HP_WINDOW_UNDECIDED);
}

TEST_F(Selecting, AFullSetGivesUpItsOldest) {
  // Far more windows than slots: the newest are always there.
  const Buffer start = text_bytes("GET");
  for (uint32_t i = 0; i < 3 * HP_SLOTS; ++i) {
    Packet packet = tcp(static_cast<uint16_t>(i), tcp_flag::syn, 99);
    packet.source.bytes[3] = static_cast<uint8_t>(i >> 16);
    select(packet);
    if (i % 4096 == 0) now += 2 * ms;
  }
  EXPECT_GT(used(), HP_SLOTS * 99 / 100);
  Packet last = tcp(static_cast<uint16_t>(3 * HP_SLOTS - 1), tcp_flag::ack, 100, start);
  last.source.bytes[3] = static_cast<uint8_t>((3 * HP_SLOTS - 1) >> 16);
  EXPECT_TRUE(select(last));
  Packet first = tcp(0, tcp_flag::ack, 100, start);
  first.source.bytes[3] = 0;
  EXPECT_FALSE(select(first));
}

TEST_F(Selecting, AnswersOfAFloodGiveWayBeforeTheSynsOfDistantClients) {
  // What a server that answers each SYN shows in 300 ms of 90,000 a second: as many answers as SYNs.
  const Buffer start = text_bytes("GET");
  constexpr uint32_t flood = 27'000, clients = 500;
  const auto from = [&](uint32_t number, uint8_t network, uint16_t flags) {
    Packet packet = tcp(static_cast<uint16_t>(number), flags, 99);
    packet.source.bytes[2] = network;
    packet.source.bytes[3] = static_cast<uint8_t>(number >> 16);
    return packet;
  };
  const auto answer = [&](const Packet& syn) {
    Packet packet = syn;
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
    packet.flags = tcp_flag::syn | tcp_flag::ack;
    return packet;
  };
  const auto pass = [&](uint32_t first, uint32_t count, uint8_t network) {
    for (uint32_t i = first; i < first + count; ++i) {
      const Packet syn = from(i, network, tcp_flag::syn);
      select(syn);
      select(answer(syn));
      if (i % 90 == 0) now += ms;
    }
  };
  pass(0, 2 * flood, 1);  // the table is full when the clients come
  pass(0, clients, 2);
  pass(2 * flood, flood, 1);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < clients; ++i) {
    Packet hello = from(i, 2, tcp_flag::ack);
    hello.sequence = 100;
    hello.payload = {start.data(), start.size()};
    kept += select(hello);
  }
  EXPECT_GE(kept, clients * 95 / 100);
}

TEST_F(Selecting, DatagramsAreCounted) {
  Packet packet = tcp(1, 0, 0, Builder().hex("c3 00000001 08").fill(1194, 1));
  packet.protocol = protocol_udp;
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(select(packet)) << i;
  EXPECT_EQ(decision.content, HP_CONTENT_QUIC);
  EXPECT_EQ(decision.copy_len, 1200u);
  EXPECT_FALSE(select(packet));
}

TEST_F(Selecting, IPv6AddressesAreWhole) {
  Packet packet = tcp(1, tcp_flag::syn, 1);
  packet.source = Address::from(hex("20010db8000000000000000000000001"));
  packet.destination = Address::from(hex("20010db8000000000000000000000002"));
  EXPECT_TRUE(select(packet));
  packet.source.bytes[15] = 3;
  packet.flags = tcp_flag::ack;
  const Buffer start = text_bytes("GET");
  packet.payload = start;
  packet.sequence = 2;
  EXPECT_FALSE(select(packet));
  packet.source.bytes[15] = 1;
  EXPECT_TRUE(select(packet));
}

}  // namespace
}  // namespace handprint::test
