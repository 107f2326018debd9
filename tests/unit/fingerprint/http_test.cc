// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "builder.h"
#include "fingerprint/http_request.h"
#include "fingerprint/http_response.h"
#include "fingerprint/mercury_http.h"

namespace handprint::test {
namespace {

std::string in_hex(std::string_view text) {
  return written([&](Text& out) {
    out.hex(text);
    return Reason::ok;
  });
}
std::string leaf(std::string_view text) { return "(" + in_hex(text) + ")"; }

constexpr std::string_view request_text =
    "GET /index.html?q=1 HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: curl/8.5.0\r\n"
    "aCCept: */*\r\n"
    "Content-Type: text/plain\r\n"
    "content-type: text/html\r\n"
    "X-Forwarded-For:  192.0.2.9 \r\n"
    "\r\n";

TEST(HttpRequest, GivesTheFactsInTheSpellingOfTheWire) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes(request_text), request), Reason::ok);
  EXPECT_TRUE(request.complete);
  EXPECT_EQ(request.length, request_text.size());
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.uri, "/index.html?q=1");
  EXPECT_EQ(request.version, "HTTP/1.1");
  EXPECT_EQ(request.host(), "www.example.org");
  EXPECT_EQ(request.user_agent(), "curl/8.5.0");
  EXPECT_EQ(request.headers.size(), 6u);
  EXPECT_EQ(request.headers[2].name, "aCCept");
  EXPECT_EQ(request.headers.value("x-forwarded-for"), "192.0.2.9")
      << "blanks around a value are not part of it";
  EXPECT_EQ(request.headers.find("cookie"), nullptr);
}

// pmercury's packaged configuration: which fields stand with their values.
TEST(PmercuryHttp, EveryFieldStandsSomeWithTheirValues) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes(request_text), request), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); }),
            leaf("GET") + leaf("HTTP/1.1") + leaf("Host") + leaf("User-Agent") +
                leaf("aCCept: */*") + leaf("Content-Type") + leaf("content-type: text/html") +
                leaf("X-Forwarded-For"))
      << "Accept in any case, content-type only in lower case";
}

TEST(MercuryHttp, OnlyListedFieldsStandSomeWithTheirValues) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes(request_text), request), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_mercury_http(request, out); }),
            leaf("GET") + leaf("HTTP/1.1") + "(" + leaf("Host") + leaf("User-Agent") + leaf("aCCept: */*") + ")");
  EXPECT_EQ(written([&](Text& out) { return write_mercury_http(request, out); }, 20), "<too-long>");
  parse_http_request(as_bytes(request_text.substr(0, request_text.size() - 2)), request);
  EXPECT_EQ(written([&](Text& out) { return write_mercury_http(request, out); }), "<no-fingerprint>");
  HttpResponse response;
  ASSERT_EQ(parse_http_response(as_bytes("HTTP/1.1 404 Not Found\r\nServer: nginx\r\nDate: today\r\n"
                                         "X-Own: 1\r\n\r\n"),
                                response),
            Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_mercury_http_server(response, out); }),
            leaf("HTTP/1.1") + leaf("404") + leaf("Not Found") + "(" + leaf("Server: nginx") + leaf("Date") + ")");
}

TEST(PmercuryHttp, EveryMethodHasAString) {
  for (std::string_view method : {"POST", "HEAD", "OPTIONS", "PROPFIND", "M-SEARCH", "BREW"}) {
    std::string text = std::string(method) + " * HTTP/1.0\r\nDNT: 1\r\n\r\n";
    HttpRequest request;
    ASSERT_EQ(parse_http_request(as_bytes(text), request), Reason::ok) << method;
    EXPECT_EQ(written([&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); }),
              leaf(method) + leaf("HTTP/1.0") + leaf("DNT: 1"));
  }
}

TEST(HttpRequest, LinesMayEndWithALineFeedAlone) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes("GET / HTTP/1.0\nHost: a\nAccept: b\r\n\nbody"), request),
            Reason::ok);
  EXPECT_EQ(request.headers.size(), 2u);
  EXPECT_EQ(request.host(), "a");
  EXPECT_EQ(request.length, 35u) << "the body is not part of the head";
}

