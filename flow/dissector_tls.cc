// SPDX-License-Identifier: Apache-2.0
// TLS over TCP: both hellos, the retry between them, and alerts in clear text.
#include <algorithm>

#include "fingerprint/tls_record.h"
#include "flow/hello.h"

namespace handprint {

namespace {

using State = Dissected::State;

Reason on_client_hello(const HandshakeMessage& message, Bytes bytes, Exchange& ex) {
  ClientHello hello;
  const Reason reason = parse_client_hello(message, hello);
  if (!hello.complete) return reason;
  ex.flow.add_protocol(Protocol::tls);
  const Reason noted = note_client_hello(hello, ex, 0);
  if (noted == Reason::ok) ex.tls_begins(bytes, hello.random);
  return noted;
}

Reason on_server_hello(const HandshakeMessage& message, Bytes bytes, Exchange& ex) {
  ServerHello hello;
  const Reason reason = parse_server_hello(message, hello);
  if (!hello.complete) return reason;
  ex.flow.add_protocol(Protocol::tls);
  // It was read already when it comes again with the certificates behind it.
  if (ex.flow.certificate_pending) return Reason::ok;
  const Reason noted = note_server_hello(hello, ex);
  if (noted == Reason::ok) ex.tls_begins(bytes, hello.random);
  constexpr uint16_t tls13 = 0x0304;  // from which on certificates are encrypted
  ex.flow.certificate_pending = noted == Reason::ok && ex.options.certificates &&
                                !hello.hello_retry_request && hello.version() < tls13;
  return noted;
}

// The message behind a ServerHello. True when nothing more is to be read; false when bytes of a
// Certificate are missing.
bool on_certificate(TlsHandshakeReader& reader, HandshakeMessage& message, bool alert, Exchange& ex) {
  const Reason read = reader.next(message);
  // A resumed session goes on with ChangeCipherSpec, an anonymous one with its key exchange.
  if (reader.saw_change_cipher_spec() || (reader.alert_level() != 0 && !alert)) return true;
  if (read == Reason::end_of_stream) return false;
  const bool is_one = message.type == tls_handshake::certificate || message.type == 0;
  ex.flow.certificate_begun = read == Reason::need_more && is_one;
  if (read == Reason::need_more) return !is_one;
  if (read == Reason::ok && is_one) note_certificates(message.body, false, ex);
  return true;
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
  // The same bytes again, with more of the certificates behind the ServerHello.
  const bool again = ex.flow.certificate_pending && ex.direction != ex.flow.client;
  const bool follows = ex.sender().tls_follows;
  if (read != Reason::need_more && read != Reason::end_of_stream) ex.sender().tls_follows = false;
  switch (read) {
    case Reason::ok: {
      Reason reason = Reason::not_this_protocol;
      const bool retry_before = ex.flow.retry_pending;
      if (message.type == tls_handshake::client_hello) {
        reason = on_client_hello(message, bytes, ex);
        ex.sender().tls_follows = ex.options.certificates && reason == Reason::ok;
      }
      if (message.type == tls_handshake::certificate && follows) {
        note_certificates(message.body, false, ex);
        return {State::over, size, 0, Reason::ok};
      }
      if (message.type == tls_handshake::server_hello) reason = on_server_hello(message, bytes, ex);
      if (reason != Reason::ok && follows) return {State::over, size, 0, Reason::ok};
      if (reason != Reason::ok) return {State::broken, size, 0, reason};
      if (alert && !again) on_alert(reader, ex);
      if (ex.flow.certificate_pending && message.type == tls_handshake::server_hello) {
        if (!on_certificate(reader, message, alert, ex))
          return {State::need_more, 0, size + std::max<uint32_t>(reader.needed(), 1), Reason::ok};
        ex.flow.certificate_pending = false;
        return {State::over, size, 0, Reason::ok};
      }
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
      // Behind a hello anything may come.
      if (follows) return {State::over, size, 0, Reason::ok};
      return {State::broken, size, 0, read};
  }
}

}  // namespace handprint
