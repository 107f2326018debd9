// SPDX-License-Identifier: Apache-2.0
// Whose sockets the ends are: what the kernel's sightings make of it, and when a document waits.
#include <algorithm>

#include "fixture.h"

namespace handprint::test {
namespace {

class Owners : public EngineTest {
 protected:
  Owners() { options.from_file = false; }

  static Point egress(const hp_owner* owner, uint64_t cookie = 0) {
    return {HP_HOOK_TC, HP_EGRESS, 2, cookie, owner, 0};
  }
  static Point ingress(const hp_owner* owner, uint64_t cookie = 0, uint32_t peer = 0) {
    return {HP_HOOK_TC, HP_INGRESS, 2, cookie, owner, peer};
  }
  // The worker's first read, as the kernel reports it.
  hp_owner_event event(const Conversation& c, const hp_owner& owner, uint64_t cookie = 0) const {
    hp_owner_event event{};
    event.family = 2;
    event.protocol = protocol_tcp;
    event.time_ns = static_cast<uint64_t>(now);
    event.cookie = cookie;
    const Buffer local = hex("00000000000000000000ffff" + c.server_address);
    const Buffer remote = hex("00000000000000000000ffff" + c.client_address);
    std::copy(local.begin(), local.end(), event.local_address);
    std::copy(remote.begin(), remote.end(), event.remote_address);
    event.local_port = c.server_port;
    event.remote_port = c.client_port;
    event.owner = owner;
    return event;
  }

  const hp_owner client = owner_of(100, HP_ROLE_CLIENT);
  const hp_owner listener = owner_of(200, HP_ROLE_LISTENER);
  const hp_owner worker = owner_of(300, HP_ROLE_WORKER);
};

TEST_F(Owners, AnOutgoingConnectionHasTheProcessThatConnected) {
  Conversation c;
  syn(c, egress(&client));
  syn_ack(c, ingress(nullptr));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&client, 7));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, ingress(&client, 7));
  ASSERT_EQ(count(), 1u);  // the server is elsewhere: nothing to wait for
  const Document& d = document();
  EXPECT_EQ(d.client.ownership.owner.pid, 100u);
  EXPECT_EQ(d.client.ownership.owner.role, HP_ROLE_CLIENT);
  EXPECT_TRUE(d.client.ownership.local);
  EXPECT_FALSE(d.client.ownership.peer);
  EXPECT_FALSE(d.server.ownership.local);
  EXPECT_EQ(d.server.ownership.owner.pid, 0u);
}

TEST_F(Owners, AnIncomingConnectionWaitsForItsWorker) {
  Conversation c;
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&listener));
  EXPECT_EQ(count(), 0u);
  engine().owner(event(c, worker));
  ASSERT_EQ(count(), 1u);
  const Ownership& server = document().server.ownership;
  EXPECT_EQ(server.owner.pid, 300u);
  EXPECT_EQ(server.owner.role, HP_ROLE_WORKER);
  EXPECT_EQ(server.listener.pid, 200u);
  EXPECT_TRUE(server.local);
  EXPECT_FALSE(document().client.ownership.local);
  finish();
  EXPECT_EQ(count(), 1u);
  expect_all_written();
}

TEST_F(Owners, TheWorkerOfALaterSegmentCountsToo) {
  Conversation c;
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&worker));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 300u);
  EXPECT_EQ(document().server.ownership.listener.pid, 200u);
}

TEST_F(Owners, TheGraceEndsAndALateWorkerIsAFurtherPart) {
  Conversation c;
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&listener));
  wait(190 * ms);
  EXPECT_EQ(count(), 0u);
  wait(20 * ms);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 200u);
  EXPECT_EQ(document().server.ownership.owner.role, HP_ROLE_LISTENER);
  EXPECT_EQ(document().server.ownership.listener.pid, 0u);
  engine().owner(event(c, worker));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(1).part, 2u);
  EXPECT_EQ(document(1).server.ownership.owner.pid, 300u);
  EXPECT_EQ(document(1).server.ownership.listener.pid, 200u);
  EXPECT_TRUE(document(1).observations.empty());
  engine().owner(event(c, worker));  // nothing new
  EXPECT_EQ(count(), 2u);
  finish();
  expect_all_written();
}

