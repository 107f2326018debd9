// SPDX-License-Identifier: Apache-2.0
#include "flow/http_message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "fingerprint/mercury_http.h"

namespace handprint {

namespace {

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

template <class Work>
void for_each_unanswered(Exchange& ex, Work&& work) {
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr; at = at->next)
    if (!at->closed && at->http_request != nullptr && at->http_response == nullptr && at->answer != Answer::lost)
      work(*at);
}

// Requests of several streams wait at once: one never joins another's answer.
DocumentBuilder* document_of_request(Exchange& ex) {
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr; at = at->next)
    if (!at->closed && at->http_request == nullptr && at->http_response == nullptr) return at;
  return ex.begin();
}

// The oldest request that may be answered yet has the answer; else it stands alone.
DocumentBuilder* document_of_response(Exchange& ex) {
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr; at = at->next)
    if (!at->closed && at->answer != Answer::lost && at->http_response == nullptr) return at;
  return ex.begin();
}

// An answer belongs to the request of its stream, where that is not written yet.
DocumentBuilder* document_of_stream(uint32_t stream, Exchange& ex) {
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr; at = at->next)
    if (!at->closed && at->http2_stream == stream && at->http_request != nullptr &&
        at->http_response == nullptr)
      return at;
  return ex.begin();
}

std::string_view field(Http2Fields fields, std::string_view name) {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return {};
}

// pmercury's string of decrypted fields: "(name: value)" for each, in hexadecimal.
Reason write_fields(Http2Fields fields, Text& out) {
  for (const auto& [name, value] : fields) {
    out.put('(');
    out.hex(name);
    out.hex(": ");
    out.hex(value);
    out.put(')');
  }
  return out.truncated() ? Reason::too_long : Reason::ok;
}

// The fields that are no pseudo-headers, as lines of the document's own.
std::span<const HttpHeader> copy_fields(Http2Fields fields, Arena& arena) {
  const auto usual = [](const auto& one) { return !one.first.starts_with(':'); };
  const auto count = static_cast<std::size_t>(std::count_if(fields.begin(), fields.end(), usual));
  auto* copy = arena.make<HttpHeader>(count);
  if (copy == nullptr) return {};
  std::size_t kept = 0;
  for (const auto& one : fields) {
    if (!usual(one)) continue;
    const auto& [name, value] = one;
    const std::size_t size = name.size() + 2 + value.size();
    auto* line = static_cast<char*>(arena.allocate(size, 1));
    if (line == nullptr) break;
    std::copy(name.begin(), name.end(), line);
    line[name.size()] = ':';
    line[name.size() + 1] = ' ';
    std::copy(value.begin(), value.end(), line + name.size() + 2);
    copy[kept++] = {{line, size}, {line, name.size()}, {line + name.size() + 2, value.size()}};
  }
  return {copy, kept};
}

}  // namespace

Reason note_http_request(const HttpRequest& request, Bytes block, Carrier carrier, Exchange& ex) {
  // In the clear an answer may have come before its request did; decrypted streams are in order.
  DocumentBuilder* document = carrier == Carrier::clear ? ex.document_without(&Document::http_request)
                                                        : document_of_request(ex);
  if (document == nullptr) return Reason::ok;
  Arena& arena = document->arena;
  auto* facts = arena.make<HttpRequestFacts>();
  Moved moved;
  if (facts == nullptr || !moved.take(block, arena)) return Reason::too_long;
  facts->method = moved(request.method);
  facts->uri = moved(request.uri);
  facts->version = moved(request.version);
  facts->host = moved(request.host());
  facts->user_agent = moved(request.user_agent());
  facts->referrer = moved(request.headers.value("referer"));
  facts->headers = copy_headers(request.headers, moved, arena);
  document->http_request = facts;
  const bool clear = carrier == Carrier::clear;
  document->observe(ex.time, ex.side(), clear ? Kind::http : Kind::tls_decrypt_http, ex.scratch,
                    [&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); });
  if (clear && ex.options.all_strings)
    document->observe(ex.time, ex.side(), Kind::mercury_http, ex.scratch,
                      [&](Text& out) { return write_mercury_http(request, out); });
  return Reason::ok;
}

