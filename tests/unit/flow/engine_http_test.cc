// SPDX-License-Identifier: Apache-2.0
// HTTP/1: one document a request with its response, as many as a connection carries.
#include "fixture.h"

namespace handprint::test {
namespace {

class Http : public EngineTest {
 protected:
  Conversation opened(uint16_t port = 40000) {
    Conversation c;
    c.client_port = port;
    c.server_port = 80;
    open(c);
    return c;
  }
};

constexpr uint16_t by_content = HP_PACKET_NO_WINDOW;

TEST_F(Http, ARequestAndItsResponseGiveADocument) {
  Conversation c = opened();
  client_says(c, request("/index.html", "Referer: http://before.example.org/\r\n"));
  EXPECT_EQ(count(), 0u);
  server_says(c, response());
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  ASSERT_NE(d.http_request, nullptr);
  EXPECT_EQ(d.http_request->method, "GET");
  EXPECT_EQ(d.http_request->uri, "/index.html");
  EXPECT_EQ(d.http_request->version, "HTTP/1.1");
  EXPECT_EQ(d.http_request->host, "www.example.org");
  EXPECT_EQ(d.http_request->user_agent, "test/1");
  EXPECT_EQ(d.http_request->referrer, "http://before.example.org/");
  ASSERT_EQ(d.http_request->headers.size(), 3u);
  EXPECT_EQ(d.http_request->headers[1].name, "User-Agent");
  EXPECT_EQ(d.http_request->headers[1].value, "test/1");
  ASSERT_NE(d.http_response, nullptr);
  EXPECT_EQ(d.http_response->status, 200);
  EXPECT_EQ(d.http_response->reason, "Fine");
  EXPECT_EQ(d.http_response->server, "tested");
  EXPECT_EQ(protocols(d), "HTTP/1");
  EXPECT_EQ(count(d, Kind::http), 1);
  EXPECT_EQ(count(d, Kind::http_server), 1);
  EXPECT_EQ(incomplete(d), "");
  finish();
  expect_all_written();
}

TEST_F(Http, HeadersMayBeSplitAfterAnyByte) {
  const Buffer asks = request(), answers = response();
  for (std::size_t cut = 1; cut < asks.size(); ++cut) {
    Conversation c = opened(static_cast<uint16_t>(2000 + cut));
    client_says(c, prefix(asks, cut));
    client_says(c, Buffer(asks.begin() + static_cast<std::ptrdiff_t>(cut), asks.end()));
    server_says(c, answers);
    ASSERT_EQ(count(), 1u) << cut;
    ASSERT_NE(document().http_request, nullptr) << cut;
    ASSERT_EQ(document().http_request->host, "www.example.org") << cut;
    collector.documents.clear();
  }
  for (std::size_t cut = 1; cut < answers.size(); ++cut) {
    Conversation c = opened(static_cast<uint16_t>(4000 + cut));
    client_says(c, asks);
    server_says(c, prefix(answers, cut));
    server_says(c, Buffer(answers.begin() + static_cast<std::ptrdiff_t>(cut), answers.end()));
    ASSERT_EQ(count(), 1u) << cut;
    ASSERT_EQ(document().http_response->status, 200) << cut;
    collector.documents.clear();
  }
}

TEST_F(Http, KeptAliveConnectionsGiveAPartForEachRequest) {
  Conversation c = opened();
  client_says(c, request("/1"));
  server_says(c, response(200));
  for (int i = 2; i <= 5; ++i) {
    // Bodies in between were not copied.
    c.client_sent += 100;
    c.server_sent += 70000;
    client_says(c, request("/" + std::to_string(i)), HP_CONTENT_HTTP_REQUEST, {}, by_content);
    server_says(c, response(200 + i), HP_CONTENT_HTTP_RESPONSE, {}, by_content);
  }
  finish();
  ASSERT_EQ(count(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    const Document& d = document(i);
    EXPECT_EQ(d.part, i + 1);
    EXPECT_EQ(d.id, document(0).id);
    EXPECT_EQ(d.first, document(0).first);
    ASSERT_NE(d.http_request, nullptr) << i;
    EXPECT_EQ(d.http_request->uri, "/" + std::to_string(i + 1));
    ASSERT_NE(d.http_response, nullptr) << i;
    EXPECT_EQ(count(d, Kind::tcp), i == 0 ? 1 : 0);
    EXPECT_EQ(d.protocols.empty(), i != 0);
    EXPECT_EQ(d.observed.empty(), i != 0);
  }
  expect_all_written();
}

TEST_F(Http, PipelinedRequestsKeepTheirResponses) {
  Conversation c = opened();
  client_says(c, request("/1") + request("/2") + request("/3"));
  server_says(c, response(201) + response(202) + response(203));
  finish();
  ASSERT_EQ(count(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(document(i).http_request->uri, "/" + std::to_string(i + 1));
    EXPECT_EQ(document(i).http_response->status, 201 + i);
  }
}

TEST_F(Http, ManyUnansweredRequestsAreBounded) {
  Conversation c = opened();
  for (int i = 0; i < 40; ++i) client_says(c, request("/" + std::to_string(i)));
  EXPECT_GE(count(), 30u);
  finish();
  ASSERT_EQ(count(), 40u);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(document(i).part, i + 1);
    ASSERT_NE(document(i).http_request, nullptr);
    EXPECT_EQ(document(i).http_request->uri, "/" + std::to_string(i));
  }
}

TEST_F(Http, AnInterimResponseIsNotTheAnswer) {
  Conversation c = opened();
  client_says(c, request("/", "Expect: 100-continue\r\n"));
  server_says(c, text_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_EQ(count(), 0u);
  server_says(c, response(204), HP_CONTENT_HTTP_RESPONSE, {}, by_content);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().http_response->status, 204);
  EXPECT_EQ(count(document(), Kind::http_server), 2);
}

TEST_F(Http, AnUpgradeNamesWhatFollows) {
  Conversation c = opened();
  client_says(c, request("/chat", "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  server_says(c, response(101, "Upgrade: websocket\r\n"));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "HTTP/1 WebSocket");
}

TEST_F(Http, ARequestWithoutAnswerIsWrittenAfterTheTimeOut) {
  Conversation c = opened();
  client_says(c, request());
  wait(4 * second);
  EXPECT_EQ(count(), 0u);
  wait(2 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().http_response, nullptr);
  EXPECT_EQ(incomplete(document()), "");  // nothing was cut: the answer was not seen
  server_says(c, response(503));
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(document(1).http_response->status, 503);
  EXPECT_EQ(document(1).http_request, nullptr);
}

TEST_F(Http, HeadersThatStopAreIncomplete) {
  Conversation c = opened();
  client_says(c, text_bytes("GET / HTTP/1.1\r\nHost: www.exam"));
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(incomplete(document()), "http.request:stream-end");
  EXPECT_EQ(count(document(), Kind::http), 0);
}

TEST_F(Http, ALaterRequestDoesNotWaitForOneThatWasCut) {
  Conversation c = opened();
  client_says(c, text_bytes("GET /cut HTTP/1.1\r\nHost: www.exam"));
  c.client_sent += 5000;
  client_says(c, request("/whole"), HP_CONTENT_HTTP_REQUEST, {}, by_content);
  server_says(c, response());
  finish();
  ASSERT_GE(count(), 1u);
  EXPECT_EQ(document().http_request->uri, "/whole");
}

TEST_F(Http, ALimitOfMessagesHolds) {
  options.http_messages = 2;
  Conversation c = opened();
  for (int i = 0; i < 5; ++i) {
    client_says(c, request("/" + std::to_string(i)));
    server_says(c, response());
  }
  finish();
  EXPECT_EQ(count(), 2u);
}

TEST_F(Http, AResponseAloneTellsTheServer) {
  Conversation c;
  c.client_port = 79;
  c.server_port = 8080;
  server_says(c, response(), HP_CONTENT_HTTP_RESPONSE, {}, by_content);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.port, 79);
  EXPECT_TRUE(document().client_certain);
}

TEST_F(Http, AHeaderBlockOfEightKilobytesHasItsString) {
  Conversation c = opened();
  client_says(c, request("/", "Accept: " + std::string(7500, 'x') + "\r\n"));
  server_says(c, response());
  ASSERT_EQ(count(), 1u);
  EXPECT_GT(text(document(), Kind::http).size(), 15000u);
  EXPECT_GT(footprint(document()), 16u * 1024);
}

TEST_F(Http, ATlsServerThatAnswersInClearTextIsAnAnswer) {
  Conversation c;
  open(c);
  client_says(c, client_hello());
  server_says(c, response(400));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "TLS HTTP/1");
  EXPECT_EQ(document().http_response->status, 400);
}

}  // namespace
}  // namespace handprint::test
