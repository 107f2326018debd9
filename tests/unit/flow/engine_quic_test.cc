// SPDX-License-Identifier: Apache-2.0
// QUIC through the engine: Initials of both sides, pieces in any order, Retry, change of version.
#include "fixture.h"
#include "tests/unit/fingerprint/quic_builder.h"

namespace handprint::test {
namespace {

class EngineQuic : public EngineTest {
 protected:
  const Buffer hello = rfc9001_client_hello();
  const Buffer answer = rfc9001_server_hello();

  void datagram(const Conversation& c, bool from_client, const Buffer& bytes) {
    Packet packet = packet_of(c, from_client);
    packet.protocol = protocol_udp;
    packet.flags = 0;
    packet.payload = bytes;
    packet.payload_length = static_cast<uint32_t>(bytes.size());
    feed(packet, HP_CONTENT_QUIC);
  }
  static TestInitial from_client() {
    TestInitial initial;
    initial.fill = 1162;
    return initial;
  }
  static TestInitial from_server() {
    TestInitial initial;
    initial.side = QuicSide::server;
    initial.destination = {};
    initial.source = hex("f067a5502a4262b5");
    return initial;
  }
  void expect_client(const Document& d) {
    EXPECT_EQ(text(d, Kind::ja3_string), "771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,");
    EXPECT_TRUE(text(d, Kind::ja4).starts_with("q13d0211an_")) << text(d, Kind::ja4);
    EXPECT_TRUE(text(d, Kind::quic).find("((0039)[(01)(04)(05)(06)(07)(08)(09)(0f)])") != std::string::npos)
        << text(d, Kind::quic);
    EXPECT_EQ(text(d, Kind::tls), "");
    ASSERT_NE(d.tls_client, nullptr);
    EXPECT_EQ(d.tls_client->server_name, "example.com");
    ASSERT_NE(d.quic, nullptr);
    EXPECT_EQ(d.quic->parameters.size(), 8u);
    EXPECT_EQ(incomplete(d), "");
  }
};

TEST_F(EngineQuic, BothHellosGiveOneDocument) {
  Conversation c;
  c.client_port = 443;  // ports say nothing, content does
  c.server_port = 50000;
  datagram(c, true, from_client().sealed(crypto_frame(0, hello)));
  EXPECT_EQ(count(), 0u);
  datagram(c, false, from_server().sealed(hex("0200000000") + crypto_frame(0, answer)));
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  expect_client(d);
  EXPECT_EQ(d.client.port, 443);
  EXPECT_EQ(protocols(d), "QUIC");
  EXPECT_EQ(text(d, Kind::ja3s_string), "771,4865,51-43");
  ASSERT_NE(d.tls_server, nullptr);
  EXPECT_EQ(d.tls_server->version, 0x0304);
  EXPECT_EQ(d.quic->version, 1u);
}

TEST_F(EngineQuic, EveryVersionIsRead) {
  uint16_t port = 41000;
  for (uint32_t version : {1u, 0x6b3343cfu, 0xff000016u, 0xff00001du, 0xff000022u, 0xfaceb002u}) {
    Conversation c;
    c.client_port = port++;
    TestInitial client = from_client(), server = from_server();
    client.version = server.version = version;
    datagram(c, true, client.sealed(crypto_frame(0, hello)));
    datagram(c, false, server.sealed(crypto_frame(0, answer)));
    ASSERT_EQ(count(), 1u) << version;
    expect_client(document());
    EXPECT_EQ(document().quic->version, version);
    EXPECT_NE(text(document(), Kind::ja3s), "");
    collector.documents.clear();
  }
}

TEST_F(EngineQuic, CryptoFramesComeInAnyOrderOverSeveralDatagrams) {
  // As Chrome sends it: no packet holds a prefix of the hello.
  Conversation c;
  TestInitial first = from_client(), later = from_client();
  first.number = 1;
  later.number = 2;
  datagram(c, true, later.sealed(crypto_frame(200, slice(hello, 200, 241)) + hex("01") + crypto_frame(30, slice(hello, 30, 90))));
  datagram(c, true, first.sealed(crypto_frame(90, slice(hello, 90, 200)) + hex("0000") + crypto_frame(0, slice(hello, 0, 30)) +
                                 crypto_frame(25, slice(hello, 25, 50))));
  finish();
  ASSERT_EQ(count(), 1u);
  expect_client(document());
}

TEST_F(EngineQuic, EveryCutInTwoGivesTheSame) {
  ASSERT_EQ(hello.size(), 241u);
  for (size_t cut = 1; cut < hello.size(); ++cut) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(41000 + cut);
    datagram(c, true, from_client().sealed(crypto_frame(cut, slice(hello, cut, hello.size()))));
    datagram(c, true, from_client().sealed(crypto_frame(0, slice(hello, 0, cut))));
    finish();
    ASSERT_EQ(count(), 1u) << cut;
    expect_client(document());
    collector.documents.clear();
  }
}

TEST_F(EngineQuic, EveryPrefixGivesNothing) {
  for (size_t n = 1; n < hello.size(); n += 3) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(41000 + n);
    datagram(c, true, from_client().sealed(crypto_frame(0, slice(hello, 0, n))));
    finish();
    ASSERT_EQ(count(), 1u) << n;
    EXPECT_EQ(text(document(), Kind::ja4), "");
    EXPECT_EQ(incomplete(document()), "quic.client:stream-end");
    collector.documents.clear();
  }
}

