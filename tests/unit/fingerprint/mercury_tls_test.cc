// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/mercury_tls.h"

#include <gtest/gtest.h>

#include "quic_builder.h"

namespace handprint::test {
namespace {

struct Parsed {
  Buffer body;
  ClientHello hello;
  explicit Parsed(Buffer bytes, HelloTransport transport = HelloTransport::tls) : body(std::move(bytes)) {
    parse_client_hello(body, static_cast<uint32_t>(body.size()), transport, hello);
  }
};
std::string text(const ClientHello& hello, MercuryOrder order, size_t room = 65536) {
  return written([&](Text& out) { return write_mercury_tls(hello, order, workspace(), out); }, room);
}

TEST(MercuryTls, WritesTypesAndChosenData) {
  TestClientHello made;
  made.suites = values16({0x2a2a, 0x1301, 0x3a3a});
  made.extensions = {{0x5a5a, hex("00")},
                     {0x0000, hex("0006 00 0003 612e62")},
                     {0x000a, list16({0x6a6a, 0x001d})},
                     {0x0013, hex("01")},
                     {0x002b, versions({0x7a7a, 0x0304})},
                     {0x000b, hex("0100")}};
  const Parsed parsed(made.body());
  EXPECT_EQ(text(parsed.hello, MercuryOrder::wire),
            "(0303)(0a0a13010a0a)((0a0a)(0000)(000a000600040a0a001d)(0013)(002b0005040a0a0304)(000b00020100))");
  const std::string sorted =
      "(0303)(0a0a13010a0a)[(0000)(000a000600040a0a001d)(000b00020100)(0013)(002b0005040a0a0304)(0a0a)]";
  EXPECT_EQ(text(parsed.hello, MercuryOrder::sorted), sorted);
  EXPECT_EQ(text(parsed.hello, MercuryOrder::sorted, sorted.size() - 1), "<too-long>");
}

TEST(MercuryTls, SortsEqualTypesByLengthThenData) {
  TestClientHello made;
  made.suites = values16({0x1301});
  made.extensions = {{0x0010, hex("0202")}, {0x0010, hex("0201")}, {0x0010, hex("09")}};
  EXPECT_EQ(text(Parsed(made.body()).hello, MercuryOrder::sorted),
            "(0303)(1301)[(0010000109)(001000020201)(001000020202)]");
}

// What a session adds or pads, and what a client invents, must not make another string.
TEST(MercuryTls, FilteredHasListedTypesOnly) {
  TestClientHello made;
  made.suites = values16({0x1301});
  made.extensions = {{0x0029, hex("00")},  {0x0015, hex("0000")}, {0x0023, {}},       {0x002a, {}},
                     {0xff77, hex("01")},  {0x1234, hex("02")},   {0x4469, hex("03")}, {0x5a5a, hex("00")},
                     {0x0010, hex("0201")}, {0xfe0d, hex("04")},  {0xff01, hex("00")}, {0x0017, {}}};
  EXPECT_EQ(text(Parsed(made.body()).hello, MercuryOrder::filtered),
            "(0303)(1301)[(0010000" "20201)(0017)(003e)(003e)(0a0a)(fe0d)(ff00)(ff01)]");
}

TEST(MercuryTls, FilteredHasNoTypeMoreThanThreeTimes) {
  TestClientHello made;
  made.suites = values16({0x1301});
  for (const uint16_t type : std::initializer_list<uint16_t>{0x1111, 0x2222, 0x3333, 0x4444, 0x5555}) made.extensions.push_back({type, {}});
  EXPECT_EQ(text(Parsed(made.body()).hello, MercuryOrder::filtered), "(0303)(1301)[(003e)(003e)(003e)]");
}

TEST(MercuryTls, LeavesTheCookieOfDtlsOut) {
  TestClientHello made;
  made.version = 0xfefd;
  made.dtls = true;
  made.suites = values16({0xc02b});
  made.extensions = {{0x0017, {}}};
  EXPECT_EQ(text(Parsed(made.body(), HelloTransport::dtls).hello, MercuryOrder::wire), "(fefd)(c02b)((0017))");
}

TEST(MercuryTls, HasNothingForHalfAHello) {
  const Buffer body = TestClientHello{}.body();
  ClientHello hello;
  parse_client_hello(prefix(body, body.size() - 1), static_cast<uint32_t>(body.size()), HelloTransport::tls, hello);
  EXPECT_EQ(text(hello, MercuryOrder::wire), "<no-fingerprint>");
  EXPECT_EQ(written([&](Text& out) { return write_mercury_quic(hello, 1, MercuryOrder::sorted, workspace(), out); }), "<no-fingerprint>");
}

TEST(MercuryQuic, ListsTransportParametersSorted) {
  TestClientHello made;
  made.suites = values16({0x1301});
  made.extensions = {{0x002b, versions({0x0304})},
                     {0x0039, Builder().hex("80004752 00").raw(varint(58)).hex("00").hex("04 01 20").hex("01 00")}};
  const Parsed parsed(made.body(), HelloTransport::quic);
  EXPECT_EQ(written([&](Text& out) { return write_mercury_quic(parsed.hello, 1, MercuryOrder::sorted, workspace(), out); }),
            "(00000001)(0303)(1301)[(002b0003020304)((0039)[(01)(04)(1b)(80004752)])]");
}

TEST(MercuryTlsServer, IsInTheOrderOfTheWire) {
  ServerHello hello;
  const Buffer message = rfc9001_server_hello();
  const Bytes body = Bytes(message).subspan(4);
  ASSERT_EQ(parse_server_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::tls, hello), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_mercury_tls_server(hello, out); }),
            "(0303)(1301)((0033)(002b00020304))");
}

}  // namespace
}  // namespace handprint::test
