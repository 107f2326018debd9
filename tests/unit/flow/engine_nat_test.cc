// SPDX-License-Identifier: Apache-2.0
// A connection whose addresses are translated on its way is one flow where that is certain, and two
// where it is not.
#include "fixture.h"

namespace handprint::test {
namespace {

const Point into_router{HP_HOOK_TC, HP_INGRESS, 1}, out_of_router{HP_HOOK_TC, HP_EGRESS, 2};
const Point back_in{HP_HOOK_TC, HP_INGRESS, 2}, back_out{HP_HOOK_TC, HP_EGRESS, 1};

class Nat : public EngineTest {
 protected:
  Nat() {
    options.from_file = false;
    outside.client_address = "c6336401";  // 198.51.100.1
    outside.client_port = 20001;
    behind.server_address = "0a000005";  // 10.0.0.5
    behind.server_port = 8443;
  }
  // A SYN or SYN+ACK with a time stamp, or with none.
  void shake(const Conversation& of, bool from_client, uint32_t stamp, const Point& at,
             unsigned mss = 1460, uint8_t ttl = 64) {
    Packet packet = packet_of(of, from_client);
    Builder builder;
    builder.u8(2).u8(4).u16(mss).u8(4).u8(2);
    if (stamp != 0)
      builder.u8(8)
          .u8(10)
          .u16(stamp >> 16)
          .u16(stamp & 0xffff)
          .u16(from_client ? 0 : echo >> 16)
          .u16(from_client ? 0 : echo & 0xffff);
    const Buffer bytes = builder.u8(1).u8(3).u8(3).u8(7);
    packet.flags = from_client ? tcp_flag::syn : tcp_flag::syn | tcp_flag::ack;
    packet.sequence = from_client ? of.client_isn : of.server_isn;
    packet.acknowledgement = from_client ? 0 : of.client_isn + 1;
    packet.tcp_options = bytes;
    packet.transport_header_length = static_cast<uint16_t>(20 + bytes.size());
    packet.ttl = ttl;
    feed(packet, from_client ? HP_CONTENT_SYN : HP_CONTENT_SYN_ACK, at);
  }
  void talk(Conversation inner, Conversation outer) {
    client_says(inner, client_hello(), HP_CONTENT_UNDECIDED, into_router);
    client_says(outer, client_hello(), HP_CONTENT_UNDECIDED, out_of_router);
    server_says(outer, server_hello(), HP_CONTENT_UNDECIDED, back_in);
    server_says(inner, server_hello(), HP_CONTENT_UNDECIDED, back_out);
  }
  static std::string at(const Address& address, uint16_t port) {
    std::string out;
    for (int i = 0; i < 4 && address.present(); ++i)
      out += std::to_string(address.bytes[static_cast<std::size_t>(i)]) + (i < 3 ? "." : ":");
    return out + (address.present() ? std::to_string(port) : "");
  }
  static std::string source(const Document& d) { return at(d.client.address, d.client.port); }
  static std::string destination(const Document& d) { return at(d.server.address, d.server.port); }
  static std::string source_nat(const Document& d) {
    return at(d.client.nat_address, d.client.nat_port);
  }
  static std::string destination_nat(const Document& d) {
    return at(d.server.nat_address, d.server.nat_port);
  }

