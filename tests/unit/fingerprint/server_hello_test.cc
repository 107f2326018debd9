// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/server_hello.h"

#include <gtest/gtest.h>

#include "builder.h"
#include "fingerprint/ja3.h"
#include "fingerprint/pmercury_tls.h"

namespace handprint::test {
namespace {

Buffer server_body(unsigned version, unsigned suite, const std::vector<TestExtension>& extensions,
                   const Buffer& random = Buffer(32, 0xbb)) {
  Builder out;
  out.u16(version).raw(random).with_u8(Buffer(32, 5)).u16(suite).u8(0);
  Builder block;
  for (const TestExtension& extension : extensions)
    block.u16(extension.type).with_u16(extension.data);
  return out.with_u16(block);
}

Reason parse(const Buffer& body, ServerHello& out) {
  return parse_server_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::tls, out);
}

TEST(ServerHello, OfTls13GivesVersionSuiteAndGroup) {
  Buffer body = server_body(
      0x0303, 0x1302,
      {{0x002b, hex("0304")}, {0x0033, Builder().u16(0x11ec).with_u16(Buffer(1120, 1))}});
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(hello.version(), 0x0304);
  EXPECT_EQ(hello.cipher_suite, 0x1302);
  EXPECT_EQ(hello.selected_group, 0x11ec);
  EXPECT_FALSE(hello.hello_retry_request);
  EXPECT_FALSE(hello.has_pre_shared_key);
}

TEST(ServerHello, OfTls12MayNameTheProtocol) {
  Buffer body =
      server_body(0x0303, 0xc02f, {{0x0010, alpn({"h2"})}, {0xff01, Buffer{0}}, {0x0023, {}}});
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(hello.version(), 0x0303);
  EXPECT_EQ(hello.alpn, "h2");
  EXPECT_TRUE(hello.has_session_ticket);
}

// RFC 8446 section 4.1.3: the SHA-256 of "HelloRetryRequest".
TEST(ServerHello, IsAHelloRetryRequestByItsRandom) {
  Buffer random = hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
  Sha256 digest;
  ASSERT_TRUE(workspace().digests.sha256(as_bytes("HelloRetryRequest"), digest));
  ASSERT_TRUE(std::equal(random.begin(), random.end(), digest.begin()));
  Buffer body = server_body(0x0303, 0x1301, {{0x002b, hex("0304")}, {0x0033, hex("0018")}}, random);
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_TRUE(hello.hello_retry_request);
  EXPECT_EQ(hello.selected_group, 0x0018);
}

TEST(ServerHello, MayHaveNoExtensions) {
  Buffer body = Builder().u16(0x0301).fill(32).with_u8({}).u16(0x0005).u8(0);
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_FALSE(hello.has_extensions);
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_tls_server(hello, Cut::refuse, out); }),
            "(0301)(0005)()");
  EXPECT_EQ(written([&](Text& out) { return write_ja3s_string(hello, out); }), "769,5,");
}

// Draft 18 and its neighbours: neither session id nor compression.
TEST(ServerHello, OfAnEarlyDraftHasFewerFields) {
  Buffer body = Builder().u16(0x7f12).fill(32, 1).u16(0x1301).with_u16(
      Builder().u16(0x0028).with_u16(Buffer(4, 2)));
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_ja3s_string(hello, out); }), "32530,4865,40");
}

TEST(ServerHello, Ja3sKeepsTheWiresOrder) {
  Buffer body =
      server_body(0x0303, 0xc02f, {{0xff01, Buffer{0}}, {0x0000, {}}, {0x000b, hex("0100")}});
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_ja3s_string(hello, out); }),
            "771,49199,65281-0-11");
  Md5 digest;
  ASSERT_TRUE(workspace().digests.md5(as_bytes("771,49199,65281-0-11"), digest));
  EXPECT_EQ(written([&](Text& out) { return write_ja3s(hello, workspace(), out); }),
            written([&](Text& out) {
              out.hex(Bytes(digest));
              return Reason::ok;
            }));
}

TEST(ServerHello, PmercuryStringHoldsTheSelectedVersionAsSent) {
  Buffer body =
      server_body(0x0303, 0x1301,
                  {{0x0033, Builder().u16(0x001d).with_u16(Buffer(32, 1))}, {0x002b, hex("0304")}});
  ServerHello hello;
  ASSERT_EQ(parse(body, hello), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_tls_server(hello, Cut::refuse, out); }),
            "(0303)(1301)((0033)(002b00020304))");
}

TEST(ServerHello, CutAnywhereIsTruncatedAndHasNoFingerprint) {
  const Buffer body = server_body(0x0303, 0xc02f, {{0x0010, alpn({"h2"})}, {0xff01, Buffer{0}}});
  for (size_t n = 0; n < body.size(); ++n) {
    Buffer cut = prefix(body, n);
    ServerHello hello;
    ASSERT_EQ(
        parse_server_hello(cut, static_cast<uint32_t>(body.size()), HelloTransport::tls, hello),
        Reason::truncated)
        << n;
    ASSERT_EQ(written([&](Text& out) { return write_ja3s(hello, workspace(), out); }),
              "<no-fingerprint>")
        << n;
    ASSERT_EQ(
        written([&](Text& out) { return write_pmercury_tls_server(hello, Cut::refuse, out); }),
        "<no-fingerprint>")
        << n;
    written([&](Text& out) { return write_pmercury_tls_server(hello, Cut::accept, out); });
    Reason alone = parse(cut, hello);
    ASSERT_TRUE(alone == Reason::malformed_server_hello || n == 2u + 32 + 33 + 2 + 1) << n;
  }
}

}  // namespace
}  // namespace handprint::test
