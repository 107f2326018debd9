// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/http_header.h"

#include <cstring>

#include "fingerprint/http_header_parser.h"

namespace handprint {
namespace {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\r' || text.front() == '\n'))
    text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

const HttpHeader* HttpHeaders::find(std::string_view name) const {
  for (const HttpHeader& header : *this)
    if (equal_ignoring_case(header.name, name)) return &header;
  return nullptr;
}

std::string_view HttpHeaders::value(std::string_view name) const {
  const HttpHeader* header = find(name);
  return header == nullptr ? std::string_view{} : header->value;
}

bool HttpHeaderParser::line(std::string_view text, size_t& at, std::string_view& out) {
  if (at >= text.size()) return false;
  const void* end = std::memchr(text.data() + at, '\n', text.size() - at);
  if (end == nullptr) return false;
  size_t newline = static_cast<size_t>(static_cast<const char*>(end) - text.data());
  size_t length = newline - at;
  if (length != 0 && text[newline - 1] == '\r') --length;
  out = text.substr(at, length);
  at = newline + 1;
  return true;
}

bool HttpHeaderParser::field_name(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text)
    if (c < ' ' || c > '~') return false;
  return true;
}

void HttpHeaderParser::clear(HttpHeaders& headers) { headers.count_ = 0; }

Reason HttpHeaderParser::fields(std::string_view text, size_t& at, HttpHeaders& out) {
  for (;;) {
    if (at >= text.size()) return Reason::need_more;
    std::string_view field;
    size_t behind = at;
    if (!line(text, behind, field)) return Reason::need_more;
    if (field.empty()) {
      at = behind;
      return Reason::ok;
    }
    if (is_blank(field.front())) {  // obs-fold: the value of the field before goes on
      if (out.count_ == 0) return Reason::malformed_http;
      HttpHeader& previous = out.fields_[out.count_ - 1];
      previous.line =
          std::string_view(previous.line.data(),
                           static_cast<size_t>(field.data() + field.size() - previous.line.data()));
      previous.value = trim(previous.line.substr(previous.name.size() + 1));
      at = behind;
      continue;
    }
    size_t colon = field.find(':');
    if (colon == std::string_view::npos || !field_name(field.substr(0, colon)))
      return Reason::malformed_http;
    if (out.count_ == max_http_headers) return Reason::too_many_headers;
    out.fields_[out.count_++] = {field, field.substr(0, colon), trim(field.substr(colon + 1))};
    at = behind;
  }
}

}  // namespace handprint
