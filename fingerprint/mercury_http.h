// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fingerprint/http_request.h"
#include "fingerprint/http_response.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

// mercury's strings of HTTP/1 heads, without the prefix that names their kind ("http/", "http_server/").
// Of the headers only those in mercury's lists stand in them, in the order of the wire: some with their
// value (the bytes from the name to the value's end), some by their name. no_fingerprint for a head that is
// not complete; too_long when `out` has no room, and then nothing is left in it.

// "(method)(version)((header)…)".
Reason write_mercury_http(const HttpRequest& request, Text& out);
// "(version)(code)(reason)((header)…)".
Reason write_mercury_http_server(const HttpResponse& response, Text& out);

}  // namespace handprint
