// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/pmercury_tls.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

std::string string_of(const Buffer& body, size_t declared, Cut cut = Cut::refuse) {
  ClientHello hello;
  parse_client_hello(body, static_cast<uint32_t>(declared), HelloTransport::tls, hello);
  return written([&](Text& out) { return write_pmercury_tls(hello, cut, out); });
}
std::string string_of(const TestClientHello& test) {
  Buffer body = test.body();
  return string_of(body, body.size());
}

TEST(PmercuryTls, ExtensionsStandInOrderSomeWithData) {
  TestClientHello test;
  test.suites = values16({0xc02c, 0x002f, 0x000a});
  test.extensions = {{0x0000, server_name("x.example")},
                     {0x0005, hex("0100000000")},
                     {0x000a, list16({0x001d, 0x0017, 0x0018})},
                     {0x000b, hex("0100")},
                     {0x000d, list16({0x0401, 0x0501})},
                     {0x0023, Buffer(10, 1)},
                     {0x0017, {}},
                     {0xff01, Buffer{0}}};
  EXPECT_EQ(
      string_of(test),
      "(0303)(c02c002f000a)((0000)(000500050100000000)(000a00080006001d00170018)(000b00020100)"
      "(000d0006000404010501)(0023)(0017)(ff01))");
}

TEST(PmercuryTls, GreaseBecomesOneValueWhereItIsReplaced) {
  TestClientHello test;
  test.suites = values16({0x9a9a, 0x1301, 0xbaba});
  test.extensions = {{0x3a3a, {}},
                     {0x000a, list16({0xeaea, 0x001d})},
                     {0x002b, versions({0x7a7a, 0x0304})},
                     {0x000d, list16({0x5a5a, 0x0403})},
                     {0x0033, Buffer(8, 1)},
                     {0xfafa, Buffer{0}}};
  EXPECT_EQ(string_of(test),
            "(0303)(0a0a1301baba)"  // only the first suite
            "((0a0a0000)(000a000600040a0a001d)(002b0005040a0a0304)(000d000600045a5a0403)(0033)("
            "0a0a000100))");
}

TEST(PmercuryTls, WithoutExtensionsEndsInEmptyParentheses) {
  TestClientHello test;
  test.version = 0x0300;
  test.suites = values16({0x002f, 0x0005});
  test.with_extensions = false;
  EXPECT_EQ(string_of(test), "(0300)(002f0005)()");
  test.with_extensions = true;
  EXPECT_EQ(string_of(test), "(0300)(002f0005)()");
}

// What pmercury makes of the first packet of a longer hello.
TEST(PmercuryTls, AcceptedCutsCloseTheListWhereTheBytesEnd) {
  TestClientHello test;
  test.session_id = {};
  test.suites = values16({0x1301});
  test.extensions = {{0x0017, {}}, {0x0005, hex("0100000000")}, {0x0023, Buffer(4, 1)}};
  Buffer body = test.body();
  const size_t suites_end = 2 + 32 + 1 + 2 + 2, compression_end = suites_end + 2,
               block = compression_end + 2;
  auto cut_at = [&](size_t n) { return string_of(prefix(body, n), body.size(), Cut::accept); };
  EXPECT_EQ(cut_at(suites_end - 1), "<no-fingerprint>") << "not all suites";
  EXPECT_EQ(cut_at(suites_end), "(0303)(1301)()");
  EXPECT_EQ(cut_at(compression_end), "(0303)(1301)()");
  EXPECT_EQ(cut_at(block), "(0303)(1301)()");
  EXPECT_EQ(cut_at(block + 4), "(0303)(1301)((0017))");
  EXPECT_EQ(cut_at(block + 7), "(0303)(1301)((0017))") << "a cut extension header is not written";
  EXPECT_EQ(cut_at(block + 10), "(0303)(1301)((0017)(000500050100))")
      << "the declared length, the data that is there";
  EXPECT_EQ(cut_at(body.size() - 1), "(0303)(1301)((0017)(000500050100000000)(0023))");
}

TEST(PmercuryTls, WithoutRoomWritesNothing) {
  Buffer body = browser_hello().body();
  ClientHello hello;
  ASSERT_EQ(
      parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::tls, hello),
      Reason::ok);
  size_t full =
      written([&](Text& out) { return write_pmercury_tls(hello, Cut::refuse, out); }).size();
  for (size_t room = 0; room < full; ++room)
    ASSERT_EQ(written([&](Text& out) { return write_pmercury_tls(hello, Cut::refuse, out); }, room),
              "<too-long>")
        << room;
}

}  // namespace
}  // namespace handprint::test