TEST_F(Owners, WhatComesDuringTheGraceIsAFurtherPartAsInAFile) {
  std::vector<std::string> shapes;
  for (bool from_file : {false, true}) {
    Collector own;
    options.from_file = from_file;
    Engine engine(options, own);
    Conversation c;
    PacketTime time = now;
    const auto feed_one = [&](bool from_client, uint16_t flags, uint32_t offset,
                              const Buffer& bytes) {
      Packet packet = packet_of(c, from_client);
      packet.flags = flags;
      packet.sequence = (from_client ? c.client_isn : c.server_isn) + offset;
      packet.payload = bytes;
      Segment segment;
      segment.time = time += ms;
      segment.packet = &packet;
      segment.flags = offset > 1 ? HP_PACKET_NO_WINDOW : 0;
      segment.hook = from_file ? HP_HOOK_NONE : HP_HOOK_TC;
      segment.direction = from_client ? HP_INGRESS : HP_EGRESS;
      segment.owner = from_file ? nullptr : &listener;
      engine.segment(segment);
    };
    feed_one(true, tcp_flag::syn, 0, {});
    feed_one(false, tcp_flag::syn | tcp_flag::ack, 0, {});
    uint32_t sent = 1, answered = 1;
    for (const char* path : {"/1", "/2", "/3"}) {
      feed_one(true, tcp_flag::ack, sent, request(path));
      feed_one(false, tcp_flag::ack, answered, response());
      sent += 1000;
      answered += 50000;
    }
    feed_one(true, tcp_flag::ack, sent, client_hello());
    feed_one(false, tcp_flag::ack, answered, server_hello());
    engine.advance(time + second);
    engine.finish();
    std::string shape;
    for (const DocumentPtr& d : own.documents)
      shape += std::to_string(d->part) + " " + std::to_string(d->packets) + " " +
               std::to_string(d->last - d->first) + " " + protocols(*d) + " " +
               (d->http_request != nullptr ? std::string(d->http_request->uri) : "") + " " +
               std::to_string(d->observations.size()) + incomplete(*d) + "\n";
    shapes.push_back(shape);
    EXPECT_EQ(own.documents.size(), 4u);
  }
  EXPECT_EQ(shapes[0], shapes[1]);
}

TEST_F(Owners, AWorkerThatIsItsOwnListenerHasNoOther) {
  const hp_owner same = owner_of(200, HP_ROLE_WORKER);
  Conversation c;
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&same));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&same));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.role, HP_ROLE_WORKER);
  EXPECT_EQ(document().server.ownership.listener.pid, 0u);
}

TEST_F(Owners, AnOwnerMayComeBeforeTheFirstPacket) {
  // Process events are drained before packets.
  Conversation c;
  now += 5 * ms;
  engine().owner(event(c, worker, 11));
  now -= 5 * ms;
  EXPECT_EQ(engine().counters().owners_early, 1u);
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener, 11));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&listener, 11));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 300u);
}

TEST_F(Owners, TwoNamespacesMayUseTheSamePortsAtOnce) {
  // Initial sequence numbers of equal ports differ by the clock alone: a few milliseconds here.
  Conversation one, other;
  other.client_isn = one.client_isn + 100000;
  other.server_isn = one.server_isn + 100000;
  const hp_owner client_one = owner_of(101, HP_ROLE_CLIENT),
                 client_other = owner_of(102, HP_ROLE_CLIENT);
  const hp_owner worker_one = owner_of(301, HP_ROLE_WORKER),
                 worker_other = owner_of(302, HP_ROLE_WORKER);
  syn(one, egress(&client_one, 21));
  syn(one, ingress(&listener, 31));
  syn(other, egress(&client_other, 22));
  syn(other, ingress(&listener, 32));
  syn_ack(one, ingress(&client_one, 21));
  syn_ack(other, ingress(&client_other, 22));
  client_says(other, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&client_other, 22));
  client_says(one, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&client_one, 21));
  server_says(one, server_hello(), HP_CONTENT_TLS_SERVER, egress(&worker_one, 41));
  server_says(other, server_hello(), HP_CONTENT_TLS_SERVER, egress(&worker_other, 42));
  finish();
  ASSERT_EQ(count(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const uint32_t n = document(i).client.ownership.owner.pid - 100;
    EXPECT_TRUE(n == 1 || n == 2);
    EXPECT_EQ(document(i).server.ownership.owner.pid, 300 + n);
    EXPECT_TRUE(document(i).incomplete.empty());
  }
  EXPECT_NE(document(0).client.ownership.owner.pid, document(1).client.ownership.owner.pid);
}

