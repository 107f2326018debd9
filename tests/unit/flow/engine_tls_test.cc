// SPDX-License-Identifier: Apache-2.0
// TLS: whatever way a hello is cut, reordered or repeated, its flow has one document with the facts
// and strings of the whole, or says why not.
#include <algorithm>
#include <random>

#include "fingerprint/ja4.h"
#include "fingerprint/tls_record.h"
#include "fixture.h"

namespace handprint::test {
namespace {

class Tls : public EngineTest {
 protected:
  // The JA4 of the same hello in one segment.
  static std::string ja4_of(const Buffer& hello) {
    HandshakeMessage message;
    TlsHandshakeReader reader(hello, workspace());
    ClientHello parsed;
    EXPECT_EQ(reader.next(message), Reason::ok);
    EXPECT_EQ(parse_client_hello(message, parsed), Reason::ok);
    return written([&](Text& out) { return write_ja4(parsed, Ja4Form::ja4, workspace(), out); });
  }
};

TEST_F(Tls, AHandshakeGivesOneDocumentAsSoonAsBothHellosAreThere) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  EXPECT_EQ(count(), 0u);
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  EXPECT_EQ(d.part, 1u);
  EXPECT_EQ(d.transport, protocol_tcp);
  EXPECT_TRUE(d.client_certain);
  EXPECT_EQ(d.client.port, 40000);
  EXPECT_EQ(d.server.port, 443);
  EXPECT_EQ(d.packets, 4u);
  EXPECT_EQ(d.first, 1'700'000'000 * second);
  EXPECT_EQ(d.last, d.first + 3 * ms);
  ASSERT_NE(d.tls_client, nullptr);
  EXPECT_EQ(d.tls_client->server_name, "www.example.org");
  EXPECT_EQ(d.tls_client->alpn.size(), 2u);
  EXPECT_EQ(d.tls_client->alpn[1], "http/1.1");
  EXPECT_EQ(d.tls_client->ciphers.size(), 3u);
  EXPECT_EQ(d.tls_client->ciphers[0], 0x1301);
  EXPECT_EQ(d.tls_client->key_shares.size(), 1u);
  EXPECT_EQ(d.tls_client->key_shares[0], 0x001d);
  EXPECT_EQ(d.tls_client->versions.size(), 2u);
  ASSERT_NE(d.tls_server, nullptr);
  EXPECT_EQ(d.tls_server->version, 0x0304);
  EXPECT_EQ(d.tls_server->cipher, 0x1301);
  EXPECT_EQ(d.tls_server->group, 0x001d);
  EXPECT_FALSE(d.tls_server->retry);
  EXPECT_FALSE(d.tls_server->resumed);
  EXPECT_TRUE(d.tls_server->resumed_known);
  EXPECT_EQ(protocols(d), "TLS");
  EXPECT_EQ(text(d, Kind::ja4), ja4_of(client_hello()));
  for (Kind kind : {Kind::tcp, Kind::muonfp, Kind::p0f, Kind::tcp_server, Kind::muonfp_server,
                    Kind::p0f_server, Kind::tls, Kind::ja3, Kind::ja3_string, Kind::ja4_r,
                    Kind::ja4_o, Kind::ja4_ro, Kind::tls_server, Kind::ja3s, Kind::ja3s_string})
    EXPECT_EQ(count(d, kind), 1) << name(kind);
  EXPECT_EQ(incomplete(d), "");
  ASSERT_NE(d.tcp_client, nullptr);
  EXPECT_EQ(d.tcp_client->mss, 1460);
  EXPECT_EQ(d.tcp_client->window_scale, 7);
  EXPECT_EQ(d.tcp_client->options.size(), linux_options().size());
  finish();
  EXPECT_EQ(count(), 1u);
  expect_all_written();
}

TEST_F(Tls, TheStringsOfFieldsAllAreLeftOutWhenNobodyAsks) {
  options.all_strings = false;
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  for (const KindRow& row : kinds)
    if (row.shown == Shown::all) {
      EXPECT_EQ(count(document(), row.kind), 0) << row.name;
    }
  EXPECT_EQ(count(document(), Kind::ja4), 1);
}

TEST_F(Tls, AHelloMayBeSplitAfterAnyByte) {
  const Buffer hello = client_hello("www.example.org", 1900), answer = server_hello();
  const std::string expected = ja4_of(hello);
  for (std::size_t cut = 1; cut < hello.size(); ++cut) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(1024 + cut);
    open(c);
    client_says(c, prefix(hello, cut));
    client_says(c, Buffer(hello.begin() + static_cast<std::ptrdiff_t>(cut), hello.end()));
    server_says(c, answer);
    ASSERT_EQ(count(), 1u) << cut;
    ASSERT_EQ(text(document(), Kind::ja4), expected) << cut;
    ASSERT_EQ(incomplete(document()), "") << cut;
    collector.documents.clear();
  }
  for (std::size_t cut = 1; cut < answer.size(); ++cut) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(10024 + cut);
    open(c);
    server_says(c, prefix(answer, cut));
    server_says(c, Buffer(answer.begin() + static_cast<std::ptrdiff_t>(cut), answer.end()));
    client_says(c, hello);
    ASSERT_EQ(count(), 1u) << cut;
    ASSERT_NE(document().tls_server, nullptr) << cut;
    ASSERT_EQ(text(document(), Kind::ja4), expected) << cut;
    collector.documents.clear();
  }
  finish();
  expect_all_written();
}

