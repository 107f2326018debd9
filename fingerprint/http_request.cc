// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/http_request.h"

#include <algorithm>

#include "fingerprint/http_header_parser.h"

namespace handprint {
namespace {

// Longest method of the IANA registry: UPDATEREDIRECTREF, BASELINE-CONTROL. Others exist.
constexpr size_t max_method = 32;

bool is_method_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_http1_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/1.") && text[7] >= '0' && text[7] <= '9';
}

// Could these bytes still become a request line? Judged early, so that nobody waits for the end of
// a line that is none.
bool may_become_request(std::string_view text) {
  size_t space = 0;
  while (space < text.size() && is_method_character(text[space])) ++space;
  if (space > max_method) return false;
  if (space == text.size()) return true;
  return space != 0 && text[space] == ' ' && text[0] >= 'A' && text[0] <= 'Z';
}

// pmercury's packaged lists: these fields stand with their values.
constexpr std::string_view with_value_any_case[] = {"accept",
                                                    "accept-encoding",
                                                    "accept-language",
                                                    "cache-control",
                                                    "connection",
                                                    "content-length",
                                                    "dnt",
                                                    "dpr",
                                                    "intervention",
                                                    "upgrade-insecure-requests",
                                                    "viewport-width",
                                                    "x-requested-with"};
constexpr std::string_view with_value_this_case[] = {"content-type", "origin"};

bool stands_with_value(std::string_view name) {
  return std::ranges::any_of(
             with_value_any_case,
             [&](std::string_view wanted) { return equal_ignoring_case(name, wanted); }) ||
         std::ranges::find(with_value_this_case, name) != std::end(with_value_this_case);
}

void write_leaf(std::string_view text, Text& out) {
  out.put('(');
  out.hex(text);
  out.put(')');
}

}  // namespace

Reason parse_http_request(Bytes stream, HttpRequest& out) {
  out.complete = false;
  out.length = 0;
  out.method = out.uri = out.version = {};
  out.unfinished = {};
  HttpHeaderParser::clear(out.headers);

  const bool over = stream.size() > max_http_header_bytes;
  std::string_view text = as_text(over ? stream.first(max_http_header_bytes) : stream);
  const Reason ended = over ? Reason::too_long : Reason::need_more;
  size_t at = 0;
  while (at < text.size() && (text[at] == '\r' || text[at] == '\n') && at < 4) ++at;
  if (!may_become_request(text.substr(at))) return Reason::not_this_protocol;

  std::string_view line;
  if (!HttpHeaderParser::line(text, at, line)) return ended;
  size_t method_end = line.find(' ');
  size_t version_start = line.rfind(' ');
  if (method_end == std::string_view::npos || version_start == method_end)
    return Reason::not_this_protocol;
  std::string_view version = line.substr(version_start + 1);
  if (!is_http1_version(version)) return Reason::not_this_protocol;
  out.method = line.substr(0, method_end);
  out.uri = line.substr(method_end + 1, version_start - method_end - 1);
  out.version = version;

  Reason reason = HttpHeaderParser::fields(text, at, out.headers);
  out.length = at;
  out.complete = reason == Reason::ok;
  if (reason == Reason::need_more) out.unfinished = text.substr(at);
  return reason == Reason::need_more ? ended : reason;
}

Reason write_pmercury_http(const HttpRequest& request, Cut cut, Text& out) {
  if (request.method.empty() || (!request.complete && cut == Cut::refuse))
    return Reason::no_fingerprint;
  size_t start = out.size();
  write_leaf(request.method, out);
  write_leaf(request.version, out);
  for (const HttpHeader& header : request.headers)
    write_leaf(stands_with_value(header.name) ? header.line : header.name, out);
  if (!request.unfinished.empty() && request.unfinished != "\r") {
    std::string_view field = request.unfinished.substr(0, request.unfinished.find(':'));
    write_leaf(stands_with_value(field) ? request.unfinished : field, out);
  }
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

}  // namespace handprint