  Conversation inside, outside, behind;
  uint32_t echo = 7001;
};

TEST_F(Nat, MasqueradeSeenOnBothSidesIsOneFlow) {
  shake(inside, true, 7001, into_router);
  shake(outside, true, 7001, out_of_router, 1400);  // with the MSS clamped
  shake(outside, false, 9001, back_in);
  shake(inside, false, 9001, back_out);
  talk(inside, outside);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(source(document()), "192.0.2.1:40000");
  EXPECT_EQ(source_nat(document()), "198.51.100.1:20001");
  EXPECT_EQ(destination(document()), "198.51.100.7:443");
  EXPECT_EQ(destination_nat(document()), "");
  EXPECT_EQ(count(document(), Kind::tcp), 1);  // the clamped SYN is no other try
  EXPECT_EQ(document().observed.size(), 4u);
  EXPECT_EQ(engine().counters().merged, 1u);
  expect_all_written();
}

TEST_F(Nat, DestinationTranslationGivesWhatWasDialledAndTheBackEnd) {
  shake(inside, true, 7001, into_router);
  shake(behind, true, 7001, out_of_router);
  shake(behind, false, 9001, back_in);
  shake(inside, false, 9001, back_out);
  talk(inside, behind);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(destination(document()), "198.51.100.7:443");
  EXPECT_EQ(destination_nat(document()), "10.0.0.5:8443");
  EXPECT_EQ(source_nat(document()), "");
}

TEST_F(Nat, WithoutTimeStampsTheServersNumberJoinsTwoFlows) {
  shake(inside, true, 0, into_router);
  shake(outside, true, 0, out_of_router);
  EXPECT_EQ(engine().flows_open(), 2u);
  shake(outside, false, 0, back_in);
  shake(inside, false, 0, back_out);
  EXPECT_EQ(engine().flows_open(), 1u);
  talk(inside, outside);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(source(document()), "192.0.2.1:40000");
  EXPECT_EQ(source_nat(document()), "198.51.100.1:20001");
  EXPECT_EQ(engine().counters().flows_joined, 1u);
  expect_all_written();
}

TEST_F(Nat, TheAnswerAloneIsKnownByItsEcho) {
  // REDIRECT at the sockets of the server: in to the port that listens, out from the one dialled.
  Conversation listening = inside;
  listening.server_port = 15001;
  Point in{HP_HOOK_CGROUP, HP_INGRESS, 0, 7}, out{HP_HOOK_CGROUP, HP_EGRESS, 0, 7};
  shake(listening, true, 7001, in);
  shake(inside, false, 9001, out);
  const SocketAddresses socket{Address::from(hex("c6336407")), Address::from(hex("c0000201")),
                               15001, 40000};
  in.cookie = out.cookie = 8;
  out.socket = &socket;
  client_says(listening, client_hello(), HP_CONTENT_UNDECIDED, in);
  server_says(inside, server_hello(), HP_CONTENT_UNDECIDED, out);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(destination(document()), "198.51.100.7:443");
  EXPECT_EQ(destination_nat(document()), "198.51.100.7:15001");
}

TEST_F(Nat, TheListenersSocketIsEvidenceEnoughForItsAnswer) {
  Conversation listening = inside;
  listening.server_port = 15001;
  const Point in{HP_HOOK_CGROUP, HP_INGRESS, 0, 7}, out{HP_HOOK_CGROUP, HP_EGRESS, 0, 7};
  shake(listening, true, 0, in);
  shake(inside, false, 0, out);
  EXPECT_EQ(engine().flows_open(), 1u);
}

TEST_F(Nat, TheSocketsOwnAddressesAreOneWayToItsFlow) {
  // DNAT of what the host itself sends: out translated, in as the socket knows it.
  const SocketAddresses socket{Address::from(hex("c0000201")), Address::from(hex("c6336407")),
                               40000, 443};
  const Point out{HP_HOOK_CGROUP, HP_EGRESS, 1, 5, nullptr, 0, 0, HP_ROLE_NONE, &socket};
  const Point in{HP_HOOK_CGROUP, HP_INGRESS, 1, 5};
  client_says(behind, client_hello(), HP_CONTENT_UNDECIDED, out);  // older than the agent
  server_says(inside, server_hello(), HP_CONTENT_UNDECIDED, in);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(destination(document()), "198.51.100.7:443");
  EXPECT_EQ(destination_nat(document()), "10.0.0.5:8443");
}

TEST_F(Nat, AnOwnerFindsItsFlowByTheSocketsAddresses) {
  options.worker_grace = 0;
  Conversation listening = inside;
  listening.server_port = 15001;
  const SocketAddresses socket{Address::from(hex("c6336407")), Address::from(hex("c0000201")),
                               15001, 40000};
  // At an interface of the server's only what was dialled is on the wire.
  shake(inside, true, 7001, {HP_HOOK_TC, HP_INGRESS, 1});
  shake(inside, false, 9001, {HP_HOOK_TC, HP_EGRESS, 1, 8, nullptr, 0, 0, HP_ROLE_NONE, &socket});
  hp_owner_event event{};
  event.family = 2;
  event.protocol = 6;
  event.cookie = 8;
  event.time_ns = static_cast<uint64_t>(now);
  event.owner = owner_of(300, HP_ROLE_WORKER);
  const auto put = [](uint8_t(&to)[16], const Buffer& v4) {
    to[10] = to[11] = 0xff;
    std::copy(v4.begin(), v4.end(), to + 12);
  };
  put(event.local_address, hex("c6336407"));
  put(event.remote_address, hex("c0000201"));
  event.local_port = 15001;
  event.remote_port = 40000;
  engine().owner(event);
  client_says(inside, client_hello());
  server_says(inside, server_hello());
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 300u);
  EXPECT_EQ(destination(document()), "198.51.100.7:443");
  EXPECT_EQ(destination_nat(document()), "198.51.100.7:15001");
}

TEST_F(Nat, AScannersConstantNumbersMergeNothing) {
  // The same first number, options and port to many hosts, as some scanners send.
  for (uint8_t host = 1; host < 20; ++host) {
    Conversation probe = inside;
    probe.server_address = "0a0000" + std::string(1, "0123456789abcdef"[host / 16]) +
                           std::string(1, "0123456789abcdef"[host % 16]);
    probe.client_isn = 0;
    shake(probe, true, 0, into_router);
    shake(probe, true, 0, {HP_HOOK_TC, HP_EGRESS, 2u + host % 2});
  }
  EXPECT_EQ(engine().flows_open(), 19u);
  EXPECT_EQ(engine().counters().merged, 0u);
  EXPECT_EQ(engine().counters().flows_joined, 0u);
}

TEST_F(Nat, ConstantTimeStampsAtOnePointMergeNothing) {
  shake(inside, true, 7001, into_router);
  shake(behind, true, 7001, into_router);
  EXPECT_EQ(engine().flows_open(), 2u);
  EXPECT_EQ(engine().counters().ambiguous, 1u);
  // Nor do those that stand for none.
  Conversation a = inside, b = behind;
  a.client_isn = b.client_isn = 5;
  a.client_port = b.client_port = 40001;
  shake(a, true, 0xffffffff, into_router);
  shake(b, true, 0xffffffff, out_of_router);
  EXPECT_EQ(engine().flows_open(), 4u);
}

TEST_F(Nat, TwoThatCouldBeMeantAreNone) {
  Conversation other = inside;
  other.client_address = "c0000202";
  // Told apart by their options alone when the third comes: both are like it.
  shake(inside, true, 7001, into_router);
  shake(other, true, 7001, {HP_HOOK_TC, HP_INGRESS, 1});
  ASSERT_EQ(engine().flows_open(), 2u);
  shake(outside, true, 7001, out_of_router);
  EXPECT_EQ(engine().flows_open(), 3u);
  EXPECT_EQ(engine().counters().merged, 0u);
}

TEST_F(Nat, AnotherAnswerUnderATranslatedKeyIsAnotherConnection) {
  shake(inside, true, 7001, into_router);
  shake(behind, true, 7001, out_of_router);
  ASSERT_EQ(engine().flows_open(), 1u);
  shake(inside, false, 9001, back_out);
  behind.server_isn += 77;  // not what the client is told
  shake(behind, false, 9002, back_in);
  EXPECT_EQ(engine().flows_open(), 2u);
}

TEST_F(Nat, ATranslatedPortUsedAgainIsTheNewConnections) {
  shake(inside, true, 7001, into_router);
  shake(outside, true, 7001, out_of_router);
  shake(outside, false, 9001, back_in);
  shake(inside, false, 9001, back_out);
  talk(inside, outside);
  Conversation next = inside, next_outside = outside;
  next.client_address = "c0000209";
  next.client_isn = next_outside.client_isn = 123456;
  next.server_isn = next_outside.server_isn = 654321;
  echo = 7777;
  shake(next, true, 7777, into_router);
  shake(next_outside, true, 7777, out_of_router);
  shake(next_outside, false, 9999, back_in);
  shake(next, false, 9999, back_out);
  talk(next, next_outside);
  finish();
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(source(document(1)), "192.0.2.9:40000");
  EXPECT_EQ(source_nat(document(1)), "198.51.100.1:20001");
  expect_all_written();
}

TEST_F(Nat, LongAfterwardsTheSameNumberIsChance) {
  shake(inside, true, 7001, into_router);
  wait(6 * second);
  shake(outside, true, 7001, out_of_router);
  EXPECT_EQ(engine().counters().merged, 0u);
}

TEST_F(Nat, InAFileTheHopLimitTellsTwoPointsApart) {
  options.from_file = true;
  shake(inside, true, 7001, {}, 1460, 64);
  shake(outside, true, 7001, {}, 1460, 63);
  shake(outside, false, 9001, {}, 1460, 60);
  shake(inside, false, 9001, {}, 1460, 59);
  EXPECT_EQ(engine().flows_open(), 1u);
  // Two probes of one scanner have one.
  Conversation a = inside, b = behind;
  a.client_isn = b.client_isn = 5;
  a.client_port = b.client_port = 40001;
  shake(a, true, 7001, {}, 1460, 64);
  shake(b, true, 7001, {}, 1460, 64);
  EXPECT_EQ(engine().flows_open(), 3u);
}

TEST_F(Nat, MoreTranslatedFlowsThanThereIsRoomFor) {
  options.flow_bytes = 512 * 1024;
  const auto total = static_cast<uint32_t>(engine().flows_limit());
  for (uint32_t i = 0; i < total * 2; ++i) {
    now -= 6 * ms;
    Conversation in = inside, out = outside;
    in.client_port = out.client_port = static_cast<uint16_t>(1024 + i);
    in.client_isn = out.client_isn = i * 7919;
    in.server_isn = out.server_isn = i * 104729;
    echo = i + 1;
    shake(in, true, i + 1, into_router);
    shake(out, true, i + 1, out_of_router);
    Conversation back = in;
    back.server_address = "0a000009";
    shake(back, true, i + 1, {HP_HOOK_TC, HP_EGRESS, 3});
    ASSERT_LE(engine().flows_open(), engine().flows_limit());
    if (collector.documents.size() > 20) collector.documents.clear();
  }
  EXPECT_GT(engine().counters().aliases_refused, 0u);
  EXPECT_EQ(engine().counters().merged, total * 4);
  collector.documents.clear();
  finish();
  expect_all_written();
}

}  // namespace
}  // namespace handprint::test
