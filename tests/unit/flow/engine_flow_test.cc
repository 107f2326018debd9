// SPDX-License-Identifier: Apache-2.0
// Which packets are one flow, when a flow is written, and what a document says of it.
#include <limits>

#include "fixture.h"

namespace handprint::test {
namespace {

class Flows : public EngineTest {};

TEST_F(Flows, ASynWithoutAnswerIsWrittenAfterFiveSeconds) {
  Conversation c;
  syn(c);
  wait(4 * second);
  EXPECT_EQ(count(), 0u);
  wait(2 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::tcp), 1);
  EXPECT_EQ(document().tcp_server, nullptr);
  EXPECT_EQ(incomplete(document()), "");
  finish();
  EXPECT_EQ(count(), 1u);
  expect_all_written();
}

TEST_F(Flows, ALateAnswerIsAFurtherPart) {
  Conversation c;
  syn(c);
  wait(6 * second);
  syn_ack(c);
  client_says(c, client_hello());
  server_says(c, server_hello());
  finish();
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(count(document(1), Kind::tcp), 0);
  EXPECT_EQ(count(document(1), Kind::tcp_server), 1);
  EXPECT_EQ(count(document(1), Kind::ja4), 1);
}

TEST_F(Flows, ARetransmittedSynBeginsNothing) {
  Conversation c;
  syn(c);
  syn(c);
  syn(c);
  syn_ack(c);
  syn(c);
  client_says(c, client_hello());
  server_says(c, server_hello());
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::tcp), 1);
  EXPECT_EQ(document().packets, 7u);
  EXPECT_EQ(engine().counters().duplicates, 3u);
  expect_all_written();
}

TEST_F(Flows, ARetransmissionWithFewerOptionsIsReportedOnce) {
  Conversation c;
  syn(c);
  for (int i = 0; i < 2; ++i) {
    Packet packet = packet_of(c, true);
    const Buffer fewer = hex("020405b4");
    packet.flags = tcp_flag::syn;
    packet.sequence = c.client_isn;
    packet.tcp_options = fewer;
    feed(packet, HP_CONTENT_SYN);
  }
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::tcp), 2);
  EXPECT_EQ(count(document(), Kind::p0f), 1);
}

TEST_F(Flows, PortsUsedAgainAreANewFlow) {
  Conversation first, again;
  again.client_isn = 777777;
  again.server_isn = 888888;
  open(first);
  client_says(first, client_hello("one.example.org"));
  server_says(first, server_hello());
  ASSERT_EQ(count(), 1u);
  open(again);
  client_says(again, client_hello("two.example.org"));
  server_says(again, server_hello());
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(1).part, 1u);
  EXPECT_NE(document(1).id, document(0).id);
  EXPECT_NE(document(1).stream, document(0).stream);
  EXPECT_EQ(document(1).tls_client->server_name, "two.example.org");
  finish();
  EXPECT_EQ(count(), 2u);
  expect_all_written();
}

TEST_F(Flows, AnAnsweredFlowIsWrittenWhenItsPortsAreUsedAgain) {
  Conversation first, again;
  again.client_isn = 777777;
  open(first);
  client_says(first, client_hello());
  syn(again);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::ja4), 1);
  finish();
  EXPECT_EQ(count(), 2u);
}

TEST_F(Flows, AnotherSynReplacesOneThatWasNeverAnswered) {
  Conversation first, again;
  again.client_isn = 777777;
  syn(first);
  const PacketTime second_time = now;
  open(again);
  client_says(again, client_hello());
  server_says(again, server_hello());
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().first, second_time);
  EXPECT_EQ(engine().counters().syns_replaced, 1u);
  expect_all_written();
}

TEST_F(Flows, ASynThatWasOvertakenByItsAnswerIsTheSameFlow) {
  Conversation c;
  syn_ack(c);
  client_says(c, client_hello());
  now -= 3 * ms;
  syn(c);
  now += 3 * ms;
  server_says(c, server_hello());
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::tcp), 1);
  EXPECT_EQ(count(document(), Kind::tcp_server), 1);
  EXPECT_EQ(count(document(), Kind::ja4), 1);
}

TEST_F(Flows, SightingsAtSeveralPointsAreOneFlow) {
  options.from_file = false;
  const Point out{HP_HOOK_TC, HP_EGRESS, 1}, in{HP_HOOK_TC, HP_INGRESS, 1},
      veth{HP_HOOK_CGROUP, HP_INGRESS, 7};
  Conversation c;
  const Buffer hello = client_hello(), answer = server_hello();
  for (const Point& at : {out, in, veth}) syn(c, at);
  for (const Point& at : {out, in}) syn_ack(c, at);
  for (const Point& at : {out, in, veth}) bytes_at(c, true, 0, hello, HP_CONTENT_TLS_CLIENT, at);
  for (const Point& at : {out, in}) bytes_at(c, false, 0, answer, HP_CONTENT_TLS_SERVER, at);
  finish();
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  EXPECT_EQ(count(d, Kind::ja4), 1);
  EXPECT_EQ(count(d, Kind::tcp), 1);
  ASSERT_EQ(d.observed.size(), 3u);
  EXPECT_EQ(d.observed[0].interface, 1u);
  EXPECT_EQ(d.observed[0].direction, HP_EGRESS);
  EXPECT_EQ(d.observed[2].interface, 7u);
  EXPECT_EQ(d.observed[2].hook, HP_HOOK_CGROUP);
  EXPECT_EQ(d.observed[2].packets, 2u);
  EXPECT_EQ(engine().counters().duplicates, 6u);
  expect_all_written();
}

