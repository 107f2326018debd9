// SPDX-License-Identifier: Apache-2.0
// Mail, file transfer, LDAP and XMPP up to the TLS that they turn to.
#include "fingerprint/starttls.h"
#include "flow/dissector_prefix.h"

namespace handprint {

namespace {

using Says = ClearMessage::Says;

StreamPrefix prefix_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::smtp:
      return StreamPrefix::starttls_smtp;
    case Protocol::imap:
      return StreamPrefix::starttls_imap;
    case Protocol::pop3:
      return StreamPrefix::starttls_pop3;
    case Protocol::ftp:
      return StreamPrefix::starttls_ftp;
    case Protocol::ldap:
      return StreamPrefix::starttls_ldap;
    case Protocol::xmpp:
      return StreamPrefix::starttls_xmpp;
    default:
      return StreamPrefix::none;
  }
}

// Takes a message into account; what the flow may turn out to have in front of TLS.
Dissected note(const ClearMessage& message, Bytes bytes, Exchange& ex) {
  Flow& flow = ex.flow;
  if (message.protocol != Protocol::unknown) {
    flow.add_protocol(message.protocol);
    flow.asked = prefix_of(message.protocol);
  }
  if (message.says == Says::plain && ex.side() == Side::client) return prefix_gives_up(bytes);
  return prefix_goes_on(message.length);
}

}  // namespace

Dissected read_lines(Bytes bytes, Exchange& ex) {
  if (bytes[0] == tls_handshake_record) return prefix_ends(0);
  ClearMessage message;
  const bool client = ex.side() == Side::client;
  const Reason reason =
      client ? parse_client_line(bytes, message) : parse_server_line(bytes, message);
  if (reason == Reason::need_more) return prefix_needs(bytes.size() + 1);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  // The name of a command that SMTP and IMAP, or FTP and POP3 share counts only where nothing
  // better is known.
  if (ex.flow.asked != StreamPrefix::none && prefix_of(message.protocol) != ex.flow.asked)
    message.protocol = Protocol::unknown;
  return note(message, bytes, ex);
}

Dissected read_ldap(Bytes bytes, Exchange& ex) {
  if (bytes[0] == tls_handshake_record) return prefix_ends(0);
  ClearMessage message;
  std::size_t needed = bytes.size() + 1;
  const Reason reason = parse_ldap_message(bytes, message, needed);
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  return note(message, bytes, ex);
}

Dissected read_xmpp(Bytes bytes, Exchange& ex) {
  if (bytes[0] == tls_handshake_record) return prefix_ends(0);
  ClearMessage message;
  const Reason reason = parse_xmpp_tag(bytes, message);
  if (reason == Reason::need_more) return prefix_needs(bytes.size() + 1);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  // Another XML that is no stream: the declaration says nothing, the first tag does.
  constexpr uint8_t declaration = 1;
  if (ex.flow.asked != StreamPrefix::starttls_xmpp && message.protocol == Protocol::unknown &&
      ex.sender().prefix.step >= declaration)
    return prefix_gives_up(bytes);
  return note(message, bytes, ex);
}

}  // namespace handprint
