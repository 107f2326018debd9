// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/ja3.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

struct Strings {
  std::string string, hash;
};

Strings ja3_of(const TestClientHello& test) {
  Buffer body = test.body();
  ClientHello hello;
  EXPECT_EQ(
      parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::tls, hello),
      Reason::ok);
  return {written([&](Text& out) { return write_ja3_string(hello, out); }),
          written([&](Text& out) { return write_ja3(hello, workspace(), out); })};
}

Buffer suites(std::initializer_list<unsigned> values) { return values16(values); }

// The two examples that Salesforce published with the method.
TEST(Ja3, PublishedExampleWithExtensions) {
  TestClientHello test;
  test.version = 769;
  test.suites = suites({47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4});
  test.extensions = {{0, server_name("x.example")}, {10, list16({23, 24, 25})}, {11, hex("01 00")}};
  Strings ja3 = ja3_of(test);
  EXPECT_EQ(ja3.string, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
  EXPECT_EQ(ja3.hash, "ada70206e40642a3e4461f35503241d5");
}

TEST(Ja3, PublishedExampleWithoutExtensions) {
  TestClientHello test;
  test.version = 769;
  test.suites = suites({4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99});
  test.with_extensions = false;
  Strings ja3 = ja3_of(test);
  EXPECT_EQ(ja3.string, "769,4-5-10-9-100-98-3-6-19-18-99,,,");
  EXPECT_EQ(ja3.hash, "de350869b8c85de67a350c8d186f11e6");
}

TEST(Ja3, LeavesGreaseOutOfSuitesExtensionsAndGroups) {
  EXPECT_EQ(ja3_of(browser_hello()).string,
            "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
            "0-23-65281-10-11-35-16-5-13-18-51-45-43-27-17613-65037,4588-29-23-24,0");
}

TEST(Ja3, IsTheSameWhateverGreaseWasDrawn) {
  Strings before = ja3_of(browser_hello());
  TestClientHello other = browser_hello();
  other.suites[0] = other.suites[1] = 0xfa;
  other.extensions.front().type = 0x0a0a;
  EXPECT_EQ(ja3_of(other).hash, before.hash);
}

TEST(Ja3, TakesTheVersionFieldAndNotSupportedVersions) {
  EXPECT_EQ(ja3_of(browser_hello()).string.substr(0, 4), "771,");
}

TEST(Ja3, CountsRepeatedExtensionsEachTime) {
  TestClientHello test;
  test.suites = suites({1});
  test.extensions = {{0x0015, {}}, {0x0015, {}}};
  EXPECT_EQ(ja3_of(test).string, "771,1,21-21,,");
}

TEST(Ja3, WithoutRoomWritesNothing) {
  Buffer body = browser_hello().body();
  ClientHello hello;
  ASSERT_EQ(
      parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::tls, hello),
      Reason::ok);
  size_t full = written([&](Text& out) { return write_ja3_string(hello, out); }).size();
  for (size_t room = 0; room < full; ++room)
    ASSERT_EQ(written([&](Text& out) { return write_ja3_string(hello, out); }, room), "<too-long>")
        << room;
  EXPECT_EQ(written([&](Text& out) { return write_ja3(hello, workspace(), out); }, 31),
            "<too-long>");
  EXPECT_EQ(written([&](Text& out) { return write_ja3(hello, workspace(), out); }, 32).size(), 32u);
}

}  // namespace
}  // namespace handprint::test
