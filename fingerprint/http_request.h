// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/cut.h"
#include "fingerprint/http_header.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

// The head of an HTTP/1 request (RFC 9112): views into the stream.
struct HttpRequest {
  bool complete = false;    // the empty line was there
  size_t length = 0;        // bytes from the request line through the empty line
  std::string_view method;  // as sent
  std::string_view uri;
  std::string_view version;  // "HTTP/1.1"
  HttpHeaders headers;
  std::string_view unfinished;  // not complete: the last line, as far as it goes

  std::string_view host() const { return headers.value("host"); }
  std::string_view user_agent() const { return headers.value("user-agent"); }
};

// Reads a request that begins at the first byte. Lines end with CRLF or a bare LF; an empty line
// before the request is allowed (RFC 9112 section 2.2).
//   ok                 all headers are there
//   need_more          the headers do not end here; whole lines so far are in `out`
//   not_this_protocol  this is no HTTP/1 request (nor the HTTP/2 preface, see protocol.h)
//   malformed_http     a request line, and then a line that is no header
//   too_long, too_many_headers
Reason parse_http_request(Bytes stream, HttpRequest& out);

// pmercury's `http` string, "(method)(version)(header)…": the whole line of the headers whose
// values tell software apart (Accept, Connection, Content-Type …), only the name of all others.
// no_fingerprint when the headers are not complete and `cut` is refuse; too_long without room.
Reason write_pmercury_http(const HttpRequest& request, Cut cut, Text& out);

}  // namespace handprint
