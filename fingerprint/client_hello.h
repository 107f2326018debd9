// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/tls_extension.h"
#include "fingerprint/tls_record.h"

namespace handprint {

// What carries the hello. QUIC and TLS hellos have the same bytes, a DTLS hello has a cookie field
// (RFC 6347 section 4.2.1).
enum class HelloTransport : uint8_t { tls, quic, dtls };

// A ClientHello (RFC 8446 section 4.1.2). Everything is a view into the message.
struct ClientHello {
  HelloTransport transport = HelloTransport::tls;
  bool sslv2 = false;  // SSLv2-style: 3-byte cipher specs, no extensions
  // All bytes of the message are there, and its fields up to the compression methods are sound:
  // strings can be made. When false the facts are those before the cut or the fault, and strings
  // are written from it only where a writer says so.
  bool complete = false;
  // Complete, and the extensions fill their block and the block the message. A hello that is not
  // keeps its strings (odd software is the more telling), made from its whole extensions.
  bool well_formed = false;
  bool has_cipher_suites = false;  // the list was there as a whole
  bool has_extensions = false;     // the extension block's length field was there

  uint16_t legacy_version = 0;
  Bytes random;  // 32 bytes (SSLv2: the challenge, 16 to 32)
  Bytes session_id;
  Bytes cookie;               // DTLS only
  Bytes cipher_suites;        // read with U16List; SSLv2: 3 bytes each
  Bytes compression_methods;  // one byte each
  ExtensionList extensions;

  // From the extensions; views are empty and flags false when the extension is absent or broken.
  // The first of several equal extensions counts.
  bool has_server_name = false;
  std::string_view server_name;  // host name as sent: not lower-cased, not checked
  bool has_alpn = false;
  Bytes alpn;  // read with ProtocolNameList
  bool has_supported_versions = false;
  Bytes supported_versions;    // U16List
  Bytes supported_groups;      // U16List
  Bytes ec_point_formats;      // one byte each
  Bytes signature_algorithms;  // U16List
  bool has_key_share = false;
  Bytes key_shares;  // KeyShareList
  Bytes psk_modes;   // one byte each
  bool has_pre_shared_key = false;
  bool has_early_data = false;
  bool has_encrypted_client_hello = false;
  bool has_extended_master_secret = false;
  bool has_session_ticket = false;
  Bytes session_ticket;  // empty: the client only says that it would take one
  Bytes quic_transport_parameters;

  // The first ALPN name, or "".
  std::string_view first_alpn() const;
  // The newest version offered: supported_versions without GREASE, else legacy_version.
  uint16_t version() const;
  // The client offers to resume: pre_shared_key, or a session ticket with content.
  bool offers_resumption() const { return has_pre_shared_key || !session_ticket.empty(); }
};

// Reads a ClientHello. `body` is the handshake message without its 4-byte header (12-byte for
// DTLS), `declared_length` the length from that header; body.size() < declared_length means that
// the rest is missing. Bytes beyond declared_length are not looked at.
//
//   ok                      whole and well-formed
//   truncated               the message is cut; facts up to the cut are in `out`
//   malformed_client_hello  it contradicts itself; facts up to the fault are in `out`
Reason parse_client_hello(Bytes body, uint32_t declared_length, HelloTransport transport,
                          ClientHello& out);

// The same for what TlsHandshakeReader gives, SSLv2-style hellos included.
// not_this_protocol when the message is not a ClientHello.
Reason parse_client_hello(const HandshakeMessage& message, ClientHello& out);

}  // namespace handprint
