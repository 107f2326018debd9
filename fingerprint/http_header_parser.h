// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "fingerprint/http_header.h"
#include "fingerprint/reason.h"

namespace handprint {

// What the request and the response parser share.
struct HttpHeaderParser {
  // The line that begins at `at`, without its CRLF or LF; `at` moves behind it. False, and nothing
  // moved, when no line ends.
  static bool line(std::string_view text, size_t& at, std::string_view& out);

  // Printable ASCII, at least one character. Wider than the token of RFC 9110 section 5.6.2: an odd
  // name with a blank in it tells software apart, so it is kept and not refused.
  static bool field_name(std::string_view text);

  static void clear(HttpHeaders& headers);

  // Header fields from `at` to the empty line; `at` moves behind what was read. ok, need_more
  // (fields so far are in `out`), malformed_http, too_many_headers.
  static Reason fields(std::string_view text, size_t& at, HttpHeaders& out);
};

}  // namespace handprint
