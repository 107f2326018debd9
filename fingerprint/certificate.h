// SPDX-License-Identifier: Apache-2.0
// X.509 certificates (RFC 5280) and the messages of TLS that carry them.
#pragma once

#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/der.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

// A moment in UTC, as certificates give it: to the second.
struct CertificateTime {
  uint16_t year = 0;
  uint8_t month = 0, day = 0, hour = 0, minute = 0, second = 0;

  // Seconds since 1970; negative before.
  int64_t unix_seconds() const;
  // "2026-11-27 09:30:00" with ' ', RFC 3339's local part with 'T'.
  void write(Text& out, char separator) const;
};

// What a certificate says, as views of its DER encoding. An object identifier is its encoded content
// (object_identifier.h gives names).
struct Certificate {
  Bytes der;
  uint8_t version = 1;        // 1 to 3
  Bytes serial;               // big-endian, without the sign byte; empty for zero
  Bytes signature_algorithm;  // object identifier
  Bytes issuer, subject;      // the sequences of RDNs; DistinguishedName reads them
  CertificateTime not_before, not_after;
  Bytes key_algorithm;  // object identifier
  Bytes key_curve;      // of an elliptic curve key: object identifier; empty where none is named
  uint32_t key_bits = 0;           // 0: not known for this algorithm
  Bytes rsa_modulus, rsa_exponent;  // without the sign byte; empty for other keys
  Bytes dsa_p, dsa_q, dsa_g, dsa_y;
  Bytes extensions;         // a sequence of Extension; CertificateExtensions reads it
  Bytes alternative_names;  // GeneralNames' content; AlternativeNames reads it
  bool authority = false;   // basicConstraints says that it may sign others

  // Issuer and subject are the same name; that the signature fits is not checked.
  bool self_issued() const;
};

// Reads one certificate, which must fill the bytes. malformed_certificate: it breaks RFC 5280's
// structure; `out` then holds what was read until there.
Reason parse_certificate(Bytes der, Certificate& out);

// One attribute of a name: commonName = "…".
struct NameAttribute {
  Bytes type;  // object identifier
  DerValue value;
};

// Walks the attributes of a name, in the order of the encoding.
class DistinguishedName {
 public:
  explicit DistinguishedName(Bytes name) : names_(name), set_(Bytes()) {}
  // False at the end, or at what is malformed.
  bool next(NameAttribute& out);
  // True before the first attribute of a set of several has more behind it.
  bool inside_set() const { return !set_.empty(); }

 private:
  DerReader names_;
  DerReader set_;
};

// The characters of a string value as UTF-8 (BMPString, UniversalString and TeletexString are
// converted, the latter as ISO 8859-1); bytes that are no text are kept as they are.
void write_characters(const DerValue& value, Text& out);
// The first attribute of this type: "" when there is none. Result: whether there is one.
bool write_attribute(Bytes name, std::string_view type, Text& out);
// The whole name as RFC 4514 writes it, the last attribute first: "CN=example.org,O=Example,C=US".
void write_name(Bytes name, Text& out);

// Walks GeneralNames: DNS names, addresses, mail addresses and URIs; others are stepped over.
class AlternativeNames {
 public:
  explicit AlternativeNames(Bytes names) : in_(names) {}
  // The next name as text in `out`, which is cleared before; false at the end.
  bool next(Text& out);

 private:
  DerReader in_;
};

// Walks the extensions; each is its object identifier and the content of its value.
class CertificateExtensions {
 public:
  explicit CertificateExtensions(Bytes extensions) : in_(extensions) {}
  bool next(Bytes& type, Bytes& value);

 private:
  DerReader in_;
};

// Walks the certificates of a Certificate message's body, the end entity's first.
//   TLS up to 1.2: RFC 5246 section 7.4.2; TLS 1.3: RFC 8446 section 4.4.2, a context in front and
//   extensions behind each.
class CertificateMessage {
 public:
  CertificateMessage(Bytes body, bool tls13);
  // The next certificate's DER. False at the end; then failed() tells whether the message was whole.
  bool next(Bytes& der);
  bool failed() const { return in_.failed() || list_.failed(); }

 private:
  Cursor in_;
  Cursor list_;
  const bool tls13_;
};

}  // namespace handprint
