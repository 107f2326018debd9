// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/cut.h"
#include "fingerprint/http_header.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

// The head of an HTTP/1 response (RFC 9112 section 4): views into the stream.
struct HttpResponse {
  bool complete = false;
  size_t length = 0;         // bytes from the status line through the empty line
  std::string_view version;  // "HTTP/1.1"
  std::string_view code;     // "200", as sent
  uint16_t status = 0;       // 200
  std::string_view reason;   // "OK"; may be empty
  HttpHeaders headers;
  std::string_view unfinished;  // not complete: the last line, as far as it goes

  std::string_view server() const { return headers.value("server"); }
};

// As parse_http_request.
Reason parse_http_response(Bytes stream, HttpResponse& out);

// pmercury's `http_server` string, "(version)(code)(reason)(header)…" with every header's whole
// line.
Reason write_pmercury_http_server(const HttpResponse& response, Cut cut, Text& out);

}  // namespace handprint
