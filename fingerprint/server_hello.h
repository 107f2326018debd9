// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "fingerprint/client_hello.h"
#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/tls_extension.h"
#include "fingerprint/tls_record.h"

namespace handprint {

// A ServerHello or HelloRetryRequest (RFC 8446 sections 4.1.3 and 4.1.4; RFC 5246 section 7.4.1.3).
// Drafts of TLS 1.3 up to the 21st, with versions 7f00 to 7f15, had no session id and no
// compression.
struct ServerHello {
  HelloTransport transport = HelloTransport::tls;
  bool complete = false;  // all bytes are there; see ClientHello
  bool well_formed = false;
  bool has_extensions = false;
  bool hello_retry_request = false;  // told by its fixed random value

  uint16_t legacy_version = 0;
  Bytes random;
  Bytes session_id;
  uint16_t cipher_suite = 0;
  uint8_t compression_method = 0;
  ExtensionList extensions;

  bool has_selected_version = false;
  uint16_t selected_version = 0;  // supported_versions
  bool has_selected_group = false;
  uint16_t selected_group = 0;      // key_share, of a HelloRetryRequest too
  std::string_view alpn;            // chosen protocol; TLS 1.3 hides it
  bool has_pre_shared_key = false;  // TLS 1.3: the session is resumed
  bool has_session_ticket = false;
  bool has_extended_master_secret = false;
  bool has_encrypt_then_mac = false;

  // The version that was agreed on.
  uint16_t version() const { return has_selected_version ? selected_version : legacy_version; }
};

// As parse_client_hello; malformed_server_hello when it contradicts itself.
Reason parse_server_hello(Bytes body, uint32_t declared_length, HelloTransport transport,
                          ServerHello& out);
Reason parse_server_hello(const HandshakeMessage& message, ServerHello& out);

}  // namespace handprint
