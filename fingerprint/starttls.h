// SPDX-License-Identifier: Apache-2.0
// Protocols that begin in clear text and turn to TLS when the client asks for it: mail, file
// transfer, LDAP, XMPP. Only what tells the turn is read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"
#include "fingerprint/protocol.h"
#include "fingerprint/reason.h"

namespace handprint {

// One line, LDAP message or XML tag.
struct ClearMessage {
  enum class Says : uint8_t {
    little,     // nothing that matters here
    start_tls,  // the client wants TLS
    plain,      // what comes before TLS is over: it logs in or sends mail without
  };
  std::size_t length = 0;                 // bytes of it, with its line end
  Protocol protocol = Protocol::unknown;  // that the message alone tells
  Says says = Says::little;
};

inline constexpr std::size_t longest_clear_line = 2048;

// A line of the client or of the server of SMTP (RFC 3207), IMAP (RFC 9051), POP3 (RFC 2595) or
// FTP (RFC 4217).
//   ok                 `out` is filled in
//   need_more          its end is not there
//   not_this_protocol  too long, or no text
Reason parse_client_line(Bytes stream, ClearMessage& out);
Reason parse_server_line(Bytes stream, ClearMessage& out);

// An LDAP message of either side (RFC 4511; StartTLS in 4.14). need_more: `needed` bytes at least.
Reason parse_ldap_message(Bytes stream, ClearMessage& out, std::size_t& needed);

// Bytes up to and with the next `>` of an XMPP stream of either side (RFC 6120, 5).
Reason parse_xmpp_tag(Bytes stream, ClearMessage& out);

}  // namespace handprint
