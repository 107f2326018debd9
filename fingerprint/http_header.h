// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"

namespace handprint {

// Headers kept of one message; more is too_many_headers.
inline constexpr size_t max_http_headers = 128;
// Bytes in which the end of the headers must come (the selector copies 8 KiB).
inline constexpr size_t max_http_header_bytes = 64 * 1024;

// One header field, in the case and spelling of the wire. A folded value (RFC 9112 section 5.2)
// holds its line breaks.
struct HttpHeader {
  std::string_view line;  // from the name to the end of the value, without the final line break
  std::string_view name;
  std::string_view value;  // without blanks around it
};

// The header fields of a message in the order of the wire.
class HttpHeaders {
 public:
  const HttpHeader* begin() const { return fields_.data(); }
  const HttpHeader* end() const { return fields_.data() + count_; }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const HttpHeader& operator[](size_t index) const { return fields_[index]; }

  // The first field of that name, compared without case; null if there is none.
  const HttpHeader* find(std::string_view name) const;
  // Its value, or "".
  std::string_view value(std::string_view name) const;

 private:
  friend struct HttpHeaderParser;
  std::array<HttpHeader, max_http_headers> fields_;
  size_t count_ = 0;
};

// ASCII comparison without case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace handprint
