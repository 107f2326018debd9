// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "record/utf8.h"
#include "tests/unit/record/sample_document.h"

namespace handprint {
namespace {

struct LineWriter : ::testing::Test {
  SampleDocument sample;
  void SetUp() override {
    setenv("TZ", "CET-1", 1);
    tzset();
  }
  void TearDown() override {
    unsetenv("TZ");
    tzset();
  }
  std::string safe(std::string_view text) {
    std::string out;
    write_terminal_text(text, out);
    return out;
  }
};

TEST_F(LineWriter, TellsWhoTalksToWhomAndHow) {
  EXPECT_EQ(sample.line(),
            "03:15:23.456  curl[31337]           10.170.244.1:11790 -> 10.170.244.2:443  test.example  "
            "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6  TLS\n");
}

TEST_F(LineWriter, NamesBothEndsWhereBothAreLocal) {
  Ownership& server = sample.document.server.ownership;
  server.local = true;
  server.owner.pid = 80;
  std::memcpy(server.owner.comm, "nginx", 6);
  EXPECT_NE(sample.line().find("curl[31337]           10.170.244.1:11790 -> 10.170.244.2:443 nginx[80]  "),
            std::string::npos)
      << sample.line();
}

TEST_F(LineWriter, HasNoProcessColumnForFiles) {
  sample.from_file();
  EXPECT_TRUE(sample.line().starts_with("01:02:03.456  10.170.244.1:11790 -> ")) << sample.line();
}

TEST_F(LineWriter, SaysUnknownOfALocalSocketWithoutOwner) {
  sample.document.client.ownership = Ownership();
  sample.document.client.ownership.local = true;
  EXPECT_NE(sample.line().find("  unknown "), std::string::npos);
}

TEST_F(LineWriter, ShowsRequestsAnswersAndWhatIsMissing) {
  HttpRequestFacts request;
  request.method = "GET", request.uri = "/index.html", request.host = "shop.example";
  HttpResponseFacts response;
  response.status = 404;
  const std::array<IncompleteFact, 1> missing{{{"http.response", Reason::truncated}}};
  Document& d = sample.document;
  d.tls_client = nullptr;
  d.observations = {};
  d.http_request = &request;
  d.http_response = &response;
  d.incomplete = missing;
  d.part = 2;
  d.client.address = parse_address("2001:db8::1");
  const std::string line = sample.line();
  EXPECT_NE(line.find("[2001:db8::1]:11790 -> "), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with("  shop.example  GET /index.html  404  TLS  part 2  "
                             "incomplete: http.response truncated\n"))
      << line;
}

TEST_F(LineWriter, ColoursOnlyWhenAsked) {
  EXPECT_EQ(sample.line(false).find('\x1b'), std::string::npos);
  EXPECT_NE(sample.line(true).find("\x1b[1;32mcurl[31337]\x1b[0m"), std::string::npos);
}

TEST_F(LineWriter, CutsToTheWidthInColumnsAndClosesColours) {
  const std::string line = sample.line(false, 40);
  EXPECT_TRUE(line.ends_with("…\n")) << line;
  size_t columns = 0;
  for (std::string_view rest = line; rest != "\n"; ++columns) rest.remove_prefix(utf8_front(rest).length);
  EXPECT_EQ(columns, 40u);
  const std::string painted = sample.line(true, 20);
  EXPECT_GT(painted.rfind("\x1b[0m"), painted.rfind("\x1b[1;32m"));
}

TEST_F(LineWriter, NeverGivesHostileBytesToATerminal) {
  EXPECT_EQ(safe("plain grüße"), "plain grüße");
  EXPECT_EQ(safe("\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
  EXPECT_EQ(safe("\xc2\x9b" "2J"), "\\xc2\\x9b2J") << "C1 control sequence introducer";
  EXPECT_EQ(safe("\xff"), "\\xff");
  EXPECT_EQ(safe("a\\x1b"), "a\\\\x1b") << "a backslash of the input is not one of ours";
  EXPECT_EQ(safe("\xe2\x80\xae" "gpj.exe"), "\\xe2\\x80\\xaegpj.exe") << "right-to-left override";
  sample.client_hello.server_name = "evil\x1b[2J\n.example";
  sample.process->name = "\x1b[1mname";
  const std::string line = sample.line();
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace handprint
