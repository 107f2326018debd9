// SPDX-License-Identifier: Apache-2.0
// TLS over TCP: both hellos, the retry between them, and alerts in clear text.
#include <algorithm>

#include "fingerprint/tls_record.h"
#include "flow/hello.h"

namespace handprint {

namespace {

using State = Dissected::State;

Reason on_client_hello(const HandshakeMessage& message, Exchange& ex) {
  ClientHello hello;
  const Reason reason = parse_client_hello(message, hello);
  if (!hello.complete) return reason;
  ex.flow.add_protocol(Protocol::tls);
  return note_client_hello(hello, ex, 0);
}

Reason on_server_hello(const HandshakeMessage& message, Exchange& ex) {
  ServerHello hello;
  const Reason reason = parse_server_hello(message, hello);
  if (!hello.complete) return reason;
  ex.flow.add_protocol(Protocol::tls);
  return note_server_hello(hello, ex);
}

// Notes an alert that was stepped over. True when the connection ends with it: all but warnings
// (unrecognized_name in front of a ServerHello), close_notify too (RFC 5246, 7.2).
bool on_alert(const TlsHandshakeReader& reader, Exchange& ex) {
  constexpr uint8_t warning = 1, close_notify = 0;
  Flow& flow = ex.flow;
  flow.add_protocol(Protocol::tls);
  if (DocumentBuilder* document = ex.document())
    document->note_alert({ex.side(), reader.alert_level(), reader.alert_description()});
  if (reader.alert_level() == warning && reader.alert_description() != close_notify) return false;
  flow.alerted = true;
  flow.retry_pending = false;
  return true;
}

}  // namespace

Dissected dissect_tls(Bytes bytes, uint8_t, Exchange& ex) {
  TlsHandshakeReader reader(bytes, ex.scratch.workspace);
  HandshakeMessage message;
  const Reason read = reader.next(message);
  const auto size = static_cast<uint32_t>(bytes.size());
  const bool alert = reader.alert_level() != 0;
  switch (read) {
    case Reason::ok: {
      Reason reason = Reason::not_this_protocol;
      const bool retry_before = ex.flow.retry_pending;
      if (message.type == tls_handshake::client_hello) reason = on_client_hello(message, ex);
      if (message.type == tls_handshake::server_hello) reason = on_server_hello(message, ex);
      if (reason != Reason::ok) return {State::broken, size, 0, reason};
      if (alert) on_alert(reader, ex);
      // Behind a HelloRetryRequest a ChangeCipherSpec and the ServerHello may follow; behind any
      // other hello nothing that can be read.
      const auto done = static_cast<uint32_t>(reader.position());
      const bool retry = ex.flow.retry_pending && !retry_before;
      return {State::message, retry && done != 0 ? done : size, 0, Reason::ok};
    }
    case Reason::need_more:
      return {State::need_more, 0, size + std::max<uint32_t>(reader.needed(), 1), Reason::ok};
    case Reason::end_of_stream:
      // Only ChangeCipherSpec so far: the hello behind it is to come.
      if (!alert) return {State::need_more, 0, size + 1, Reason::ok};
      return {on_alert(reader, ex) ? State::over : State::aside, size, 0, Reason::ok};
    default:
      if (alert) on_alert(reader, ex);
      return {State::broken, size, 0, read};
  }
}

}  // namespace handprint
