// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/http_response.h"

#include "fingerprint/http_header_parser.h"

namespace handprint {
namespace {

constexpr std::string_view beginning = "HTTP/1.";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void write_leaf(std::string_view text, Text& out) {
  out.put('(');
  out.hex(text);
  out.put(')');
}

}  // namespace

Reason parse_http_response(Bytes stream, HttpResponse& out) {
  out.complete = false;
  out.length = 0;
  out.version = out.code = out.reason = {};
  out.status = 0;
  out.unfinished = {};
  HttpHeaderParser::clear(out.headers);

  const bool over = stream.size() > max_http_header_bytes;
  std::string_view text = as_text(over ? stream.first(max_http_header_bytes) : stream);
  const Reason ended = over ? Reason::too_long : Reason::need_more;
  if (!text.starts_with(beginning.substr(0, text.size()))) return Reason::not_this_protocol;

  size_t at = 0;
  std::string_view line;
  if (!HttpHeaderParser::line(text, at, line)) return ended;
  // "HTTP/1.1 200 OK"; the reason, and the blank in front of it, may be missing.
  if (line.size() < 12 || !is_digit(line[7]) || line[8] != ' ' || !is_digit(line[9]) ||
      !is_digit(line[10]) || !is_digit(line[11]) || (line.size() > 12 && line[12] != ' '))
    return Reason::not_this_protocol;
  out.version = line.substr(0, 8);
  out.code = line.substr(9, 3);
  out.status =
      static_cast<uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
  if (line.size() > 13) out.reason = line.substr(13);

  Reason reason = HttpHeaderParser::fields(text, at, out.headers);
  out.length = at;
  out.complete = reason == Reason::ok;
  if (reason == Reason::need_more) out.unfinished = text.substr(at);
  return reason == Reason::need_more ? ended : reason;
}

Reason write_pmercury_http_server(const HttpResponse& response, Cut cut, Text& out) {
  if (response.version.empty() || (!response.complete && cut == Cut::refuse))
    return Reason::no_fingerprint;
  size_t start = out.size();
  write_leaf(response.version, out);
  write_leaf(response.code, out);
  write_leaf(response.reason, out);
  for (const HttpHeader& header : response.headers) write_leaf(header.line, out);
  if (!response.unfinished.empty() && response.unfinished != "\r")
    write_leaf(response.unfinished, out);
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

}  // namespace handprint
