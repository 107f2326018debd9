// SPDX-License-Identifier: Apache-2.0
// Binary protocols whose two sides agree on TLS before it begins: PostgreSQL, MySQL, TDS (SQL
// Server) and RDP.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"

namespace handprint {

// One message of either side.
struct TlsRequest {
  std::size_t length = 0;  // bytes of it
  bool tls = false;        // asks for TLS, or offers or grants it
  bool gss = false;        // PostgreSQL: GSSAPI encryption is what it asks for
  Bytes inside;            // TDS: what the packet carries
};

// Each reads the message at the first byte: ok; need_more with the bytes `needed` at least;
// not_this_protocol.

// SSLRequest or GSSENCRequest (PostgreSQL documentation, "Message Formats").
Reason parse_postgresql_request(Bytes stream, TlsRequest& out, std::size_t& needed);
// The server's greeting, which says whether it can do TLS, and the client's SSLRequest (MySQL
// internals, "Connection Phase").
Reason parse_mysql_greeting(Bytes stream, TlsRequest& out, std::size_t& needed);
Reason parse_mysql_request(Bytes stream, TlsRequest& out, std::size_t& needed);
// One packet of the pre-login ([MS-TDS] 2.2.3.1, 2.2.6.5): type 12 of both sides, 04 of the server.
// `tls`: its content begins with a TLS record.
Reason parse_tds_packet(Bytes stream, TlsRequest& out, std::size_t& needed);
// X.224 connection request and confirm ([MS-RDPBCGR] 2.2.1.1 and 2.2.1.2). `tls`: TLS or CredSSP is
// asked for or chosen.
Reason parse_rdp_request(Bytes stream, TlsRequest& out, std::size_t& needed);
Reason parse_rdp_confirm(Bytes stream, TlsRequest& out, std::size_t& needed);

}  // namespace handprint
