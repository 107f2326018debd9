// SPDX-License-Identifier: Apache-2.0
// HTTP/1: the header blocks of requests and responses.
#include <string_view>

#include "fingerprint/http_request.h"
#include "fingerprint/http_response.h"
#include "fingerprint/mercury_http.h"
#include "flow/exchange.h"

namespace handprint {

namespace {

using State = Dissected::State;

// The header block moves into the document; views move with it.
class Moved {
 public:
  // False when the arena has no room.
  bool take(Bytes block, Arena& arena) {
    from_ = as_text(block);
    to_ = arena.copy(from_);
    return !to_.empty();
  }
  std::string_view operator()(std::string_view view) const {
    if (view.empty()) return {};
    return to_.substr(static_cast<std::size_t>(view.data() - from_.data()), view.size());
  }

 private:
  std::string_view from_, to_;
};

std::span<const HttpHeader> copy_headers(const HttpHeaders& headers, const Moved& moved,
                                         Arena& arena) {
  auto* copy = arena.make<HttpHeader>(headers.size());
  if (copy == nullptr) return {};
  std::size_t i = 0;
  for (const HttpHeader& header : headers)
    copy[i++] = {moved(header.line), moved(header.name), moved(header.value)};
  return {copy, headers.size()};
}

Dissected broken(Bytes bytes, Reason reason) {
  return {State::broken, static_cast<uint32_t>(bytes.size()), 0, reason};
}

Dissected on_request(Bytes bytes, Exchange& ex) {
  HttpRequest& request = ex.scratch.request;
  const Reason reason = parse_http_request(bytes, request);
  const auto size = static_cast<uint32_t>(bytes.size());
  if (reason == Reason::need_more) return {State::need_more, 0, size + 1, Reason::ok};
  if (reason != Reason::ok) return broken(bytes, reason);

  ex.flow.claim_client(ex.direction);
  ex.flow.add_protocol(Protocol::http1);
  const Dissected done{State::message, static_cast<uint32_t>(request.length), 0, Reason::ok};
  if (ex.options.http_messages != 0 && ex.sender().messages >= ex.options.http_messages)
    return done;
  DocumentBuilder* document = ex.document_without(&Document::http_request);
  if (document == nullptr) return done;
  Arena& arena = document->arena;
  auto* facts = arena.make<HttpRequestFacts>();
  Moved moved;
  if (facts == nullptr || !moved.take(bytes.first(request.length), arena))
    return broken(bytes, Reason::too_long);
  facts->method = moved(request.method);
  facts->uri = moved(request.uri);
  facts->version = moved(request.version);
  facts->host = moved(request.host());
  facts->user_agent = moved(request.user_agent());
  facts->referrer = moved(request.headers.value("referer"));
  facts->headers = copy_headers(request.headers, moved, arena);
  document->http_request = facts;
  document->observe(ex.time, ex.side(), Kind::http, ex.scratch,
                    [&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); });
  if (ex.options.all_strings)
    document->observe(ex.time, ex.side(), Kind::mercury_http, ex.scratch,
                      [&](Text& out) { return write_mercury_http(request, out); });
  return done;
}

Dissected on_response(Bytes bytes, Exchange& ex) {
  HttpResponse& response = ex.scratch.response;
  const Reason reason = parse_http_response(bytes, response);
  const auto size = static_cast<uint32_t>(bytes.size());
  if (reason == Reason::need_more) return {State::need_more, 0, size + 1, Reason::ok};
  if (reason != Reason::ok) return broken(bytes, reason);

  ex.flow.claim_client(ex.direction ^ 1);
  ex.flow.add_protocol(Protocol::http1);
  if (response.status == 101 && is_websocket_upgrade(response.headers.value("upgrade")))
    ex.flow.add_protocol(Protocol::websocket);
  Dissected done{State::message, static_cast<uint32_t>(response.length), 0, Reason::ok};
  // The answer that opens a tunnel (RFC 9110, 9.3.6): what follows is a stream of its own.
  if (ex.flow.asked == StreamPrefix::connect && response.status >= 200) {
    if (response.status < 300) {
      ex.flow.prefixes.add(StreamPrefix::connect);
      done.state = State::prefix;
    }
    ex.flow.asked = StreamPrefix::none;
  }
  if (ex.options.http_messages != 0 && ex.sender().messages >= ex.options.http_messages)
    return done;
  DocumentBuilder* document = ex.document_without(&Document::http_response);
  if (document == nullptr) return done;
  document->observe(ex.time, ex.side(), Kind::http_server, ex.scratch, [&](Text& out) {
    return write_pmercury_http_server(response, Cut::refuse, out);
  });
  if (ex.options.all_strings)
    document->observe(ex.time, ex.side(), Kind::mercury_http_server, ex.scratch,
                      [&](Text& out) { return write_mercury_http_server(response, out); });
  // An interim response (RFC 9110, 15.2) announces the one that answers the request.
  document->interim = response.status >= 100 && response.status < 200 && response.status != 101;
  if (document->interim) return done;
  Arena& arena = document->arena;
  auto* facts = arena.make<HttpResponseFacts>();
  Moved moved;
  if (facts == nullptr || !moved.take(bytes.first(response.length), arena))
    return broken(bytes, Reason::too_long);
  facts->version = moved(response.version);
  facts->reason = moved(response.reason);
  facts->server = moved(response.server());
  facts->status = response.status;
  facts->headers = copy_headers(response.headers, moved, arena);
  document->http_response = facts;
  return done;
}

}  // namespace

Dissected dissect_http(Bytes bytes, uint8_t content, Exchange& ex) {
  return content == HP_CONTENT_HTTP_REQUEST ? on_request(bytes, ex) : on_response(bytes, ex);
}

}  // namespace handprint
