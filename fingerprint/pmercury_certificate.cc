// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/pmercury_certificate.h"

#include <array>

#include "fingerprint/object_identifier.h"

namespace handprint {
namespace {

void leaf(std::string_view text, Text& out) {
  out.put('(');
  out.hex(text);
  out.put(')');
}

std::string_view name_of(Bytes identifier) {
  const std::string_view name = object_identifier_name(identifier);
  return name.empty() ? std::string_view("Unknown OID") : name;
}

// A number's hexadecimal digits, as text.
void number(Bytes magnitude, Text& out) {
  out.put('(');
  for (const uint8_t byte : magnitude) {
    std::array<char, 2> room;
    Text digits(room);
    digits.hex8(byte);
    out.hex(digits.view());
  }
  out.put(')');
}

void key_size(uint32_t bits, Text& out) {
  const std::array<uint8_t, 2> bytes = {static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits)};
  number(Bytes(bytes).subspan(bits < 256 ? 1 : 0), out);
}

void moment(const CertificateTime& time, Text& out) {
  std::array<char, 19> room;
  Text text(room);
  time.write(text, ' ');
  leaf(text.view(), out);
}

void distinguished_name(Bytes name, Text& out) {
  out.put('(');
  DistinguishedName in(name);
  for (NameAttribute attribute; in.next(attribute);) {
    std::array<char, 1024> room;
    Text value(room);
    write_characters(attribute.value, value);
    out.put('(');
    leaf(name_of(attribute.type), out);
    leaf(value.view(), out);
    out.put(')');
  }
  out.put(')');
}

bool public_key(const Certificate& certificate, Text& out) {
  out.put('(');
  if (!certificate.rsa_modulus.empty()) {
    leaf("RSAPublicKey", out);
    key_size(certificate.key_bits, out);
    number(certificate.rsa_modulus, out);
    number(certificate.rsa_exponent, out);
  } else if (!certificate.key_curve.empty()) {
    leaf("ECPublicKey", out);
    key_size(certificate.key_bits, out);
    leaf(name_of(certificate.key_curve), out);
  } else if (!certificate.dsa_p.empty()) {
    leaf("DSAPublicKey", out);
    key_size(certificate.key_bits, out);
    for (const Bytes part : {certificate.dsa_y, certificate.dsa_p, certificate.dsa_q, certificate.dsa_g})
      number(part, out);
  } else {
    return false;
  }
  out.put(')');
  return true;
}

}  // namespace

Reason write_pmercury_certificate(const Certificate& certificate, Text& out) {
  const size_t before = out.size();
  const auto refuse = [&](Reason reason) {
    out.rewind(before);
    return reason;
  };
  out.put('(');
  out.hex(certificate.serial);
  out.put(')');
  leaf(name_of(certificate.signature_algorithm), out);
  distinguished_name(certificate.issuer, out);
  moment(certificate.not_before, out);
  moment(certificate.not_after, out);
  distinguished_name(certificate.subject, out);
  if (!public_key(certificate, out)) return refuse(Reason::no_fingerprint);
  out.put('(');
  CertificateExtensions extensions(certificate.extensions);
  for (Bytes type, value; extensions.next(type, value);) {
    out.put('(');
    leaf(name_of(type), out);
    out.put(')');
  }
  out.put(')');
  return out.truncated() ? refuse(Reason::too_long) : Reason::ok;
}

}  // namespace handprint