TEST_F(EngineQuic, CoalescedPacketsAreReadInTurn) {
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, hello)));
  // Acknowledgement and hello apart, then a Handshake packet that is not readable.
  const Buffer handshake_packet = Builder().hex("e0 00000001 00 00 4020").fill(32, 9);
  TestInitial server = from_server(), second = from_server();
  second.number = 3;
  datagram(c, false, server.sealed(hex("0200000000")) + second.sealed(crypto_frame(0, answer)) + handshake_packet);
  ASSERT_EQ(count(), 1u);
  EXPECT_NE(text(document(), Kind::ja3s), "");
}

TEST_F(EngineQuic, TheKeysStayThoseOfTheFirstConnectionId) {
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, slice(hello, 0, 100))));
  datagram(c, false, from_server().sealed(hex("0200000000")));
  TestInitial later = from_client();  // sent to the id that the server chose
  later.destination = hex("f067a5502a4262b5");
  datagram(c, true, later.sealed(crypto_frame(100, slice(hello, 100, hello.size()))));
  finish();
  ASSERT_EQ(count(), 1u);
  expect_client(document());
}

TEST_F(EngineQuic, RetryChangesTheKeysAndRepeatsTheHello) {
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, hello)));
  TestInitial again = from_client();
  again.destination = again.key_id = hex("aabbccddeeff00112233");
  again.token = Buffer(60, 5);
  datagram(c, true, again.sealed(crypto_frame(0, hello)));
  TestInitial server = from_server();
  server.key_id = again.key_id;
  datagram(c, false, server.sealed(crypto_frame(0, answer)));
  ASSERT_EQ(count(), 1u);
  expect_client(document());
  EXPECT_EQ(count(document(), Kind::ja4), 1);
  EXPECT_NE(text(document(), Kind::ja3s), "");
}

TEST_F(EngineQuic, TheServerMayAnswerInAnotherVersion) {
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, hello)));
  TestInitial server = from_server();
  server.version = 0x6b3343cf;
  datagram(c, false, server.sealed(crypto_frame(0, answer)));
  ASSERT_EQ(count(), 1u);
  expect_client(document());
  EXPECT_NE(text(document(), Kind::ja3s), "");
}

TEST_F(EngineQuic, AVersionThatOnlyAsksIsReadAsItsLikelyOne) {
  Conversation c;
  TestInitial asking = from_client();
  asking.version = 0x0a0a0a0a;
  datagram(c, true, asking.sealed(crypto_frame(0, hello)));
  finish();
  ASSERT_EQ(count(), 1u);
  expect_client(document());
}

TEST_F(EngineQuic, RepeatedPacketsAreNoNews) {
  Conversation c;
  const Buffer first = from_client().sealed(crypto_frame(0, hello));
  datagram(c, true, first);
  datagram(c, true, first);
  EXPECT_EQ(engine().counters().duplicates, 1u);
  datagram(c, false, from_server().sealed(crypto_frame(0, answer)));
  EXPECT_EQ(count(), 1u);
  finish();
  EXPECT_EQ(count(), 1u);
  expect_all_written();
}

TEST_F(EngineQuic, ASecondConnectionBetweenTheSamePortsIsAFurtherDocument) {
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, hello)));
  datagram(c, false, from_server().sealed(crypto_frame(0, answer)));
  ASSERT_EQ(count(), 1u);
  Buffer other = hello;
  other[10] ^= 1;  // another random
  TestInitial again = from_client();
  again.destination = again.key_id = hex("0102030405060708");
  datagram(c, true, again.sealed(crypto_frame(0, other)));
  TestInitial server = from_server();
  server.key_id = again.key_id;
  datagram(c, false, server.sealed(crypto_frame(0, answer)));
  ASSERT_EQ(count(), 2u);
  expect_client(document(1));
  EXPECT_EQ(document(1).part, 2u);
}

TEST_F(EngineQuic, WhatCannotBeOpenedIsOnlyNamed) {
  Conversation c;
  Buffer broken = from_client().sealed(crypto_frame(0, hello));
  broken.back() ^= 1;
  datagram(c, true, broken);
  TestInitial google = from_client();
  Conversation d;
  d.client_port = 41000;
  datagram(d, true, Builder().hex("c3 51303433 08").fill(8, 1).u8(0).fill(1200, 3));
  finish();
  ASSERT_EQ(count(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(protocols(document(static_cast<size_t>(i))), "QUIC");
    EXPECT_EQ(text(document(static_cast<size_t>(i)), Kind::ja4), "");
  }
  expect_all_written();
}

TEST_F(EngineQuic, AMalformedHelloGivesAReason) {
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, hex("01 000002 0303"))));
  finish();
  EXPECT_EQ(incomplete(document()), "quic.client:malformed-client-hello");
  collector.documents.clear();
  c.client_port = 41000;
  datagram(c, true, from_client().sealed(hex("08 01 02 03")));
  finish();
  EXPECT_EQ(incomplete(document()), "quic.client:malformed-quic");
}

TEST_F(EngineQuic, FloodsOfHalfHellosStayWithinTheBudget) {
  options.flow_bytes = 1 << 20;
  collector.gives_up_when_starved = true;
  TestInitial initial = from_client();
  const Buffer half = initial.sealed(crypto_frame(5, slice(hello, 5, 100)));
  for (unsigned i = 0; i < 3000; ++i) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(1024 + i);
    datagram(c, true, half);
  }
  EXPECT_GT(engine().counters().streams_cut, 0u);
  Conversation c;
  datagram(c, true, from_client().sealed(crypto_frame(0, hello)));
  datagram(c, false, from_server().sealed(crypto_frame(0, answer)));
  bool found = false;
  for (const DocumentPtr& d : collector.documents) found = found || !text(*d, Kind::ja4).empty();
  EXPECT_TRUE(found) << "a whole hello needs no room";
  finish();
  expect_all_written();
}

}  // namespace
}  // namespace handprint::test
