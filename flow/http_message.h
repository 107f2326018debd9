// SPDX-License-Identifier: Apache-2.0
// What an HTTP message says, whatever carried it: HTTP/1 in the clear or decrypted, HTTP/2.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "fingerprint/http2.h"
#include "fingerprint/http_request.h"
#include "fingerprint/http_response.h"
#include "flow/exchange.h"

namespace handprint {

enum class Carrier : uint8_t { clear, tls };

// Writes the facts and strings of a whole header block into a document of the flow. `block`: the bytes
// that the message views. too_long when no memory was free.
Reason note_http_request(const HttpRequest& request, Bytes block, Carrier carrier, Exchange& exchange);
Reason note_http_response(const HttpResponse& response, Bytes block, Carrier carrier, Exchange& exchange);

// Answers to requests that have none yet are late, or passed unseen; of later requests that is not said.
void doubt_answers(Exchange& exchange);
// They did pass unseen: these requests get no answer any more. Where nothing was doubted, none does.
void give_up_answers(Exchange& exchange);

// The fields of one HTTP/2 message, pseudo-headers among them.
using Http2Fields = std::span<const std::pair<std::string_view, std::string_view>>;

// The same for HTTP/2; stream: its number, by which an answer finds its request.
Reason note_http2_request(Http2Fields fields, uint32_t stream, Carrier carrier, Exchange& exchange);
// Akamai's string and its MD5, into the document of the client's first request.
void note_http2_fingerprint(const Http2Fingerprint& fingerprint, Exchange& exchange);
Reason note_http2_response(Http2Fields fields, uint32_t stream, Carrier carrier, Exchange& exchange);

}  // namespace handprint
