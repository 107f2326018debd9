// SPDX-License-Identifier: Apache-2.0
// The registered names of TLS numbers (IANA "TLS Parameters").
#pragma once

#include <cstdint>
#include <string_view>

namespace handprint {

// A cipher suite's registered name; "" for a number without one, "GREASE" for RFC 8701's.
std::string_view tls_cipher_name(uint16_t code);

// A supported group's registered name ("x25519", "X25519MLKEM768"), also of the Kyber drafts that
// browsers used; "" and "GREASE" likewise.
std::string_view tls_group_name(uint16_t code);

// True for groups that hold against a quantum computer: ML-KEM, alone or in a hybrid, and the
// Kyber drafts before it.
bool tls_group_is_post_quantum(uint16_t code);

// "handshake_failure" …, as RFC 8446 section 6 writes it; "" for a number without a name.
std::string_view tls_alert_name(uint8_t description);

// A protocol version apart from its protocol: {"tls", "1.3"}, {"ssl", "3.0"}, {"dtls", "1.2"}.
// Drafts of TLS 1.3 (0x7fNN) are 1.3. A number without meaning gives empty strings.
struct TlsVersionName {
  std::string_view protocol, version;
};
TlsVersionName tls_version_name(uint16_t code);

}  // namespace handprint