TEST_F(Flows, SightingsBeyondTheRoomAreCountedAsPackets) {
  options.from_file = false;
  Conversation c;
  for (uint32_t i = 1; i <= 20; ++i) syn(c, {HP_HOOK_TC, HP_INGRESS, i});
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().observed.size(), 16u);
  EXPECT_EQ(document().packets, 20u);
}

TEST_F(Flows, AFlowWithoutAnyHintTakesTheHigherPortForTheClient) {
  Conversation c;
  c.client_port = 1000;
  c.server_port = 2000;
  bytes_at(c, true, 0, Buffer(70, 1), HP_CONTENT_OTHER);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_FALSE(document().client_certain);
  EXPECT_EQ(document().client.port, 2000);
}

// A reader that is behind with its rings tells no time, or an old one: that is no reason to end flows.
TEST_F(Flows, AnOldTimeWithoutAPacketChangesNothing) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  engine().advance(0);
  engine().advance(now - 3000 * second);
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_NE(document().tls_client, nullptr);
  EXPECT_NE(document().tls_server, nullptr);
}

TEST_F(Flows, KnownProtocolsAreNamedByTheirFirstBytes) {
  struct Row {
    const char* client;
    const char* server;
    const char* name;
  };
  uint16_t port = 2000;
  for (const Row& row : {Row{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "HTTP/2"},
                         Row{"", "220 ftp.example.org FTP server ready\r\n", "FTP"}}) {
    Conversation c;
    c.client_port = ++port;
    open(c);
    if (*row.client != 0) client_says(c, text_bytes(row.client));
    if (*row.server != 0) server_says(c, text_bytes(row.server));
    wait(6 * second);  // TLS could come yet, or HTTP/2's first request
    ASSERT_EQ(count(), 1u) << row.name;
    EXPECT_EQ(protocols(document()), row.name);
    collector.documents.clear();
  }
}

TEST_F(Flows, UnknownContentOfBothSidesIsEnough) {
  Conversation c;
  open(c);
  client_says(c, Buffer(20, 0xfe), HP_CONTENT_OTHER);
  EXPECT_EQ(count(), 0u);
  server_says(c, Buffer(20, 0xfd), HP_CONTENT_OTHER);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "");
  EXPECT_EQ(incomplete(document()), "");
}

TEST_F(Flows, QuicAndDtlsAreNamed) {
  Conversation c;
  c.client_port = 50000;
  Packet packet = packet_of(c, true);
  packet.protocol = protocol_udp;
  const Buffer initial = Builder().hex("c3 51303433 08").fill(1194, 1);  // Q043
  packet.payload = initial;
  packet.payload_length = 1200;
  feed(packet, HP_CONTENT_QUIC);
  Packet answer = packet_of(c, false);
  answer.protocol = protocol_udp;
  answer.payload = initial;
  answer.payload_length = 1200;
  EXPECT_EQ(count(), 0u);
  feed(answer, HP_CONTENT_QUIC);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "QUIC");
  EXPECT_EQ(document().transport, protocol_udp);
  EXPECT_EQ(document().client.port, 50000);
  feed(packet, HP_CONTENT_QUIC);
  EXPECT_EQ(count(), 1u);

  Conversation d;
  d.client_port = 99;
  d.server_port = 60000;
  Packet hello = packet_of(d, true);
  hello.protocol = protocol_udp;
  const Buffer dtls = Builder().hex("16 fefd 0000 000000000000 0010 01").fill(40);
  hello.payload = dtls;
  feed(hello, HP_CONTENT_DTLS);
  wait(6 * second);
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(protocols(document(1)), "DTLS");
  EXPECT_EQ(document(1).client.port, 99);
  finish();
  expect_all_written();
}

TEST_F(Flows, WhatCannotBePlacedIsCounted) {
  Conversation c;
  Packet packet = packet_of(c, true);
  feed(packet);  // an acknowledgement of an unknown connection
  packet.protocol = 1;
  feed(packet);
  Segment nothing;
  nothing.time = now;
  engine().segment(nothing);
  EXPECT_EQ(engine().counters().unusable, 3u);
  EXPECT_EQ(engine().counters().flows, 0u);
  expect_balanced();
}

