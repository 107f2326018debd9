// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/client_hello.h"

#include <gtest/gtest.h>

#include "builder.h"
#include "fingerprint/ja3.h"
#include "fingerprint/ja4.h"
#include "fingerprint/pmercury_tls.h"

namespace handprint::test {
namespace {

Reason parse(const Buffer& body, ClientHello& out, HelloTransport transport = HelloTransport::tls) {
  return parse_client_hello(body, static_cast<uint32_t>(body.size()), transport, out);
}

TEST(ClientHello, GivesTheFactsOfABrowsersHello) {
  Buffer body = browser_hello().body();
  ClientHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_TRUE(hello.complete);
  EXPECT_TRUE(hello.well_formed);
  EXPECT_EQ(hello.legacy_version, 0x0303);
  EXPECT_EQ(hello.version(), 0x0304) << "supported_versions, GREASE left out";
  EXPECT_EQ(hello.random.size(), 32u);
  EXPECT_EQ(hello.session_id.size(), 32u);
  EXPECT_EQ(U16List(hello.cipher_suites).size(), 16u);
  EXPECT_EQ(U16List(hello.cipher_suites)[1], 0x1301);
  EXPECT_EQ(hello.compression_methods.size(), 1u);
  EXPECT_TRUE(hello.has_server_name);
  EXPECT_EQ(hello.server_name, "www.example.org");
  EXPECT_EQ(hello.first_alpn(), "h2");
  EXPECT_EQ(U16List(hello.supported_groups).size(), 5u);
  EXPECT_EQ(U16List(hello.signature_algorithms)[1], 0x0403);
  EXPECT_EQ(hello.ec_point_formats.size(), 1u);
  EXPECT_EQ(hello.psk_modes.size(), 1u);
  EXPECT_TRUE(hello.has_encrypted_client_hello);
  EXPECT_TRUE(hello.has_extended_master_secret);
  EXPECT_TRUE(hello.has_session_ticket);
  EXPECT_FALSE(hello.offers_resumption()) << "the ticket is empty";
  EXPECT_FALSE(hello.has_early_data);

  std::vector<unsigned> shares;
  for (const KeyShare& share : KeyShareList(hello.key_shares)) shares.push_back(share.group);
  EXPECT_EQ(shares, (std::vector<unsigned>{0x4a4a, 0x11ec, 0x001d}));
  std::vector<std::string_view> protocols;
  for (std::string_view protocol : ProtocolNameList(hello.alpn)) protocols.push_back(protocol);
  EXPECT_EQ(protocols, (std::vector<std::string_view>{"h2", "http/1.1"}));
}

// RFC 8446 appendix D: before TLS 1.3 a hello may end behind the compression methods.
TEST(ClientHello, MayHaveNoExtensions) {
  TestClientHello test;
  test.with_extensions = false;
  ClientHello hello;
  EXPECT_EQ(parse(test.body(), hello), Reason::ok);
  EXPECT_TRUE(hello.complete);
  EXPECT_FALSE(hello.has_extensions);
  EXPECT_EQ(hello.version(), 0x0303);
}

TEST(ClientHello, OffersResumptionByTicketOrPreSharedKey) {
  TestClientHello test;
  test.extensions = {{0x0023, Buffer(100, 1)}};
  Buffer with_ticket = test.body();
  ClientHello hello;
  ASSERT_EQ(parse(with_ticket, hello), Reason::ok);
  EXPECT_TRUE(hello.offers_resumption());
  test.extensions = {{0x002a, {}}, {0x0029, Buffer(50, 1)}};
  Buffer with_psk = test.body();
  ASSERT_EQ(parse(with_psk, hello), Reason::ok);
  EXPECT_TRUE(hello.offers_resumption());
  EXPECT_TRUE(hello.has_early_data);
  EXPECT_FALSE(hello.has_session_ticket);
}

TEST(ClientHello, OfDtlsHasACookieAndVersionsThatCountDown) {
  TestClientHello test;
  test.dtls = true;
  test.version = 0xfefd;
  test.extensions = {{0x002b, versions({0xfefd, 0xfefc})}};
  Buffer body = test.body();
  ClientHello hello;
  ASSERT_EQ(parse(body, hello, HelloTransport::dtls), Reason::ok);
  EXPECT_EQ(hello.cookie.size(), 3u);
  EXPECT_EQ(hello.version(), 0xfefc);
}

TEST(ClientHello, TheFirstOfTwoEqualExtensionsCounts) {
  TestClientHello test;
  test.extensions = {{0x0000, server_name("first.example")},
                     {0x0000, server_name("second.example")}};
  Buffer body = test.body();
  ClientHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(hello.server_name, "first.example");
}

TEST(ClientHello, BrokenExtensionBodiesGiveNoFactButHurtNothingElse) {
  TestClientHello test;
  test.extensions = {{0x0000, hex("00ff 00")},      {0x000a, hex("0008 001d")},
                     {0x0010, hex("0003 05 6832")}, {0x002b, hex("09 0304")},
                     {0x000d, hex("00")},           {0x000b, {}},
                     {0x0033, hex("0010 001d")},    {0x0017, {}}};
  Buffer body = test.body();
  ClientHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_TRUE(hello.has_server_name);
  EXPECT_EQ(hello.server_name, "");
  EXPECT_TRUE(hello.supported_groups.empty());
  EXPECT_EQ(hello.first_alpn(), "");
  EXPECT_EQ(hello.version(), 0x0303);
  EXPECT_TRUE(hello.has_extended_master_secret);
}

TEST(ClientHello, AServerNameMayHoldAnyBytes) {
  TestClientHello test;
  test.extensions = {{0x0000, server_name(std::string_view("a\0\xff\n", 4))}};
  Buffer body = test.body();
  ClientHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(hello.server_name, std::string_view("a\0\xff\n", 4));
}

// The rule that matters most: a cut message never has a string.
TEST(ClientHello, CutAnywhereIsTruncatedAndHasNoFingerprint) {
  const Buffer body = browser_hello().body();
  const auto declared = static_cast<uint32_t>(body.size());
  for (size_t n = 0; n < body.size(); ++n) {
    Buffer cut = prefix(body, n);
    ClientHello hello;
    ASSERT_EQ(parse_client_hello(cut, declared, HelloTransport::tls, hello), Reason::truncated)
        << n;
    ASSERT_FALSE(hello.complete) << n;
    ASSERT_EQ(written([&](Text& out) { return write_ja3(hello, workspace(), out); }),
              "<no-fingerprint>")
        << n;
    for (Ja4Form form : {Ja4Form::ja4, Ja4Form::ja4_r, Ja4Form::ja4_o, Ja4Form::ja4_ro})
      ASSERT_EQ(written([&](Text& out) { return write_ja4(hello, form, workspace(), out); }),
                "<no-fingerprint>")
          << n;
    ASSERT_EQ(written([&](Text& out) { return write_pmercury_tls(hello, Cut::refuse, out); }),
              "<no-fingerprint>")
        << n;
    // Accepting the cut must at least read nothing beyond it.
    written([&](Text& out) { return write_pmercury_tls(hello, Cut::accept, out); });
  }
}

// The same bytes with a length that promises no more: the message contradicts itself somewhere.
TEST(ClientHello, EndingTooEarlyIsMalformedButNeverReadBeyond) {
  const Buffer body = browser_hello().body();
  for (size_t n = 0; n < body.size(); ++n) {
    Buffer cut = prefix(body, n);
    ClientHello hello;
    Reason reason = parse(cut, hello);
    bool before_extensions = n == 2u + 32 + 1 + 32 + 2 + 32 + 1 + 1;
    ASSERT_EQ(reason, before_extensions ? Reason::ok : Reason::malformed_client_hello) << n;
    ASSERT_EQ(hello.well_formed, before_extensions) << n;
  }
}

TEST(ClientHello, WholeButMalformedKeepsItsStrings) {
  Buffer body = TestClientHello{.extensions = {{0x0017, {}}}}.body();
  body[body.size() - 5] += 1;  // the block promises one byte more than the message has
  ClientHello hello;
  EXPECT_EQ(parse(body, hello), Reason::malformed_client_hello);
  EXPECT_TRUE(hello.complete);
  EXPECT_FALSE(hello.well_formed);
  EXPECT_EQ(written([&](Text& out) { return write_ja3_string(hello, out); }),
            "771,4865-4866-4867,23,,");
}

TEST(ClientHello, RefusesImpossibleFields) {
  ClientHello hello;
  TestClientHello odd_suites;
  odd_suites.suites = hex("1301 13");
  EXPECT_EQ(parse(odd_suites.body(), hello), Reason::malformed_client_hello);
  EXPECT_FALSE(hello.complete);
  TestClientHello long_session;
  long_session.session_id = Buffer(33, 1);
  EXPECT_EQ(parse(long_session.body(), hello), Reason::malformed_client_hello);
  EXPECT_FALSE(hello.complete);
}

TEST(ClientHello, BytesBehindTheDeclaredLengthAreNotLookedAt) {
  Buffer body = browser_hello().body();
  const auto declared = static_cast<uint32_t>(body.size());
  body.insert(body.end(), 100, 0xee);
  ClientHello hello;
  EXPECT_EQ(parse_client_hello(body, declared, HelloTransport::tls, hello), Reason::ok);
}

// RFC 5246 appendix E.2.
TEST(ClientHello, OfTheSslv2KindHasFactsButNoFingerprint) {
  Buffer specs = hex("010080 0000c0 00002f");
  Buffer body = Builder().u16(0x0301).u16(9).u16(0).u16(16).raw(specs).fill(16, 7);
  HandshakeMessage message;
  message.type = tls_handshake::client_hello;
  message.length = static_cast<uint32_t>(body.size());
  message.body = body;
  message.sslv2 = true;
  ClientHello hello;
  ASSERT_EQ(parse_client_hello(message, hello), Reason::ok);
  EXPECT_TRUE(hello.sslv2);
  EXPECT_EQ(hello.legacy_version, 0x0301);
  EXPECT_EQ(hello.cipher_suites.size(), 9u);
  EXPECT_EQ(hello.random.size(), 16u);
  EXPECT_EQ(written([&](Text& out) { return write_ja3(hello, workspace(), out); }),
            "<no-fingerprint>");
  EXPECT_EQ(written([&](Text& out) { return write_ja4(hello, Ja4Form::ja4, workspace(), out); }),
            "<no-fingerprint>");
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_tls(hello, Cut::accept, out); }),
            "<no-fingerprint>");
  for (size_t n = 0; n < body.size(); ++n) {
    Buffer cut = prefix(body, n);
    message.body = cut;
    ASSERT_EQ(parse_client_hello(message, hello), Reason::truncated) << n;
  }
}

TEST(ClientHello, IsOnlyReadFromAClientHelloMessage) {
  HandshakeMessage message;
  message.type = tls_handshake::certificate;
  ClientHello hello;
  EXPECT_EQ(parse_client_hello(message, hello), Reason::not_this_protocol);
}

}  // namespace
}  // namespace handprint::test