// RFC 9112 section 5.2.
TEST(HttpRequest, AFoldedValueIsOneField) {
  HttpRequest request;
  ASSERT_EQ(
      parse_http_request(
          as_bytes("GET / HTTP/1.1\r\nX-Long: one\r\n two\r\n\tthree\r\nHost: h\r\n\r\n"), request),
      Reason::ok);
  ASSERT_EQ(request.headers.size(), 2u);
  EXPECT_EQ(request.headers[0].value, "one\r\n two\r\n\tthree");
  EXPECT_EQ(request.headers[0].line, "X-Long: one\r\n two\r\n\tthree");
  EXPECT_EQ(request.host(), "h");
}

TEST(HttpRequest, EmptyLinesMayStandBeforeIt) {
  HttpRequest request;
  EXPECT_EQ(parse_http_request(as_bytes("\r\nGET / HTTP/1.1\r\n\r\n"), request), Reason::ok);
  EXPECT_EQ(request.method, "GET");
}

TEST(HttpRequest, AUriMayHoldBlanks) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes("GET /a b c HTTP/1.1\r\n\r\n"), request), Reason::ok);
  EXPECT_EQ(request.uri, "/a b c");
}

TEST(HttpRequest, CutAnywhereNeedsMoreAndHasNoString) {
  for (size_t n = 0; n < request_text.size(); ++n) {
    Buffer cut = Builder().text(request_text.substr(0, n));
    HttpRequest request;
    ASSERT_EQ(parse_http_request(cut, request), Reason::need_more) << n;
    ASSERT_EQ(written([&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); }),
              "<no-fingerprint>")
        << n;
    written([&](Text& out) { return write_pmercury_http(request, Cut::accept, out); });
  }
}

TEST(PmercuryHttp, AnAcceptedCutEndsInTheUnfinishedLine) {
  auto cut = [](std::string_view text) {
    HttpRequest request;
    EXPECT_EQ(parse_http_request(as_bytes(text), request), Reason::need_more);
    return written([&](Text& out) { return write_pmercury_http(request, Cut::accept, out); });
  };
  std::string head = leaf("GET") + leaf("HTTP/1.1") + leaf("Host");
  EXPECT_EQ(cut("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r"),
            head + leaf("Connection: keep-alive\r"));
  EXPECT_EQ(cut("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: cur"), head + leaf("User-Agent"));
  EXPECT_EQ(cut("GET / HTTP/1.1\r\nHost: a\r\n"), head);
  EXPECT_EQ(cut("GET / HTTP/1.1\r\nHost: a\r\n\r"), head);
}

TEST(HttpRequest, OtherProtocolsAreRefusedAtOnce) {
  for (std::string_view text :
       {"SSH-2.0-OpenSSH", "\x16\x03\x01", "get / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OPTIONS rtsp://x RTSP/1.0\r\n",
        "REGISTER sip:a SIP/2.0\r\n", "GET /\r\n", "EHLO mail.example\r\n",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    HttpRequest request;
    EXPECT_EQ(parse_http_request(as_bytes(text), request), Reason::not_this_protocol) << text;
  }
}

TEST(HttpRequest, RefusesLinesThatAreNoFields) {
  HttpRequest request;
  EXPECT_EQ(parse_http_request(as_bytes("GET / HTTP/1.1\r\nno colon here\r\n\r\n"), request),
            Reason::malformed_http);
  EXPECT_EQ(parse_http_request(as_bytes("GET / HTTP/1.1\r\n: no name\r\n\r\n"), request),
            Reason::malformed_http);
  EXPECT_EQ(parse_http_request(as_bytes("GET / HTTP/1.1\r\nA\x01"
                                        "b: c\r\n\r\n"),
                               request),
            Reason::malformed_http);
  EXPECT_EQ(parse_http_request(as_bytes("GET / HTTP/1.1\r\n folded first\r\n\r\n"), request),
            Reason::malformed_http);
  EXPECT_FALSE(request.complete);
}

TEST(HttpRequest, IsBounded) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (size_t i = 0; i < max_http_headers; ++i) text += "A: b\r\n";
  HttpRequest request;
  EXPECT_EQ(parse_http_request(as_bytes(text + "\r\n"), request), Reason::ok);
  EXPECT_EQ(parse_http_request(as_bytes(text + "A: b\r\n\r\n"), request), Reason::too_many_headers);
  std::string endless = "GET /" + std::string(70000, 'a');
  EXPECT_EQ(parse_http_request(as_bytes(endless), request), Reason::too_long);
}