TEST_F(Owners, AnOwnerOfAnEarlierConnectionIsNotThisOnes) {
  Conversation c;
  engine().owner(event(c, worker));
  now += second;
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&listener));
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 200u);
}

TEST_F(Owners, TheNextConnectionsWorkerIsNotGivenToTheLastOne) {
  Conversation first, next;
  next.client_isn = 777777;
  const hp_owner other = owner_of(301, HP_ROLE_WORKER);
  syn(first, ingress(&listener));
  syn_ack(first, egress(&listener));
  client_says(first, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&worker, 11));
  server_says(first, server_hello(), HP_CONTENT_TLS_SERVER, egress(&worker, 11));
  ASSERT_EQ(count(), 1u);
  // The same ports again; the new worker's event is drained before the new SYN.
  now += second;
  engine().owner(event(next, other, 12));
  now -= ms;
  EXPECT_EQ(count(), 1u);
  syn(next, ingress(&listener));
  syn_ack(next, egress(&listener));
  client_says(next, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener, 12));
  server_says(next, server_hello(), HP_CONTENT_TLS_SERVER, egress(&listener, 12));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(0).server.ownership.owner.pid, 300u);
  EXPECT_EQ(document(1).server.ownership.owner.pid, 301u);
}

TEST_F(Owners, BothEndsOnOneHost) {
  Conversation c;
  // On lo each packet is seen leaving and arriving.
  syn(c, egress(&client));
  syn(c, ingress(&listener, 0, 100));
  syn_ack(c, egress(&listener));
  syn_ack(c, ingress(&client, 7, 200));
  const Buffer hello = client_hello(), answer = server_hello();
  bytes_at(c, true, 0, hello, HP_CONTENT_TLS_CLIENT, egress(&client, 7));
  bytes_at(c, true, 0, hello, HP_CONTENT_TLS_CLIENT, ingress(&listener, 9, 100));
  bytes_at(c, false, 0, answer, HP_CONTENT_TLS_SERVER, egress(&worker, 9));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 100u);
  EXPECT_FALSE(document().client.ownership.peer);
  EXPECT_EQ(document().server.ownership.owner.pid, 300u);
  EXPECT_EQ(document().server.ownership.listener.pid, 200u);
  EXPECT_TRUE(document().client.ownership.local && document().server.ownership.local);
}

TEST_F(Owners, TheSenderIsKnownFromTheOtherEndOnlyWhenNothingBetterIs) {
  Conversation c;
  syn(c, ingress(&listener, 0, 100));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&worker, 9, 100));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&worker, 9));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 100u);
  EXPECT_EQ(document().client.ownership.owner.start_ns, 0u);
  EXPECT_TRUE(document().client.ownership.peer);
  EXPECT_TRUE(document().client.ownership.local);
}

TEST_F(Owners, AListenerThatSendsTheSynAckIsNoWorker) {
  // Only the client's interface is watched: the server is seen as a sender.
  Conversation c;
  syn(c, egress(&client));
  syn_ack(c, ingress(&client, 7, 200));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&client, 7));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, ingress(&client, 7));
  EXPECT_EQ(count(), 0u);  // a worker may still be heard of
  wait(300 * ms);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 200u);
  EXPECT_EQ(document().server.ownership.owner.role, HP_ROLE_LISTENER);
  EXPECT_TRUE(document().server.ownership.peer);
}

TEST_F(Owners, TheSenderOfTheServersHelloIsItsWorkerAndTheSynAcksItsListener) {
  Conversation c;
  syn(c, egress(&client));
  syn_ack(c, ingress(&client, 7, 200));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&client, 7));
  Point worker_sends = ingress(&client, 7, 300);
  worker_sends.peer_role = HP_ROLE_WORKER;
  worker_sends.peer_start_ns = 300'000;
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, worker_sends);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 300u);
  EXPECT_EQ(document().server.ownership.owner.role, HP_ROLE_WORKER);
  EXPECT_EQ(document().server.ownership.owner.start_ns, 300'000u);
  EXPECT_TRUE(document().server.ownership.peer);
  EXPECT_EQ(document().server.ownership.listener.pid, 200u);
}