Reason note_http_response(const HttpResponse& response, Bytes block, Carrier carrier, Exchange& ex) {
  DocumentBuilder* document = document_of_response(ex);
  if (document == nullptr) return Reason::ok;
  const bool clear = carrier == Carrier::clear;
  document->observe(ex.time, ex.side(), clear ? Kind::http_server : Kind::tls_decrypt_http_server, ex.scratch,
                    [&](Text& out) { return write_pmercury_http_server(response, Cut::refuse, out); });
  if (clear && ex.options.all_strings)
    document->observe(ex.time, ex.side(), Kind::mercury_http_server, ex.scratch,
                      [&](Text& out) { return write_mercury_http_server(response, out); });
  // An interim response (RFC 9110, 15.2) announces the one that answers the request.
  document->interim = response.status >= 100 && response.status < 200 && response.status != 101;
  if (document->interim) return Reason::ok;
  Arena& arena = document->arena;
  auto* facts = arena.make<HttpResponseFacts>();
  Moved moved;
  if (facts == nullptr || !moved.take(block, arena)) return Reason::too_long;
  facts->version = moved(response.version);
  facts->reason = moved(response.reason);
  facts->server = moved(response.server());
  facts->status = response.status;
  facts->headers = copy_headers(response.headers, moved, arena);
  document->http_response = facts;
  return Reason::ok;
}

void doubt_answers(Exchange& ex) {
  for_each_unanswered(ex, [](DocumentBuilder& document) { document.answer = Answer::doubtful; });
}

void give_up_answers(Exchange& ex) {
  bool doubted = false;
  for_each_unanswered(ex, [&](DocumentBuilder& document) { doubted |= document.answer == Answer::doubtful; });
  for_each_unanswered(ex, [&](DocumentBuilder& document) {
    if (doubted && document.answer != Answer::doubtful) return;
    document.answer = Answer::lost;
    document.note_incomplete("http.response", Reason::stream_gap);
  });
}

Reason note_http2_request(Http2Fields fields, uint32_t stream, Carrier carrier, Exchange& ex) {
  DocumentBuilder* document = document_of_request(ex);
  if (document == nullptr) return Reason::ok;
  Arena& arena = document->arena;
  auto* facts = arena.make<HttpRequestFacts>();
  if (facts == nullptr) return Reason::too_long;
  document->http2_stream = stream;
  facts->headers = copy_fields(fields, arena);
  facts->method = arena.copy(field(fields, ":method"));
  facts->uri = arena.copy(field(fields, ":path"));
  facts->version = "HTTP/2";
  facts->host = arena.copy(field(fields, ":authority"));
  if (facts->host.empty()) facts->host = arena.copy(field(fields, "host"));
  facts->user_agent = arena.copy(field(fields, "user-agent"));
  facts->referrer = arena.copy(field(fields, "referer"));
  document->http_request = facts;
  if (carrier == Carrier::tls)
    document->observe(ex.time, ex.side(), Kind::tls_decrypt_h2, ex.scratch,
                      [&](Text& out) { return write_fields(fields, out); });
  return Reason::ok;
}

void note_http2_fingerprint(const Http2Fingerprint& fingerprint, Exchange& ex) {
  DocumentBuilder* document = nullptr;
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr; at = at->next)
    if (!at->closed) document = at;
  if (document == nullptr) document = ex.begin();
  if (document == nullptr) return;
  std::array<char, 2048> room;
  Text text(room);
  if (fingerprint.write(text) != Reason::ok) return;
  document->observe(ex.time, ex.side(), Kind::akamai_h2, ex.scratch, [&](Text& out) {
    out.put(text.view());
    return out.truncated() ? Reason::too_long : Reason::ok;
  });
  document->observe(ex.time, ex.side(), Kind::akamai_h2_hash, ex.scratch, [&](Text& out) {
    Md5 digest;
    if (!ex.scratch.workspace.digests.md5(as_bytes(text.view()), digest)) return Reason::digest_unavailable;
    out.hex(digest);
    return out.truncated() ? Reason::too_long : Reason::ok;
  });
}

Reason note_http2_response(Http2Fields fields, uint32_t stream, Carrier carrier, Exchange& ex) {
  DocumentBuilder* document = document_of_stream(stream, ex);
  if (document == nullptr) return Reason::ok;
  const std::string_view code = field(fields, ":status");
  uint16_t status = 0;
  std::from_chars(code.data(), code.data() + code.size(), status);
  if (carrier == Carrier::tls)
    document->observe(ex.time, ex.side(), Kind::tls_decrypt_h2_server, ex.scratch,
                      [&](Text& out) { return write_fields(fields, out); });
  if (status >= 100 && status < 200) return Reason::ok;
  Arena& arena = document->arena;
  auto* facts = arena.make<HttpResponseFacts>();
  if (facts == nullptr) return Reason::too_long;
  document->http2_stream = stream;
  facts->headers = copy_fields(fields, arena);
  facts->version = "HTTP/2";
  facts->server = arena.copy(field(fields, "server"));
  facts->status = status;
  document->http_response = facts;
  return Reason::ok;
}

}  // namespace handprint