TEST_F(Tls, SegmentsMayComeInAnyOrderTwiceAndOverlapping) {
  std::mt19937 random(7);
  const Buffer hello = client_hello("www.example.org", 4000);
  const std::string expected = ja4_of(hello);
  for (int round = 0; round < 400; ++round) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(2000 + round);
    // Pieces of random length, some of them longer than their place.
    std::vector<std::pair<uint32_t, Buffer>> pieces;
    for (std::size_t at = 0; at < hello.size();) {
      const std::size_t length = std::min<std::size_t>(1 + random() % 700, hello.size() - at);
      const std::size_t more =
          std::min<std::size_t>(random() % 3 == 0 ? random() % 50 : 0, hello.size() - at - length);
      const std::size_t before = std::min<std::size_t>(random() % 3 == 0 ? random() % 50 : 0, at);
      const auto from = hello.begin() + static_cast<std::ptrdiff_t>(at - before);
      pieces.emplace_back(at - before,
                          Buffer(from, from + static_cast<std::ptrdiff_t>(before + length + more)));
      if (random() % 4 == 0) pieces.push_back(pieces.back());
      at += length;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    open(c);
    for (const auto& [offset, bytes] : pieces) bytes_at(c, true, offset, bytes);
    server_says(c, server_hello());
    ASSERT_EQ(count(), 1u) << round;
    ASSERT_EQ(text(document(), Kind::ja4), expected) << round;
    ASSERT_EQ(incomplete(document()), "") << round;
    collector.documents.clear();
  }
  finish();
  expect_all_written();
}

TEST_F(Tls, WhereOverlappingBytesDifferTheFirstOnesCount) {
  const Buffer hello = client_hello();
  Conversation c;
  open(c);
  // The middle first, then everything with another middle, as an attacker or a middlebox sends it.
  bytes_at(c, true, 100, Buffer(hello.begin() + 100, hello.begin() + 150));
  Buffer other = hello;
  std::fill(other.begin() + 100, other.begin() + 150, uint8_t{0xee});
  bytes_at(c, true, 0, other);
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(text(document(), Kind::ja4), ja4_of(hello));
}

TEST_F(Tls, AHelloMaySpanSeveralRecords) {
  const Buffer whole = client_hello("www.example.org", 900);
  const Buffer message(whole.begin() + 5, whole.end());
  for (std::size_t first : {1, 2, 3, 4, 5, 100, 500}) {
    const auto cut = message.begin() + static_cast<std::ptrdiff_t>(first);
    Conversation c;
    c.client_port = static_cast<uint16_t>(3000 + first);
    open(c);
    client_says(c, record(22, Buffer(message.begin(), cut)));
    client_says(c, record(22, Buffer(cut, message.end())));
    server_says(c, server_hello());
    ASSERT_EQ(count(), 1u) << first;
    EXPECT_EQ(text(document(), Kind::ja4), ja4_of(whole)) << first;
    collector.documents.clear();
  }
}

TEST_F(Tls, AHelloInTheSynIsTheStartOfTheStream) {
  Conversation c;
  const Buffer hello = client_hello();
  syn(c, {}, prefix(hello, 60));
  syn_ack(c);
  bytes_at(c, true, 60, Buffer(hello.begin() + 60, hello.end()));
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(text(document(), Kind::ja4), ja4_of(hello));
  EXPECT_EQ(count(document(), Kind::tcp), 1);
}

