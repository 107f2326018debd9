// SPDX-License-Identifier: Apache-2.0
// HTTP/1: the header blocks of requests and responses.
#include <string_view>

#include "flow/http_message.h"

namespace handprint {

namespace {

using State = Dissected::State;

Dissected broken(Bytes bytes, Reason reason) {
  return {State::broken, static_cast<uint32_t>(bytes.size()), 0, reason};
}

Dissected on_request(Bytes bytes, Exchange& ex) {
  HttpRequest& request = ex.scratch.request;
  const Reason reason = parse_http_request(bytes, request);
  const auto size = static_cast<uint32_t>(bytes.size());
  if (reason == Reason::need_more) return {State::need_more, 0, size + 1, Reason::ok};
  if (reason != Reason::ok) return broken(bytes, reason);

  ex.flow.claim_client(ex.direction);
  ex.flow.add_protocol(Protocol::http1);
  const Dissected done{State::message, static_cast<uint32_t>(request.length), 0, Reason::ok};
  if (ex.options.http_messages != 0 && ex.sender().messages >= ex.options.http_messages)
    return done;
  if (note_http_request(request, bytes.first(request.length), Carrier::clear, ex) != Reason::ok)
    return broken(bytes, Reason::too_long);
  return done;
}

Dissected on_response(Bytes bytes, Exchange& ex) {
  HttpResponse& response = ex.scratch.response;
  const Reason reason = parse_http_response(bytes, response);
  const auto size = static_cast<uint32_t>(bytes.size());
  if (reason == Reason::need_more) return {State::need_more, 0, size + 1, Reason::ok};
  if (reason != Reason::ok) return broken(bytes, reason);

  ex.flow.claim_client(ex.direction ^ 1);
  ex.flow.add_protocol(Protocol::http1);
  if (response.status == 101 && is_websocket_upgrade(response.headers.value("upgrade")))
    ex.flow.add_protocol(Protocol::websocket);
  Dissected done{State::message, static_cast<uint32_t>(response.length), 0, Reason::ok};
  // The answer that opens a tunnel (RFC 9110, 9.3.6): what follows is a stream of its own.
  if (ex.flow.asked == StreamPrefix::connect && response.status >= 200) {
    if (response.status < 300) {
      ex.flow.prefixes.add(StreamPrefix::connect);
      done.state = State::prefix;
    }
    ex.flow.asked = StreamPrefix::none;
  }
  if (ex.options.http_messages != 0 && ex.sender().messages >= ex.options.http_messages)
    return done;
  if (note_http_response(response, bytes.first(response.length), Carrier::clear, ex) != Reason::ok)
    return broken(bytes, Reason::too_long);
  return done;
}

}  // namespace

Dissected dissect_http(Bytes bytes, uint8_t content, Exchange& ex) {
  return content == HP_CONTENT_HTTP_REQUEST ? on_request(bytes, ex) : on_response(bytes, ex);
}

}  // namespace handprint