TEST_F(Flows, LinkLayerAndTunnelStandInTheDocument) {
  Conversation c;
  Packet packet = packet_of(c, true);
  packet.flags = tcp_flag::syn;
  packet.sequence = c.client_isn;
  packet.source_mac = {{2, 0, 0, 0, 0, 1}, true};
  packet.destination_mac = {{2, 0, 0, 0, 0, 2}, true};
  packet.vlan[0] = 42;
  packet.vlan_count = 1;
  packet.tunnel = Tunnel::vxlan;
  packet.tunnel_id = 4711;
  packet.outer_source = Address::from(hex("0a000001"));
  packet.outer_destination = Address::from(hex("0a000002"));
  feed(packet, HP_CONTENT_SYN);
  finish();
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  EXPECT_TRUE(d.client.has_mac);
  EXPECT_EQ(d.client.mac[5], 1);
  EXPECT_EQ(d.server.mac[5], 2);
  EXPECT_TRUE(d.has_vlan);
  EXPECT_EQ(d.vlan, 42);
  ASSERT_NE(d.tunnel, nullptr);
  EXPECT_EQ(d.tunnel->kind, "vxlan");
  EXPECT_EQ(d.tunnel->id, 4711u);
  EXPECT_EQ(d.tunnel->source, packet.outer_source);
}

TEST_F(Flows, IPv6FlowsAreFlows) {
  Conversation c;
  c.client_address = "20010db8000000000000000000000001";
  c.server_address = "20010db8000000000000000000000002";
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_TRUE(document().client.address.v6());
  EXPECT_EQ(document().client.address.bytes[15], 1);
}

TEST_F(Flows, TheEventIdDependsOnIdentityTimeAndKeyAlone) {
  const auto id = [](uint8_t identity, PacketTime time, uint16_t port) {
    EngineOptions options;
    options.identity.fill(identity);
    Collector collector;
    Engine engine(options, collector);
    Conversation c;
    Packet packet = packet_of(c, true);
    packet.source_port = port;
    packet.flags = tcp_flag::syn;
    Segment segment;
    segment.packet = &packet;
    segment.time = time;
    engine.segment(segment);
    engine.finish();
    return collector.documents.at(0)->id;
  };
  EXPECT_EQ(id(1, 5, 9), id(1, 5, 9));
  EXPECT_NE(id(1, 5, 9), id(2, 5, 9));
  EXPECT_NE(id(1, 5, 9), id(1, 6, 9));
  EXPECT_NE(id(1, 5, 9), id(1, 5, 10));
}

// --- time ---------------------------------------------------------------------------------------

TEST_F(Flows, TimeThatRunsBackwardsStopsTheClockOnly) {
  Conversation a, b;
  b.client_port = 40001;
  syn(a);
  now -= 3600 * second;
  syn(b);
  EXPECT_EQ(count(), 0u);
  wait(6 * second);  // counted on from the earlier time
  EXPECT_EQ(count(), 2u);
  finish();
  expect_all_written();
}

TEST_F(Flows, ADamagedTimeStampDoesNotStopTimeOutsForEver) {
  Conversation a, b, c;
  b.client_port = 40001;
  c.client_port = 40002;
  syn(a);
  const PacketTime then = now;
  now = std::numeric_limits<PacketTime>::max() - second;
  syn(b);
  EXPECT_EQ(count(), 1u);
  now = then;
  syn(c);
  wait(6 * second);
  EXPECT_EQ(count(), 3u);
  now = std::numeric_limits<PacketTime>::min();
  engine().advance(now);
  finish();
  expect_all_written();
}

TEST_F(Flows, AnIdleFlowIsForgotten) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello());
  EXPECT_EQ(engine().flows_open(), 1u);
  wait(151 * second);
  EXPECT_EQ(engine().flows_open(), 0u);
  EXPECT_EQ(count(), 1u);
  expect_all_written();
}

TEST_F(Flows, SynRecordsMayBeLimited) {
  options.syn_records = 10;
  Conversation c;
  for (int i = 0; i < 100; ++i) {
    c.client_port = static_cast<uint16_t>(1000 + i);
    now -= ms;  // all within one second
    syn(c);
  }
  wait(6 * second);
  EXPECT_EQ(count(), 10u);
  EXPECT_EQ(engine().counters().syn_unrecorded, 90u);
  finish();
  EXPECT_EQ(count(), 10u);
  expect_all_written();
}

TEST_F(Flows, AnAnsweredSynWithoutContentCountsAgainstTheLimitToo) {
  options.syn_records = 1;
  Conversation a, b, c;
  b.client_port = 40001;
  c.client_port = 40002;
  open(a);
  open(b);
  open(c);
  client_says(c, client_hello());
  wait(6 * second);
  EXPECT_EQ(count(), 2u);  // one without content, and the one with it
  EXPECT_EQ(engine().counters().syn_unrecorded, 1u);
  // What was not recorded is no loss when content comes after all.
  client_says(b, client_hello());
  server_says(b, server_hello());
  ASSERT_EQ(count(), 3u);
  EXPECT_EQ(document(2).part, 1u);
  EXPECT_EQ(count(document(2), Kind::tcp), 1);
  EXPECT_EQ(count(document(2), Kind::ja4), 1);
  finish();
  expect_all_written();
}

}  // namespace
}  // namespace handprint::test
