// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/mercury_http.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace handprint {
namespace {

using std::string_view;

constexpr auto request_values = std::to_array<string_view>(
    {"accept", "accept-encoding", "connection", "dnt", "dpr", "upgrade-insecure-requests", "x-requested-with"});
constexpr auto request_names = std::to_array<string_view>(
    {"accept-charset", "accept-language", "authorization", "cache-control", "host", "if-modified-since",
     "keep-alive", "user-agent", "x-flash-version", "x-p2p-peerdist"});
constexpr auto response_values = std::to_array<string_view>(
    {"access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
     "access-control-expose-headers", "cache-control", "code", "connection", "content-language",
     "content-transfer-encoding", "p3p", "pragma", "reason", "server", "strict-transport-security", "version",
     "x-aspnetmvc-version", "x-aspnet-version", "x-cid", "x-ms-version", "x-xss-protection"});
constexpr auto response_names = std::to_array<string_view>(
    {"appex-activity-id", "cdnuuid", "cf-ray", "content-range", "content-type", "date", "etag", "expires",
     "flow_context", "ms-cv", "msregion", "ms-requestid", "request-id", "vary", "x-amz-cf-pop",
     "x-amz-request-id", "x-azure-ref-originshield", "x-cache", "x-cache-hits", "x-ccc", "x-diagnostic-s",
     "x-feserver", "x-hw", "x-msedge-ref", "x-ocsp-responder-id", "x-requestid", "x-served-by", "x-timer",
     "x-trace-context"});

template <class List>
bool holds(const List& list, string_view name) {
  return std::ranges::any_of(list, [&](string_view each) { return equal_ignoring_case(name, each); });
}

void write_leaf(string_view text, Text& out) {
  out.put('(');
  out.hex(text);
  out.put(')');
}

template <class Values, class Names>
void write_headers(const HttpHeaders& headers, const Values& values, const Names& names, Text& out) {
  out.put('(');
  for (const HttpHeader& header : headers) {
    if (holds(values, header.name))
      write_leaf(header.line, out);
    else if (holds(names, header.name))
      write_leaf(header.name, out);
  }
  out.put(')');
}

Reason finish(size_t start, Text& out) {
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

}  // namespace

Reason write_mercury_http(const HttpRequest& request, Text& out) {
  if (!request.complete) return Reason::no_fingerprint;
  const size_t start = out.size();
  write_leaf(request.method, out);
  write_leaf(request.version, out);
  write_headers(request.headers, request_values, request_names, out);
  return finish(start, out);
}

Reason write_mercury_http_server(const HttpResponse& response, Text& out) {
  if (!response.complete) return Reason::no_fingerprint;
  const size_t start = out.size();
  write_leaf(response.version, out);
  write_leaf(response.code, out);
  write_leaf(response.reason, out);
  write_headers(response.headers, response_values, response_names, out);
  return finish(start, out);
}

}  // namespace handprint