TEST(HttpRequest, CanBeUsedAgain) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes(request_text), request), Reason::ok);
  ASSERT_EQ(parse_http_request(as_bytes("POST /x HTTP/1.1\r\n\r\n"), request), Reason::ok);
  EXPECT_TRUE(request.headers.empty());
  EXPECT_EQ(parse_http_request(as_bytes("SSH-2.0"), request), Reason::not_this_protocol);
  EXPECT_TRUE(request.method.empty());
}

constexpr std::string_view response_text =
    "HTTP/1.1 404 Not Found\r\nServer: nginx/1.22\r\nDate: Mon, 01 Jan 2024 00:00:00 "
    "GMT\r\n\r\n<html>";

TEST(HttpResponse, GivesTheFacts) {
  HttpResponse response;
  ASSERT_EQ(parse_http_response(as_bytes(response_text), response), Reason::ok);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.code, "404");
  EXPECT_EQ(response.reason, "Not Found");
  EXPECT_EQ(response.version, "HTTP/1.1");
  EXPECT_EQ(response.server(), "nginx/1.22");
  EXPECT_EQ(response.length, response_text.size() - 6);
}

TEST(PmercuryHttp, AResponseHasEveryFieldWithItsValue) {
  HttpResponse response;
  ASSERT_EQ(parse_http_response(as_bytes(response_text), response), Reason::ok);
  EXPECT_EQ(
      written([&](Text& out) { return write_pmercury_http_server(response, Cut::refuse, out); }),
      leaf("HTTP/1.1") + leaf("404") + leaf("Not Found") + leaf("Server: nginx/1.22") +
          leaf("Date: Mon, 01 Jan 2024 00:00:00 GMT"));
}

TEST(HttpResponse, MayLackAReason) {
  HttpResponse response;
  ASSERT_EQ(parse_http_response(as_bytes("HTTP/1.1 200\r\n\r\n"), response), Reason::ok);
  EXPECT_EQ(response.reason, "");
  ASSERT_EQ(parse_http_response(as_bytes("HTTP/1.0 200 \r\n\r\n"), response), Reason::ok);
  EXPECT_EQ(response.reason, "");
}

TEST(HttpResponse, CutAnywhereNeedsMoreAndHasNoString) {
  size_t head = response_text.size() - 6;
  for (size_t n = 0; n < head; ++n) {
    Buffer cut = Builder().text(response_text.substr(0, n));
    HttpResponse response;
    ASSERT_EQ(parse_http_response(cut, response), Reason::need_more) << n;
    ASSERT_EQ(
        written([&](Text& out) { return write_pmercury_http_server(response, Cut::refuse, out); }),
        "<no-fingerprint>")
        << n;
  }
}

TEST(HttpResponse, OtherProtocolsAreRefusedAtOnce) {
  for (std::string_view text :
       {"SSH-2.0", "HTTP/2 200\r\n", "HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000\r\n",
        "RTSP/1.0 200 OK\r\n", "HTTPS"}) {
    HttpResponse response;
    EXPECT_EQ(parse_http_response(as_bytes(text), response), Reason::not_this_protocol) << text;
  }
}

TEST(PmercuryHttp, WithoutRoomWritesNothing) {
  HttpRequest request;
  ASSERT_EQ(parse_http_request(as_bytes(request_text), request), Reason::ok);
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); }, 50),
            "<too-long>");
}

}  // namespace
}  // namespace handprint::test