TEST_F(Tls, HelloRetryRequestWaitsForTheServerHelloAndKeepsTheFirstHello) {
  Conversation c;
  open(c);
  client_says(c, client_hello("first.example.org"));
  server_says(c, hello_retry_request());
  EXPECT_EQ(count(), 0u);
  client_says(c, change_cipher_spec());
  client_says(c, client_hello("first.example.org", 700));
  EXPECT_EQ(count(), 0u);
  server_says(c, change_cipher_spec() + server_hello());
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  EXPECT_EQ(count(d, Kind::ja4), 1);
  EXPECT_EQ(text(d, Kind::ja4), ja4_of(client_hello("first.example.org")));
  ASSERT_NE(d.tls_client_retry, nullptr);
  EXPECT_TRUE(d.tls_client_retry->second_after_retry);
  ASSERT_NE(d.tls_server, nullptr);
  EXPECT_TRUE(d.tls_server->retry);
  EXPECT_EQ(d.tls_server->group, 0x001d);
  EXPECT_EQ(count(d, Kind::ja3s), 1);  // the HelloRetryRequest has the same one
  finish();
  EXPECT_EQ(count(), 1u);
}

TEST_F(Tls, AHelloRetryRequestWithAStringOfItsOwnIsListedBeforeTheServerHello) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, hello_retry_request());
  client_says(c, client_hello("www.example.org", 700));
  server_says(c, server_hello(true));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::ja3s), 2);
  EXPECT_TRUE(document().tls_server->retry);
}

TEST_F(Tls, ASecondHelloIsToldByItsRandomWhereTheServerIsNotSeen) {
  Conversation c;
  syn(c);
  client_says(c, client_hello());
  client_says(c, client_hello("www.example.org", 800));
  wait(6 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(count(document(), Kind::ja4), 1);
  EXPECT_NE(document().tls_client_retry, nullptr);
}

TEST_F(Tls, AFatalAlertIsAnAnswer) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, alert(2, 40));
  ASSERT_EQ(count(), 1u);
  ASSERT_EQ(document().tls_alerts.size(), 1u);
  EXPECT_EQ(document().tls_alerts[0].side, Side::server);
  EXPECT_EQ(document().tls_alerts[0].level, 2);
  EXPECT_EQ(document().tls_alerts[0].description, 40);
  EXPECT_EQ(document().tls_server, nullptr);
}

TEST_F(Tls, AWarningIsNone) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, alert(1, 112));
  EXPECT_EQ(count(), 0u);
  server_says(c, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().tls_alerts.size(), 1u);
  EXPECT_NE(document().tls_server, nullptr);
}

TEST_F(Tls, TheNegotiatedProtocolIsNamedWhereItIsVisible) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello_12("h2"));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "TLS HTTP/2");
  EXPECT_EQ(document().tls_server->alpn, "h2");
}

TEST_F(Tls, ResumptionIsReportedWhereItCanBeKnown) {
  Conversation a;
  open(a);
  client_says(a, client_hello());
  server_says(a, server_hello(true));
  ASSERT_EQ(count(), 1u);
  EXPECT_TRUE(document(0).tls_server->resumed);
  Conversation b;
  b.client_port = 40001;
  open(b);
  client_says(b, client_hello());
  server_says(b, server_hello_12("h2", Buffer(32, 0x55)));  // the session id that was offered
  ASSERT_EQ(count(), 2u);
  EXPECT_TRUE(document(1).tls_server->resumed);
  Conversation server_only;
  server_only.client_port = 40002;
  open(server_only);
  server_says(server_only, server_hello_12("h2"));
  finish();
  ASSERT_EQ(count(), 3u);
  EXPECT_FALSE(document(2).tls_server->resumed_known);
}

TEST_F(Tls, AMissingMiddleIsAGapAndGivesNoFingerprint) {
  const Buffer hello = client_hello("www.example.org", 2000);
  Conversation c;
  open(c);
  bytes_at(c, true, 0, prefix(hello, 500));
  bytes_at(c, true, 1000, Buffer(hello.begin() + 1000, hello.end()));
  server_says(c, server_hello());
  EXPECT_EQ(count(), 0u);
  wait(6 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(incomplete(document()), "tls.client:stream-gap");
  EXPECT_EQ(count(document(), Kind::ja4), 0);
  EXPECT_EQ(count(document(), Kind::ja3s), 1);
  // It comes after all: a further document, with the new facts only.
  bytes_at(c, true, 500, Buffer(hello.begin() + 500, hello.begin() + 1000));
  finish();
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(1).part, 2u);
  EXPECT_EQ(document(1).id, document(0).id);
  EXPECT_EQ(text(document(1), Kind::ja4), ja4_of(hello));
  EXPECT_EQ(count(document(1), Kind::ja3s), 0);
  EXPECT_EQ(count(document(1), Kind::tcp), 0);
  EXPECT_EQ(incomplete(document(1)), "");
}

