// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/ja4.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "builder.h"

namespace handprint::test {
namespace {

std::string ja4_of(const TestClientHello& test, Ja4Form form = Ja4Form::ja4,
                   HelloTransport transport = HelloTransport::tls) {
  Buffer body = test.body();
  ClientHello hello;
  EXPECT_EQ(parse_client_hello(body, static_cast<uint32_t>(body.size()), transport, hello),
            Reason::ok);
  return written([&](Text& out) { return write_ja4(hello, form, workspace(), out); });
}

// Part a, which no list decides.
std::string head_of(const TestClientHello& test, HelloTransport transport = HelloTransport::tls) {
  return ja4_of(test, Ja4Form::ja4, transport).substr(0, 10);
}

// The hello of the technical description: t13d1516h2_8daaf6152771_e5627efa2ab1.
TestClientHello described_hello() {
  TestClientHello test;
  test.suites = values16({0xfafa, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
                          0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035});
  test.extensions = {
      {0x1a1a, {}},
      {0x001b, hex("02 0002")},
      {0x0000, server_name("x.example")},
      {0x0033, Builder().with_u16(Buffer{})},
      {0x0010, alpn({"h2", "http/1.1"})},
      {0x4469, {}},
      {0x0017, {}},
      {0x002d, hex("0101")},
      {0x000d, list16({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601})},
      {0x0005, {}},
      {0x0023, {}},
      {0x0012, {}},
      {0x002b, versions({0xdada, 0x0304, 0x0303})},
      {0xff01, Buffer{0}},
      {0x000b, hex("0100")},
      {0x000a, list16({0x001d, 0x0017})},
      {0x0015, Buffer(100, 0)},
      {0xdada, {}}};
  return test;
}

TEST(Ja4, TheDescribedExample) {
  EXPECT_EQ(ja4_of(described_hello()), "t13d1516h2_8daaf6152771_e5627efa2ab1");
  EXPECT_EQ(ja4_of(described_hello(), Ja4Form::ja4_r),
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"
            "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_"
            "0403,0804,0401,0503,0805,0501,0806,0601");
}

// A first connection and one that resumes it, with or without early data, have one key.
TEST(Ja4, TheStableFormIsTheSameForAResumedConnection) {
  const TestClientHello first = described_hello();
  TestClientHello resumed = described_hello();
  std::erase_if(resumed.extensions, [](const auto& extension) { return extension.type == 0x0015; });
  resumed.extensions.push_back({0x002a, {}});
  resumed.extensions.push_back({0x0029, hex("00")});
  EXPECT_NE(ja4_of(first), ja4_of(resumed));
  EXPECT_EQ(ja4_of(first, Ja4Form::stable), ja4_of(resumed, Ja4Form::stable));
  EXPECT_EQ(ja4_of(first, Ja4Form::stable).substr(0, 23), "t13d1514h2_8daaf6152771");
  TestClientHello other = described_hello();
  other.extensions.push_back({0x0031, {}});
  EXPECT_NE(ja4_of(first, Ja4Form::stable), ja4_of(other, Ja4Form::stable));
}

TEST(Ja4, OriginalOrderKeepsServerNameAndAlpn) {
  EXPECT_EQ(ja4_of(described_hello(), Ja4Form::ja4_o),
            "t13d1516h2_acb858a92679_" + ja4_of(described_hello(), Ja4Form::ja4_o).substr(24))
      << "suites in the order of the wire";
  EXPECT_EQ(ja4_of(described_hello(), Ja4Form::ja4_ro),
            "t13d1516h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035_"
            "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015_"
            "0403,0804,0401,0503,0805,0501,0806,0601");
}

TEST(Ja4, IsTheSameWhenExtensionsAreShuffled) {
  TestClientHello test = described_hello();
  std::string before = ja4_of(test);
  std::reverse(test.extensions.begin(), test.extensions.end());
  EXPECT_EQ(ja4_of(test), before);
  EXPECT_NE(ja4_of(test, Ja4Form::ja4_o), ja4_of(described_hello(), Ja4Form::ja4_o));
}

// Chrome 133: 44cd in place of 4469, no padding.
TEST(Ja4, ChromeOf2025) {
  TestClientHello test = described_hello();
  std::erase_if(test.extensions, [](const TestExtension& e) { return e.type == 0x0015; });
  for (TestExtension& e : test.extensions)
    if (e.type == 0x4469) e.type = 0x44cd;
  test.extensions.push_back({0xfe0d, Buffer(180, 1)});
  EXPECT_EQ(ja4_of(test), "t13d1516h2_8daaf6152771_d8a2da3f94cd");
  test.extensions.push_back({0xca34, {}});
  EXPECT_EQ(ja4_of(test), "t13d1517h2_8daaf6152771_dcad5a053991") << "with trust anchors";
}

// Chrome 152 puts a GREASE value in front of the signature algorithms, a new one for each
// connection.
TEST(Ja4, LeavesGreaseOutOfSignatureAlgorithms) {
  TestClientHello test = described_hello();
  std::string before = ja4_of(test);
  for (TestExtension& e : test.extensions)
    if (e.type == 0x000d)
      e.data = list16({0x7a7a, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601});
  EXPECT_EQ(ja4_of(test), before);
  for (TestExtension& e : test.extensions)
    if (e.type == 0x000d) e.data = list16({0x7a7a});
  EXPECT_EQ(ja4_of(test).substr(24), "6d807ffa2a79") << "nothing left: no underscore";
}

TEST(Ja4, WithoutSignatureAlgorithmsHasNoUnderscore) {
  TestClientHello test = described_hello();
  for (TestExtension& e : test.extensions)
    if (e.type == 0x000d) e.data = {};
  EXPECT_EQ(ja4_of(test), "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

TEST(Ja4, EmptyListsAreZeros) {
  TestClientHello test;
  test.suites = {};
  test.with_extensions = false;
  EXPECT_EQ(ja4_of(test), "t12i000000_000000000000_000000000000");
  EXPECT_EQ(ja4_of(test, Ja4Form::ja4_r), "t12i000000__");
  test.suites = values16({0x1a1a});
  test.with_extensions = true;
  test.extensions = {{0x0000, {}}, {0x0010, alpn({"h2"})}};
  EXPECT_EQ(ja4_of(test), "t12d0002h2_000000000000_000000000000");
  EXPECT_EQ(ja4_of(test, Ja4Form::ja4_ro), "t12d0002h2__0000,0010");
}

TEST(Ja4, TheFirstLetterIsTheTransport) {
  EXPECT_EQ(ja4_of(described_hello(), Ja4Form::ja4, HelloTransport::quic),
            "q13d1516h2_8daaf6152771_e5627efa2ab1");
  TestClientHello dtls;
  dtls.dtls = true;
  dtls.version = 0xfefd;
  EXPECT_EQ(head_of(dtls, HelloTransport::dtls), "dd2i030000");
  dtls.extensions = {{0x002b, versions({0xfefd, 0xfefc})}};
  EXPECT_EQ(head_of(dtls, HelloTransport::dtls), "dd3i030100")
      << "the newest, though its number is smaller";
}

TEST(Ja4, VersionsHaveTwoCharacters) {
  auto version = [](unsigned legacy, std::initializer_list<unsigned> offered = {}) {
    TestClientHello test;
    test.version = legacy;
    if (offered.size() != 0) test.extensions = {{0x002b, versions(offered)}};
    return head_of(test).substr(1, 2);
  };
  EXPECT_EQ(version(0x0304), "13");
  EXPECT_EQ(version(0x0303), "12");
  EXPECT_EQ(version(0x0302), "11");
  EXPECT_EQ(version(0x0301), "10");
  EXPECT_EQ(version(0x0300), "s3");
  EXPECT_EQ(version(0x0002), "s2");
  EXPECT_EQ(version(0x0305), "00");
  EXPECT_EQ(version(0x0303, {0x0303, 0x0304, 0x0302}), "13") << "the highest, wherever it stands";
  EXPECT_EQ(version(0x0303, {0x2a2a}), "12") << "only GREASE: the version field";
  EXPECT_EQ(version(0x0303, {0x7f1c, 0x0303}), "00") << "a draft is higher, and unnamed";
}

TEST(Ja4, AlpnIsFirstAndLastCharacter) {
  auto characters = [](std::string_view protocol) {
    TestClientHello test;
    test.extensions = {{0x0010, alpn({protocol})}};
    return head_of(test).substr(8);
  };
  EXPECT_EQ(characters("h2"), "h2");
  EXPECT_EQ(characters("http/1.1"), "h1");
  EXPECT_EQ(characters("h"), "hh");
  EXPECT_EQ(characters("h3-29"), "h9");
  EXPECT_EQ(characters("hq-interop"), "hp");
  EXPECT_EQ(characters("Hz"), "Hz");
  EXPECT_EQ(characters(""), "00");
  EXPECT_EQ(characters("\xab"), "ab");
  EXPECT_EQ(characters(" "), "20");
  EXPECT_EQ(characters("\xab\xcd"), "ad");
  EXPECT_EQ(characters(" a"), "21");
  EXPECT_EQ(characters("0\xab"), "3b");
  EXPECT_EQ(characters("a "), "60");
  EXPECT_EQ(characters("01\xab\xcd"), "3d");
  EXPECT_EQ(characters("0\xab\xcd"
                       "1"),
            "01");
  EXPECT_EQ(characters("**"), "2a");
  TestClientHello empty;
  empty.extensions = {{0x0010, {}}};
  EXPECT_EQ(head_of(empty).substr(8), "00");
}

TEST(Ja4, CountsStopAtNinetyNine) {
  TestClientHello test;
  Builder suites;
  for (unsigned i = 0; i < 150; ++i) suites.u16(0x1000 + i);
  test.suites = suites;
  for (unsigned i = 0; i < 120; ++i) test.extensions.push_back({0x2000 + i, {}});
  EXPECT_EQ(head_of(test), "t12i999900");
}

TEST(Ja4, TakesTheLargestHelloThereCanBe) {
  TestClientHello test;
  Builder suites;
  for (unsigned i = 0; i < 32767; ++i) suites.u16(0x7fff - i);
  test.suites = suites;
  EXPECT_EQ(head_of(test), "t12i990000");
  TestClientHello types;
  types.suites = values16({1});
  for (unsigned i = 0; i < 16383; ++i) types.extensions.push_back({0x8000 - i, {}});
  EXPECT_EQ(head_of(types), "t12i019900");
}

// The largest lists sort to the same result as the standard library's.
TEST(Ja4, SortsLongListsToo) {
  TestClientHello test;
  Builder suites;
  for (unsigned i = 0; i < 1000; ++i) suites.u16((i * 7919) % 30000);
  test.suites = suites;
  std::string raw = ja4_of(test, Ja4Form::ja4_r);
  std::string list = raw.substr(11, raw.find('_', 11) - 11);
  EXPECT_EQ(
      list.size(),
      5u * 1000 - 1 -
          5 * static_cast<size_t>(std::count_if(
                  U16List(suites.bytes()).begin(), U16List(suites.bytes()).end(), [](uint16_t v) {
                    return v == 0x0a0a || v == 0x1a1a || v == 0x2a2a || v == 0x3a3a ||
                           v == 0x4a4a || v == 0x5a5a || v == 0x6a6a;
                  })));
  for (size_t at = 5; at + 4 <= list.size(); at += 5)
    ASSERT_LE(list.substr(at - 5, 4), list.substr(at, 4));
}

TEST(Ja4, WithoutRoomWritesNothing) {
  Buffer body = described_hello().body();
  ClientHello hello;
  ASSERT_EQ(
      parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::tls, hello),
      Reason::ok);
  for (Ja4Form form : {Ja4Form::ja4, Ja4Form::ja4_r, Ja4Form::ja4_o, Ja4Form::ja4_ro}) {
    size_t full =
        written([&](Text& out) { return write_ja4(hello, form, workspace(), out); }).size();
    for (size_t room = 0; room < full; ++room)
      ASSERT_EQ(written([&](Text& out) { return write_ja4(hello, form, workspace(), out); }, room),
                "<too-long>")
          << room;
  }
}

}  // namespace
}  // namespace handprint::test