TEST_F(Owners, AnInheritedListenerIsNoWorker) {
  const hp_owner inherited = owner_of(200, HP_ROLE_HOLDER, HP_OWNER_LISTENING);
  Conversation c;
  syn(c, ingress(&inherited));
  syn_ack(c, egress(&inherited));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&inherited, 9));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&inherited, 9));
  EXPECT_EQ(count(), 0u);
  engine().owner(event(c, worker, 9));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().server.ownership.owner.pid, 300u);
  EXPECT_EQ(document().server.ownership.listener.pid, 200u);
}

TEST_F(Owners, WhoConnectedIsNotReplacedByWhoReads) {
  Conversation c;
  syn(c, egress(&client));
  syn_ack(c, ingress(&client, 7));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&worker, 7));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, ingress(&worker, 7));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 100u);
}

TEST_F(Owners, AHolderOfAnExistingConnectionIsKnown) {
  const hp_owner holder = owner_of(400, HP_ROLE_HOLDER);
  Conversation c;
  client_says(c, request(), HP_CONTENT_HTTP_REQUEST, egress(&holder, 5), HP_PACKET_NO_WINDOW);
  server_says(c, response(), HP_CONTENT_HTTP_RESPONSE, ingress(&holder, 5), HP_PACKET_NO_WINDOW);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 400u);
  EXPECT_EQ(document().client.ownership.owner.role, HP_ROLE_HOLDER);
}

// Of several that hold an older connection the one that was seen to read, and then no other holder.
TEST_F(Owners, AHolderThatReadsTakesThePlaceOfOneThatHolds) {
  const hp_owner holds = owner_of(400, HP_ROLE_HOLDER);
  const hp_owner reads = owner_of(401, HP_ROLE_HOLDER, HP_OWNER_READER);
  const hp_owner reads_later = owner_of(402, HP_ROLE_HOLDER, HP_OWNER_READER);
  Conversation c;
  client_says(c, request(), HP_CONTENT_HTTP_REQUEST, egress(&holds, 5), HP_PACKET_NO_WINDOW);
  client_says(c, request(), HP_CONTENT_HTTP_REQUEST, egress(&reads, 5), HP_PACKET_NO_WINDOW);
  client_says(c, request(), HP_CONTENT_HTTP_REQUEST, egress(&holds, 5), HP_PACKET_NO_WINDOW);
  client_says(c, request(), HP_CONTENT_HTTP_REQUEST, egress(&reads_later, 5), HP_PACKET_NO_WINDOW);
  server_says(c, response(), HP_CONTENT_HTTP_RESPONSE, ingress(&holds, 5), HP_PACKET_NO_WINDOW);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 401u);
}

TEST_F(Owners, AnUnknownOwnerStaysUnknown) {
  Conversation c;
  const hp_owner nobody{};
  syn(c, egress(&nobody, 7));
  syn_ack(c, ingress(&nobody));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, egress(&nobody, 7));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, ingress(&nobody));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 0u);
  EXPECT_TRUE(document().client.ownership.local);  // a socket was there
}

TEST_F(Owners, AFileWaitsForNobody) {
  options.from_file = true;
  Conversation c;
  syn(c, ingress(&listener));
  syn_ack(c, egress(&listener));
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, ingress(&listener));
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, egress(&listener));
  EXPECT_EQ(count(), 1u);
}

TEST_F(Owners, UdpSocketsHaveTheirCreator) {
  const hp_owner creator = owner_of(500, HP_ROLE_CREATOR);
  Conversation c;
  Packet packet = packet_of(c, true);
  packet.protocol = protocol_udp;
  const Buffer initial = Builder().hex("c3 00000001 08").fill(1194, 1);
  packet.payload = initial;
  feed(packet, HP_CONTENT_QUIC, egress(&creator, 3));
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.ownership.owner.pid, 500u);
  EXPECT_EQ(document().client.ownership.owner.role, HP_ROLE_CREATOR);
}

}  // namespace
}  // namespace handprint::test