TEST_F(Tls, AMissingBeginningIsAGapToo) {
  const Buffer hello = client_hello("www.example.org", 2000);
  Conversation c;
  open(c);
  bytes_at(c, true, 500, Buffer(hello.begin() + 500, hello.end()), HP_CONTENT_UNDECIDED);
  wait(6 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(incomplete(document()), "client.stream:stream-gap");
}

TEST_F(Tls, AHelloThatStopsOrWasCutSaysWhich) {
  const Buffer hello = client_hello("www.example.org", 2000);
  Conversation stops, cut;
  cut.client_port = 40001;
  open(stops);
  client_says(stops, prefix(hello, 1000));
  open(cut);
  client_says(cut, prefix(hello, 1000), HP_CONTENT_TLS_CLIENT, {}, HP_PACKET_TRUNCATED);
  finish();
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(incomplete(document(0)), "tls.client:stream-end");
  EXPECT_EQ(incomplete(document(1)), "tls.client:truncated");
  EXPECT_EQ(document(0).tls_client, nullptr);
  expect_all_written();
}

TEST_F(Tls, AHelloBeyondTheLimitSaysSo) {
  const Buffer message = handshake(1, Buffer(30000, 3));
  Buffer stream = record(22, Buffer(message.begin(), message.begin() + 16000)) +
                  record(22, Buffer(message.begin() + 16000, message.end()));
  Conversation c;
  open(c);
  for (std::size_t at = 0; at < stream.size(); at += 1448)
    client_says(c, Buffer(stream.begin() + static_cast<std::ptrdiff_t>(at),
                          stream.begin() +
                              static_cast<std::ptrdiff_t>(std::min(at + 1448, stream.size()))));
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(incomplete(document()), "tls.client:too-long");
  EXPECT_EQ(document().tls_client, nullptr);
}

TEST_F(Tls, NonsenseInAHelloIsSeenAndMatchesNothing) {
  Conversation c;
  open(c);
  client_says(c, record(22, handshake(1, Buffer(40, 0xff))));
  server_says(c, alert(2, 50));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(incomplete(document()), "tls.client:malformed-client-hello");
  EXPECT_EQ(count(document(), Kind::ja4), 0);
}

TEST_F(Tls, WithoutASynTheHelloTellsTheClient) {
  // The client has the lower port here, and no SYN was seen.
  Conversation c;
  c.client_port = 100;
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, {}, HP_PACKET_NO_WINDOW);
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, {}, HP_PACKET_NO_WINDOW);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.port, 100);
  EXPECT_TRUE(document().client_certain);
  Conversation answer;
  answer.client_port = 101;
  server_says(answer, server_hello(), HP_CONTENT_TLS_SERVER, {}, HP_PACKET_NO_WINDOW);
  finish();
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(1).client.port, 101);
}

TEST_F(Tls, AHelloBehindAnotherProtocolIsAFurtherPart) {
  Conversation c;
  c.server_port = 25;
  open(c);
  server_says(c, text_bytes("220 mail.example.org ESMTP ready\r\n"), HP_CONTENT_PREFIX);
  EXPECT_EQ(count(), 0u);
  wait(6 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "SMTP");
  c.client_sent = 30;
  c.server_sent = 300;
  client_says(c, client_hello(), HP_CONTENT_TLS_CLIENT, {}, HP_PACKET_NO_WINDOW);
  EXPECT_EQ(count(), 1u);
  server_says(c, server_hello(), HP_CONTENT_TLS_SERVER, {}, HP_PACKET_NO_WINDOW);
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(1).part, 2u);
  EXPECT_EQ(protocols(document(1)), "SMTP TLS");
  EXPECT_NE(document(1).tls_client, nullptr);
  EXPECT_NE(document(1).tls_server, nullptr);
  EXPECT_EQ(document(1).tcp_client, nullptr);
  EXPECT_EQ(document(1).first, document(0).first);
}

// --- certificates -------------------------------------------------------------------------------

Buffer certificate_message(std::initializer_list<Buffer> certificates) {
  Builder list;
  for (const Buffer& der : certificates) list.with_u24(der);
  return handshake(11, Builder().with_u24(list));
}

class TlsCertificates : public Tls {
 protected:
  TlsCertificates() { options.certificates = true; }

  static std::string chain(std::span<const Bytes> certificates) {
    std::string out;
    for (const Bytes der : certificates) out += std::string(as_text(der)) + ";";
    return out;
  }
  const Buffer chain_ = certificate_message({text_bytes("leaf"), text_bytes("intermediate")});
  const Buffer done_ = handshake(14, {});
};

