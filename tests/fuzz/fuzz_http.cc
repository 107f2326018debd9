// SPDX-License-Identifier: Apache-2.0
// Any bytes as the beginning of a stream, read as a request, as a response, and recognised.
#include "fingerprint/http_request.h"
#include "fingerprint/http_response.h"
#include "fingerprint/mercury_http.h"
#include "fingerprint/protocol.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes stream(data, size);
  static HttpRequest request;
  Reason reason = parse_http_request(stream, request);
  if (request.complete != (reason == Reason::ok) || request.length > size) std::abort();
  fuzz::try_writer([&](Text& out) { return write_pmercury_http(request, Cut::refuse, out); },
                   request.complete);
  fuzz::try_writer([&](Text& out) { return write_pmercury_http(request, Cut::accept, out); }, true);

  fuzz::try_writer([&](Text& out) { return write_mercury_http(request, out); }, request.complete);

  static HttpResponse response;
  reason = parse_http_response(stream, response);
  if (response.complete != (reason == Reason::ok) || response.length > size) std::abort();
  fuzz::try_writer(
      [&](Text& out) { return write_pmercury_http_server(response, Cut::refuse, out); },
      response.complete);
  fuzz::try_writer(
      [&](Text& out) { return write_pmercury_http_server(response, Cut::accept, out); }, true);

  fuzz::try_writer([&](Text& out) { return write_mercury_http_server(response, out); }, response.complete);

  (void)recognise_client(stream);
  (void)recognise_server(stream);
  (void)recognise_datagram(stream);
  (void)is_websocket_upgrade(as_text(stream));
  return 0;
}
