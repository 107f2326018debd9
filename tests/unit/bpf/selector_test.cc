// SPDX-License-Identifier: Apache-2.0
// What the selector copies, as a specification. Streams are written as their segments arrive.
#include <gtest/gtest.h>

#include "packet_builder.h"
#include "stream_harness.h"

namespace handprint::test {
namespace {

const std::string bulk(1400, 'x');

// --- opening and naming -------------------------------------------------------------------------

TEST(Selector, SynAndSynAckAreSelectedWithoutPayload) {
  StreamHarness client, server;
  EXPECT_EQ(client.syn().content, HP_CONTENT_SYN);
  EXPECT_EQ(server.syn({}, true).content, HP_CONTENT_SYN_ACK);
  EXPECT_EQ(client.bytes_copied(), 0u);
  EXPECT_EQ(client.window().state, HP_WINDOW_UNDECIDED);
}

TEST(Selector, PureAcknowledgementsAreNotSelected) {
  StreamHarness s;
  s.syn();
  EXPECT_EQ(s.at(0, {}).content, HP_CONTENT_NONE);
  EXPECT_TRUE(s.has_window());
}

TEST(Selector, HelloInOneSegmentIsCopiedAndTheWindowCloses) {
  for (size_t length : {60u, 517u, 1400u, 1900u, 9000u, 16000u}) {
    StreamHarness s;
    s.syn();
    const std::string hello = client_hello(length);
    const hp_decision d = s.at(0, hello);
    EXPECT_EQ(d.content, HP_CONTENT_TLS_CLIENT);
    EXPECT_EQ(s.copied(), hello);
    EXPECT_FALSE(s.has_window());
    EXPECT_EQ(s.at(static_cast<uint32_t>(length), bulk).content, HP_CONTENT_NONE);
  }
}

TEST(Selector, WhatFollowsTheHelloInItsSegmentIsNotCopied) {
  StreamHarness s;
  s.syn();
  const std::string hello = client_hello(300);
  s.at(0, hello + bulk);
  EXPECT_EQ(s.copied(), hello);
}

// --- segmentation -------------------------------------------------------------------------------

TEST(Selector, HelloSplitAtEveryByteIsComplete) {
  const std::string hello = client_hello(1900);
  for (uint32_t split = 1; split < hello.size(); ++split) {
    StreamHarness s;
    s.syn();
    s.at(0, hello.substr(0, split));
    s.at(split, hello.substr(split));
    ASSERT_EQ(s.copied(), hello) << split;
    ASSERT_FALSE(s.has_window()) << split;
  }
}

TEST(Selector, HelloSplitAtEveryByteOfItsHeadAndReorderedIsComplete) {
  const std::string hello = client_hello(1900);
  for (uint32_t split : {1u, 2u, 3u, 4u, 5u, 6u, 8u, 9u, 15u, 16u, 17u, 700u, 1448u}) {
    StreamHarness s;
    s.syn();
    s.at(split, hello.substr(split));
    s.at(0, hello.substr(0, split));
    EXPECT_EQ(s.copied(), hello) << split;
  }
}

TEST(Selector, EveryOrderOfFiveTinySegmentsIsComplete) {
  const std::string hello = client_hello(1900);
  const std::vector<uint32_t> cuts = {0, 1, 3, 6, 203, 1900};
  std::vector<int> order = {0, 1, 2, 3, 4};
  do {
    StreamHarness s;
    s.syn();
    for (int i : order) s.at(cuts[i], hello.substr(cuts[i], cuts[i + 1] - cuts[i]));
    ASSERT_EQ(s.copied(), hello) << order[0] << order[1] << order[2] << order[3] << order[4];
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Selector, ByteByByteHeadThenTheRest) {
  const std::string hello = client_hello(517);
  StreamHarness s;
  s.syn();
  for (uint32_t i = 0; i < 20; ++i) s.at(i, hello.substr(i, 1));
  s.at(20, hello.substr(20));
  EXPECT_EQ(s.copied(), hello);
}

TEST(Selector, DuplicatedAndOverlappingSegmentsAreCopiedAgain) {
  const std::string hello = client_hello(1900);
  StreamHarness s;
  s.syn();
  s.at(0, hello.substr(0, 1000));
  s.at(0, hello.substr(0, 1000));
  s.at(500, hello.substr(500, 1000));
  s.at(1500, hello.substr(1500));
  EXPECT_EQ(s.copied(), hello);
}

TEST(Selector, LostSegmentSentAgainBehindItsSuccessors) {
  const std::string hello = client_hello(5000);
  StreamHarness s;
  s.syn();
  s.at(0, hello.substr(0, 1400));
  s.at(2800, hello.substr(2800, 1400));
  s.at(4200, hello.substr(4200));
  s.at(1400, hello.substr(1400, 1400));
  EXPECT_EQ(s.copied(), hello);
}

TEST(Selector, SegmentsOfAWindowAreBounded) {
  const std::string hello = client_hello(16000);
  StreamHarness s;
  s.syn();
  for (uint32_t i = 0; i < 100; ++i) s.at(i * 10, hello.substr(i * 10, 10));
  EXPECT_EQ(s.packets_copied(), 24u);
}

TEST(Selector, HelloLargerThanTheLimitStopsAtSixteenKibibytes) {
  const std::string hello = client_hello(16389);  // the largest body of one record
  StreamHarness s;
  s.syn();
  for (uint32_t at = 0; at < hello.size(); at += 1448) s.at(at, hello.substr(at, 1448));
  EXPECT_EQ(s.copied(), hello.substr(0, 16384));
  EXPECT_FALSE(s.has_window());
}

TEST(Selector, HelloOverSeveralRecordsIsCopiedWithTheLaterRecordHeaders) {
  // 1,000 bytes of handshake in records of 100: their headers stand in between.
  std::string body = client_hello(1005).substr(5), stream;
  for (size_t at = 0; at < body.size(); at += 100) {
    const std::string part = body.substr(at, 100);
    stream += std::string("\x16\x03\x01", 3) + static_cast<char>(part.size() >> 8) +
              static_cast<char>(part.size()) + part;
  }
  StreamHarness s;
  s.syn();
  s.at(0, stream);
  EXPECT_EQ(s.copied(), stream);
}

// --- retry, alert, early data
// ---------------------------------------------------------------------

TEST(Selector, SecondHelloBehindARetryAndChangeCipherSpecIsCopied) {
  const std::string first = client_hello(300), second = client_hello(400);
  const std::string ccs("\x14\x03\x03\0\1\1", 6);
  StreamHarness s;
  s.syn();
  s.at(0, first);
  const hp_decision d = s.at(300, ccs + second);
  EXPECT_EQ(d.content, HP_CONTENT_TLS_CLIENT);
  EXPECT_EQ(s.copied(), first + ccs + second);
}

TEST(Selector, AnAlertAtTheStartOfTheServersStreamIsCopied) {
  StreamHarness s;
  s.syn({}, true);
  EXPECT_EQ(s.at(0, std::string("\x15\x03\x01\0\2\2\x28", 7)).content, HP_CONTENT_TLS_ALERT);
  // Amid a stream an alert's first byte means nothing.
  StreamHarness older;
  EXPECT_EQ(older.at(0, std::string("\x15\x03\x01\0\2\2\x28", 7)).content, HP_CONTENT_NONE);
}

TEST(Selector, AWarningInFrontOfTheServersHelloDoesNotHideIt) {
  const std::string stream = std::string("\x15\x03\x01\0\2\1\x70", 7) + server_hello(90);
  for (uint32_t split = 0; split < stream.size(); ++split) {
    StreamHarness s;
    s.syn({}, true);
    if (split) s.at(0, stream.substr(0, split));
    s.at(split, stream.substr(split) + bulk);
    ASSERT_EQ(s.copied(), stream) << split;
  }
}

TEST(Selector, FastOpenHelloInTheSyn) {
  const std::string hello = client_hello(1900);
  StreamHarness s;
  const hp_decision d = s.syn(hello.substr(0, 1200));
  EXPECT_EQ(d.content, HP_CONTENT_SYN);
  EXPECT_EQ(d.copy_len, 1200u);
  s.at(1200, hello.substr(1200));
  EXPECT_EQ(s.copied(), hello);
}

TEST(Selector, ServerHelloUnderTheCertificatePolicyGoesOnToTheCertificate) {
  StreamHarness s;
  s.policy.mode = HP_MODE_CERTIFICATES;
  s.syn({}, true);
  const std::string flight = server_hello(90) + tls_record(0x16, 4000);
  for (uint32_t at = 0; at < flight.size(); at += 1400) s.at(at, flight.substr(at, 1400));
  EXPECT_EQ(s.copied(), flight);
}

TEST(Selector, ClientHelloUnderTheCertificatePolicyGoesOnToTheClientsCertificate) {
  StreamHarness s;
  s.policy.mode = HP_MODE_CERTIFICATES;
  s.syn();
  const std::string flight = client_hello(300) + tls_record(0x16, 3000);
  for (uint32_t at = 0; at < flight.size(); at += 1400) s.at(at, flight.substr(at, 1400));
  EXPECT_EQ(s.copied(), flight);
}

TEST(Selector, StreamPolicyCopiesEverything) {
  StreamHarness s;
  s.policy.mode = HP_MODE_STREAM;
  EXPECT_EQ(s.at(0, bulk).content, HP_CONTENT_STREAM);
  EXPECT_EQ(s.copied(), bulk);
}

// --- HTTP
// -----------------------------------------------------------------------------------------

std::string request(size_t headers) {
  std::string r = "GET /index.html HTTP/1.1\r\nHost: example.org\r\n";
  while (r.size() + 4 < headers)
    r += "X: " + std::string(std::min<size_t>(40, headers - r.size()), 'h') + "\r\n";
  return r + "\r\n";
}

TEST(Selector, RequestEndsAtItsEmptyLineWhereverItIsCut) {
  const std::string headers = request(200);
  for (uint32_t split = 1; split < headers.size(); ++split) {
    StreamHarness s;
    s.syn();
    s.at(0, headers.substr(0, split));
    s.at(split, headers.substr(split) + bulk);
    ASSERT_EQ(s.copied(), headers) << split;
    ASSERT_EQ(s.window().state, HP_WINDOW_IDLE) << split;
  }
}

TEST(Selector, RequestInThreeSegmentsCutAroundItsEmptyLine) {
  const std::string headers = request(120);
  const auto size = static_cast<uint32_t>(headers.size());
  for (uint32_t a = size - 6; a < size; ++a)
    for (uint32_t b = a + 1; b <= size; ++b) {
      StreamHarness s;
      s.syn();
      s.at(0, headers.substr(0, a));
      s.at(a, headers.substr(a, b - a));
      s.at(b, headers.substr(b) + bulk);
      ASSERT_EQ(s.copied(), headers) << a << " " << b;
    }
}

TEST(Selector, KeepAliveRequestsAreCountedAndTheDirectionFallsSilent) {
  const std::string headers = request(100);
  StreamHarness s;
  s.syn();
  uint32_t at = 0;
  size_t copied = 0;
  for (int i = 0; i < 6; ++i) {
    copied += s.at(at, headers).content == HP_CONTENT_HTTP_REQUEST;
    at += static_cast<uint32_t>(headers.size());
    EXPECT_EQ(s.at(at, bulk).content, HP_CONTENT_NONE) << "bodies are quiet";
    at += static_cast<uint32_t>(bulk.size());
  }
  EXPECT_EQ(copied, 3u);
  EXPECT_EQ(s.window().state, HP_WINDOW_SILENT);
}

TEST(Selector, ARequestThatIsSentAgainDoesNotCountAsAnother) {
  const std::string headers = request(100);
  const auto size = static_cast<uint32_t>(headers.size());
  StreamHarness s;
  s.syn();
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(s.at(i * size, headers).content, HP_CONTENT_HTTP_REQUEST) << i;
    EXPECT_EQ(s.at(i * size, headers).content, HP_CONTENT_NONE) << i;
    if (i == 0) continue;
    EXPECT_EQ(s.at((i - 1) * size, headers).content, HP_CONTENT_NONE) << i;
  }
}

TEST(Selector, WithoutABoundEveryRequestIsCopied) {
  StreamHarness s;
  s.policy.requests = 0;
  const std::string headers = request(100);
  for (uint32_t i = 0; i < 20; ++i)
    EXPECT_EQ(s.at(i * 100000, headers).content, HP_CONTENT_HTTP_REQUEST);
}

TEST(Selector, PipelinedRequestsInOneSegmentCostOneMessage) {
  StreamHarness s;
  s.syn();
  const std::string headers = request(100);
  s.at(0, headers + headers);
  EXPECT_EQ(s.copied(), headers);
}

TEST(Selector, HeadersWithoutAnEndStopAtTheLimit) {
  StreamHarness s;
  s.syn();
  const std::string endless = "GET / HTTP/1.1\r\nCookie: " + std::string(20000, 'c');
  for (uint32_t at = 0; at < endless.size(); at += 1400) s.at(at, endless.substr(at, 1400));
  EXPECT_EQ(s.copied(), endless.substr(0, 8192));
}

TEST(Selector, ReorderedRequestIsCopiedToItsLimitBecauseTheEndCannotBeTold) {
  const std::string headers = request(400);
  StreamHarness s;
  s.syn();
  s.at(200, headers.substr(200) + std::string(100, 'b'));
  s.at(0, headers.substr(0, 200));
  EXPECT_EQ(s.copied().substr(0, headers.size()), headers);
}

TEST(Selector, ResponsesAreCopiedLikeRequests) {
  const std::string headers = "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n";
  StreamHarness s;
  s.syn({}, true);
  EXPECT_EQ(s.at(0, headers + bulk).content, HP_CONTENT_HTTP_RESPONSE);
  EXPECT_EQ(s.copied(), headers);
}

TEST(Selector, BareLineFeedsEndHeadersToo) {
  StreamHarness s;
  s.syn();
  s.at(0, "GET / HTTP/1.0\nHost: a\n\nbody");
  EXPECT_EQ(s.copied(), "GET / HTTP/1.0\nHost: a\n\n");
}

// --- TLS that comes later -----------------------------------------------------------------------

TEST(Selector, APrefixIsCopiedUpToItsLimitAndTheHelloBehindItWhole) {
  for (const char* first :
       {"CONNECT a:443 HTTP/1.1\r\n\r\n", "220 mail.example.org ESMTP\r\n", "a1 STARTTLS\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "+OK ready\r\n", "AUTH TLS\r\n"}) {
    StreamHarness s;
    s.syn();
    const std::string prefix = first, hello = client_hello(9000);
    EXPECT_EQ(s.at(0, prefix).content, HP_CONTENT_PREFIX) << first;
    const auto begin = static_cast<uint32_t>(prefix.size());
    // Two bytes of it name nothing yet.
    s.at(begin, hello.substr(0, 2));
    s.at(begin + 2, hello.substr(2));
    EXPECT_EQ(s.copied(), prefix + hello) << first;
    EXPECT_FALSE(s.has_window()) << first;
  }
}

TEST(Selector, APrefixThatTalksOnGoesQuiet) {
  StreamHarness s;
  s.syn();
  uint32_t offset = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string line = "220-" + std::string(400, 'x') + "\r\n";
    s.at(offset, line);
    offset += static_cast<uint32_t>(line.size());
  }
  EXPECT_LE(s.bytes_copied(), size_t{HP_PREFIX_LIMIT});
  EXPECT_FALSE(s.has_window());
  EXPECT_EQ(s.at(offset, client_hello(1900)).content, HP_CONTENT_TLS_CLIENT);
}

TEST(Selector, WhatOnlyBeginsLikeAHelloLeavesThePrefixOpen) {
  StreamHarness s;
  s.syn();
  s.at(0, "220 ready\r\n");
  s.at(11, "\x16");
  s.at(12, "no hello at all, but text\r\n");
  EXPECT_TRUE(s.has_window());
  EXPECT_EQ(s.window().state, HP_WINDOW_PREFIX);
  const std::string hello = client_hello(1900);
  EXPECT_EQ(s.at(39, hello).content, HP_CONTENT_TLS_CLIENT);
}

TEST(Selector, TlsBehindAnAnswerInItsSegmentIsCopied) {
  StreamHarness s;
  s.syn({}, true);
  const std::string answer = "HTTP/1.1 200 OK\r\n\r\n", hello = client_hello(500);
  s.at(0, answer + hello);
  EXPECT_EQ(s.copied(), answer + hello);
}

TEST(Selector, EveryMethodIsKnownAndNothingThatOnlyLooksLikeOne) {
  for (const char* method :
       {"GET",         "POST",         "PUT",     "PATCH",     "PROPFIND",    "PROPPATCH",
        "HEAD",        "DELETE",       "OPTIONS", "COPY",        "CHECKOUT",
        "CHECKIN",     "TRACE",        "MKCOL",   "MOVE",      "MERGE",       "M-SEARCH",
        "MKACTIVITY",  "MKCALENDAR",   "LOCK",    "UNLOCK",    "UNSUBSCRIBE", "REPORT",
        "RPC_IN_DATA", "RPC_OUT_DATA", "SEARCH",  "SUBSCRIBE", "SOURCE",      "NOTIFY",
        "BITS_POST"}) {
    StreamHarness s;
    EXPECT_EQ(s.at(0, std::string(method) + " / HTTP/1.1\r\n\r\n").content, HP_CONTENT_HTTP_REQUEST)
        << method;
    StreamHarness t;
    t.syn();
    t.at(0, std::string(method).substr(0, 1));
    EXPECT_EQ(t.at(1, std::string(method).substr(1) + " / HTTP/1.1\r\n\r\n").content,
              HP_CONTENT_HTTP_REQUEST)
        << method;
  }
  for (const char* no :
       {"GETX / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "POSTS / HTTP/1.1\r\n\r\n",
        "HELO mail.example.org\r\n", "USER anonymous\r\n\r\n", "220 smtp ready\r\n\r\n",
        "HTTP/2 is not this\r\n\r\n"}) {
    StreamHarness s;
    EXPECT_EQ(s.at(0, no).content, HP_CONTENT_NONE) << no;
  }
}

TEST(Selector, Http2PrefaceIsCopiedInPart) {
  StreamHarness s;
  s.syn();
  const std::string stream = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(5000, '\1');
  EXPECT_EQ(s.at(0, stream).content, HP_CONTENT_HTTP2);
  EXPECT_EQ(s.copied(), stream.substr(0, HP_HTTP2_LIMIT));
}

// --- SSH
// ------------------------------------------------------------------------------------------

std::string ssh_stream(size_t packet) {
  std::string stream = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
  stream += std::string{0, 0, static_cast<char>(packet >> 8), static_cast<char>(packet)};
  return stream + std::string(packet, '\x14');
}

TEST(Selector, SshBannerAndKeyExchangeInOneSegment) {
  const std::string stream = ssh_stream(1000);
  StreamHarness s;
  s.syn();
  EXPECT_EQ(s.at(0, stream + bulk).content, HP_CONTENT_SSH);
  EXPECT_EQ(s.copied(), stream);
  EXPECT_FALSE(s.has_window());
}

TEST(Selector, SshBannerAndKeyExchangeInTwoSegments) {
  const std::string stream = ssh_stream(1500);
  const uint32_t banner = 32;
  StreamHarness s;
  s.syn();
  s.at(0, stream.substr(0, banner));
  s.at(banner, stream.substr(banner) + bulk);
  EXPECT_EQ(s.copied(), stream);
  EXPECT_FALSE(s.has_window());
}

TEST(Selector, SshKeyExchangeIsCompleteHoweverItIsCut) {
  const std::string stream = ssh_stream(700);
  for (uint32_t split = 1; split < stream.size(); ++split) {
    StreamHarness s;
    s.syn();
    s.at(0, stream.substr(0, split));
    s.at(split, stream.substr(split));
    ASSERT_EQ(s.copied(), stream) << split;
  }
}

// --- unknown content
// --------------------------------------------------------------------------------

TEST(Selector, OfAnUnknownStreamASampleIsCopiedThenItIsQuiet) {
  StreamHarness s;
  s.syn();
  const hp_decision d =
      s.at(0, "299 mail.example.org ESMTP ready, and a long text behind it that nobody needs\r\n");
  EXPECT_EQ(d.content, HP_CONTENT_OTHER);
  EXPECT_EQ(d.copy_len, 64u);
  EXPECT_FALSE(s.has_window());
  EXPECT_EQ(s.at(79, bulk).content, HP_CONTENT_NONE);
}

TEST(Selector, BulkDataWithoutAWindowIsQuiet) {
  StreamHarness s;
  for (int first = 0; first < 256; ++first) {
    std::string data = bulk;
    data[0] = static_cast<char>(first);
    EXPECT_EQ(s.at(0, data).content, HP_CONTENT_NONE) << first;
  }
}

TEST(Selector, HandshakeAfterAnUnknownStartIsFoundByContent) {
  // STARTTLS: the stream began with text; the hello begins a segment.
  StreamHarness s;
  s.syn();
  s.at(0, "EHLO client.example.org\r\n");
  s.at(25, "STARTTLS\r\n");
  const std::string hello = client_hello(517);
  const hp_decision d = s.at(35, hello);
  EXPECT_EQ(d.content, HP_CONTENT_TLS_CLIENT);
  EXPECT_TRUE(d.by_content);
}

TEST(Selector, AStreamOlderThanTheAgentIsFollowedFromItsHello) {
  const std::string hello = client_hello(1900);
  StreamHarness s;
  EXPECT_TRUE(s.at(0, hello.substr(0, 1448)).by_content);
  s.at(1448, hello.substr(1448));
  EXPECT_EQ(s.copied(), hello);
}

// --- the life of a window
// ---------------------------------------------------------------------------

TEST(Selector, AStaleWindowOfReusedPortsHidesNoHello) {
  StreamHarness s(1000);
  s.syn();  // its hello never came
  s.reuse(900000000);
  const std::string hello = client_hello(517);  // and the SYN of the next life was missed
  EXPECT_EQ(s.at(0, hello).content, HP_CONTENT_TLS_CLIENT);
}

TEST(Selector, ANewSynBeginsANewWindow) {
  StreamHarness s(1000);
  s.syn();
  s.at(0, "GET");
  s.reuse(77);
  s.syn();
  EXPECT_EQ(s.window().have, 0);
  EXPECT_EQ(s.at(0, client_hello(517)).content, HP_CONTENT_TLS_CLIENT);
}

TEST(Selector, SequenceNumbersWrapInsideAHello) {
  StreamHarness s(0xffffff00u);
  s.syn();
  const std::string hello = client_hello(1900);
  s.at(0, hello.substr(0, 900));
  s.at(900, hello.substr(900));
  EXPECT_EQ(s.copied(), hello);
}

TEST(Selector, ResetRemovesAndAcknowledgementKeeps) {
  StreamHarness s;
  s.syn();
  EXPECT_EQ(s.reset().window, HP_WINDOW_REMOVE);
  EXPECT_FALSE(s.has_window());
}

// --- datagrams
// ----------------------------------------------------------------------------------------

hp_decision datagram(const std::string& data, hp_window& window) {
  hp_segment s{};
  s.len = static_cast<uint32_t>(data.size());
  s.head_len = static_cast<uint8_t>(std::min<size_t>(data.size(), HP_HEAD));
  std::memcpy(s.head, data.data(), s.head_len);
  hp_decision d;
  const hp_policy policy = StreamHarness().policy;
  hp_select_udp(&s, &window, &policy, &d);
  return d;
}

std::string quic(uint8_t first, uint32_t version, uint8_t connection_id = 8) {
  std::string data(1200, '\x11');
  data[0] = static_cast<char>(first);
  for (size_t i = 0; i < 4; ++i) data[1 + i] = static_cast<char>(version >> (24 - 8 * i));
  data[5] = static_cast<char>(connection_id);
  return data;
}

TEST(Selector, QuicInitialsOfEveryVersionThatIsSpoken) {
  for (uint32_t version : {0x00000001u, 0xff00001du, 0xfaceb002u, 0x51303530u, 0x0a1a2a3au}) {
    hp_window w{};
    EXPECT_EQ(datagram(quic(0xc3, version), w).content, HP_CONTENT_QUIC) << std::hex << version;
  }
  hp_window w{};
  EXPECT_EQ(datagram(quic(0xd3, 0x6b3343cf), w).content, HP_CONTENT_QUIC)
      << "version 2 numbers Initial as 1";
}

TEST(Selector, QuicPacketsThatAreNoInitials) {
  hp_window w{};
  EXPECT_EQ(datagram(quic(0xc3, 0), w).content, HP_CONTENT_NONE) << "version negotiation";
  EXPECT_EQ(datagram(quic(0xe3, 1), w).content, HP_CONTENT_NONE) << "handshake";
  EXPECT_EQ(datagram(quic(0x43, 1), w).content, HP_CONTENT_NONE) << "short header";
  EXPECT_EQ(datagram(quic(0xc3, 1, 21), w).content, HP_CONTENT_NONE) << "connection id too long";
  EXPECT_EQ(datagram(quic(0xc3, 1).substr(0, 13), w).content, HP_CONTENT_NONE) << "too short";
}

TEST(Selector, QuicInitialsOfADirectionAreBounded) {
  hp_window w{};
  int copied = 0;
  for (int i = 0; i < 20; ++i) copied += datagram(quic(0xc3, 1), w).content == HP_CONTENT_QUIC;
  EXPECT_EQ(copied, 8);
}

TEST(Selector, DtlsHellosOfEpochZero) {
  std::string hello(200, '\x55');
  hello.replace(0, 14, std::string("\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x90\x01", 14));
  hp_window w{};
  EXPECT_EQ(datagram(hello, w).content, HP_CONTENT_DTLS);
  hello[4] = 1;  // epoch 1 is encrypted
  hp_window other{};
  EXPECT_EQ(datagram(hello, other).content, HP_CONTENT_NONE);
}

}  // namespace
}  // namespace handprint::test