TEST_F(TlsCertificates, StandInTheFirstDocumentHoweverTheyAreCut) {
  // The messages in a record each, and all of them in one.
  const Buffer hello = server_hello_12("h2");
  const Buffer apart = hello + record(22, chain_, 0x0303) + record(22, done_, 0x0303);
  const Buffer together =
      record(22, Buffer(hello.begin() + 5, hello.end()) + chain_ + done_, 0x0303);
  uint16_t port = 41000;
  for (const Buffer& flight : {apart, together}) {
    for (size_t cut = 1; cut < flight.size(); ++cut) {
      Conversation c;
      c.client_port = port++;
      open(c);
      client_says(c, client_hello());
      server_says(c, prefix(flight, cut));
      server_says(c, slice(flight, cut, flight.size()));
      ASSERT_EQ(count(), 1u) << cut;
      EXPECT_EQ(chain(document().server_certificates), "leaf;intermediate;") << cut;
      EXPECT_EQ(document().tls_server->alpn, "h2");
      EXPECT_TRUE(document().incomplete.empty()) << cut;
      collector.documents.clear();
    }
  }
}

TEST_F(TlsCertificates, AWarningInFrontOfTheServerHelloChangesNothing) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, record(21, hex("0170"), 0x0303) + server_hello_12("h2"));
  EXPECT_EQ(count(), 0u);
  server_says(c, record(22, chain_, 0x0303));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().tls_alerts.size(), 1u);
  EXPECT_EQ(chain(document().server_certificates), "leaf;intermediate;");
}

TEST_F(TlsCertificates, AreNotAwaitedWhereNoneCanCome) {
  // TLS 1.3 encrypts them; a resumed session has none; an anonymous one goes on with its key exchange.
  const Buffer flights[] = {server_hello(),
                            server_hello_12("h2") + record(20, hex("01"), 0x0303) + record(22, Buffer(40, 7), 0x0303),
                            server_hello_12("h2") + record(22, handshake(12, Buffer(20, 1)), 0x0303)};
  uint16_t port = 41000;
  for (const Buffer& flight : flights) {
    Conversation c;
    c.client_port = port++;
    open(c);
    client_says(c, client_hello());
    server_says(c, flight);
    ASSERT_EQ(count(), 1u);
    EXPECT_TRUE(document().server_certificates.empty());
    EXPECT_TRUE(document().incomplete.empty());
    collector.documents.clear();
  }
}

TEST_F(TlsCertificates, ThatDoNotComeAreReportedAndTheHelloIsKept) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello_12("h2") + prefix(record(22, chain_, 0x0303), 20));
  engine().finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().tls_server->alpn, "h2");
  EXPECT_TRUE(document().server_certificates.empty());
  ASSERT_EQ(document().incomplete.size(), 1u);
  EXPECT_EQ(document().incomplete[0].what, "tls.certificate");
}

TEST_F(TlsCertificates, WhereNothingFollowsTheServerHelloNothingIsMissed) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello_12("h2"));
  engine().finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().tls_server->alpn, "h2");
  EXPECT_TRUE(document().incomplete.empty());
}

TEST_F(TlsCertificates, OfTheClientComeInALaterPart) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, server_hello_12("h2") + record(22, chain_, 0x0303) + record(22, done_, 0x0303));
  ASSERT_EQ(count(), 1u);
  const Buffer flight = record(22, certificate_message({text_bytes("me")}), 0x0303) +
                        record(22, handshake(16, Buffer(30, 1)), 0x0303);
  client_says(c, prefix(flight, 7));
  client_says(c, slice(flight, 7, flight.size()));
  engine().finish();
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(collector.documents[1]->part, 2u);
  EXPECT_EQ(chain(collector.documents[1]->client_certificates), "me;");
  EXPECT_TRUE(collector.documents[1]->incomplete.empty());
}

TEST_F(TlsCertificates, ACutChainGivesWhatIsWholeAndSaysSo) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  // The list claims more than the message has.
  server_says(c, server_hello_12("h2") +
                     record(22, handshake(11, Builder().u24(30).with_u24(text_bytes("leaf")).u24(99).fill(20)), 0x0303));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(chain(document().server_certificates), "leaf;");
  ASSERT_EQ(document().incomplete.size(), 1u);
  EXPECT_EQ(document().incomplete[0].reason, Reason::malformed_certificate);
}

}  // namespace
}  // namespace handprint::test
