// SPDX-License-Identifier: Apache-2.0
#include "record/tls_names.h"

#include <algorithm>
#include <array>

#include "fingerprint/grease.h"

namespace handprint {
namespace {

struct Name {
  uint16_t code;
  std::string_view name;
};

constexpr auto ciphers = std::to_array<Name>({
#define HP_CIPHER(code, name) {code, name},
#include "record/tls_ciphers.def"
#undef HP_CIPHER
});

// IANA "TLS Supported Groups"; 0x6399 and 0x639a stand there as obsolete drafts.
constexpr auto groups = std::to_array<Name>({
    {0x0001, "sect163k1"},          {0x0002, "sect163r1"},
    {0x0003, "sect163r2"},          {0x0004, "sect193r1"},
    {0x0005, "sect193r2"},          {0x0006, "sect233k1"},
    {0x0007, "sect233r1"},          {0x0008, "sect239k1"},
    {0x0009, "sect283k1"},          {0x000a, "sect283r1"},
    {0x000b, "sect409k1"},          {0x000c, "sect409r1"},
    {0x000d, "sect571k1"},          {0x000e, "sect571r1"},
    {0x000f, "secp160k1"},          {0x0010, "secp160r1"},
    {0x0011, "secp160r2"},          {0x0012, "secp192k1"},
    {0x0013, "secp192r1"},          {0x0014, "secp224k1"},
    {0x0015, "secp224r1"},          {0x0016, "secp256k1"},
    {0x0017, "secp256r1"},          {0x0018, "secp384r1"},
    {0x0019, "secp521r1"},          {0x001a, "brainpoolP256r1"},
    {0x001b, "brainpoolP384r1"},    {0x001c, "brainpoolP512r1"},
    {0x001d, "x25519"},             {0x001e, "x448"},
    {0x001f, "brainpoolP256r1tls13"}, {0x0020, "brainpoolP384r1tls13"},
    {0x0021, "brainpoolP512r1tls13"}, {0x0022, "GC256A"},
    {0x0023, "GC256B"},             {0x0024, "GC256C"},
    {0x0025, "GC256D"},             {0x0026, "GC512A"},
    {0x0027, "GC512B"},             {0x0028, "GC512C"},
    {0x0029, "curveSM2"},           {0x0100, "ffdhe2048"},
    {0x0101, "ffdhe3072"},          {0x0102, "ffdhe4096"},
    {0x0103, "ffdhe6144"},          {0x0104, "ffdhe8192"},
    {0x0200, "MLKEM512"},           {0x0201, "MLKEM768"},
    {0x0202, "MLKEM1024"},          {0x11eb, "SecP256r1MLKEM768"},
    {0x11ec, "X25519MLKEM768"},     {0x11ed, "SecP384r1MLKEM1024"},
    {0x11ee, "curveSM2MLKEM768"},   {0x6399, "X25519Kyber768Draft00"},
    {0x639a, "SecP256r1Kyber768Draft00"},
    {0xff01, "arbitrary_explicit_prime_curves"},
    {0xff02, "arbitrary_explicit_char2_curves"},
});

// IANA "TLS Alerts", with the reserved ones of older versions.
constexpr auto alerts = std::to_array<Name>({
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {52, "too_many_cids_requested"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {111, "certificate_unobtainable"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {117, "general_error"},
    {120, "no_application_protocol"},
    {121, "ech_required"},
});

constexpr bool ascending(const auto& table) {
  return std::adjacent_find(table.begin(), table.end(), [](const Name& a, const Name& b) {
           return a.code >= b.code;
         }) == table.end();
}
static_assert(ascending(ciphers) && ascending(groups) && ascending(alerts),
              "the tables are searched by halves");

std::string_view find(const auto& table, uint16_t code) {
  auto at = std::lower_bound(table.begin(), table.end(), code,
                             [](const Name& row, uint16_t wanted) { return row.code < wanted; });
  return at != table.end() && at->code == code ? at->name : std::string_view();
}

}  // namespace

std::string_view tls_cipher_name(uint16_t code) {
  if (is_grease(code)) return "GREASE";
  return find(ciphers, code);
}

std::string_view tls_group_name(uint16_t code) {
  if (is_grease(code)) return "GREASE";
  return find(groups, code);
}

bool tls_group_is_post_quantum(uint16_t code) {
  return (code >= 0x0200 && code <= 0x0202) || (code >= 0x11eb && code <= 0x11ee) ||
         code == 0x6399 || code == 0x639a;
}

std::string_view tls_alert_name(uint8_t description) { return find(alerts, description); }

TlsVersionName tls_version_name(uint16_t code) {
  switch (code) {
    case 0x0002: return {"ssl", "2.0"};
    case 0x0300: return {"ssl", "3.0"};
    case 0x0301: return {"tls", "1.0"};
    case 0x0302: return {"tls", "1.1"};
    case 0x0303: return {"tls", "1.2"};
    case 0x0304: return {"tls", "1.3"};
    case 0xfeff: return {"dtls", "1.0"};
    case 0xfefd: return {"dtls", "1.2"};
    case 0xfefc: return {"dtls", "1.3"};
    default: break;
  }
  if ((code >> 8) == 0x7f) return {"tls", "1.3"};
  return {};
}

}  // namespace handprint
