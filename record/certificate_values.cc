// SPDX-License-Identifier: Apache-2.0
#include "record/certificate_values.h"

#include <array>

#include "fingerprint/digest.h"
#include "fingerprint/object_identifier.h"

namespace handprint {
namespace {

constexpr size_t text_room = 8192;
constexpr size_t name_room = 1024;

const Digests& digests() {
  static const Digests one;
  return one;
}

void write_object(Bytes identifier, Text& out) {
  const std::string_view name = object_identifier_name(identifier);
  if (name.empty()) return write_object_identifier(identifier, out);
  out.put(name);
}
void write_moment(const CertificateTime& time, Text& out) {
  time.write(out, 'T');
  out.put('Z');
}
void write_sha1(const Certificate& certificate, Text& out) {
  if (Sha1 digest; digests().sha1(certificate.der, digest)) out.hex(digest);
}
void write_sha256(const Certificate& certificate, Text& out) {
  if (Sha256 digest; digests().sha256(certificate.der, digest)) out.hex(digest);
}
void write_subject(const Certificate& certificate, Text& out) { write_name(certificate.subject, out); }
void write_issuer(const Certificate& certificate, Text& out) { write_name(certificate.issuer, out); }
void write_common_name(const Certificate& certificate, Text& out) {
  write_attribute(certificate.subject, "2.5.4.3", out);
}
void write_issuer_common_name(const Certificate& certificate, Text& out) {
  write_attribute(certificate.issuer, "2.5.4.3", out);
}
void write_serial(const Certificate& certificate, Text& out) {
  if (certificate.serial.empty()) out.put("00");
  out.hex(certificate.serial);
}
void write_not_before(const Certificate& certificate, Text& out) {
  write_moment(certificate.not_before, out);
}
void write_not_after(const Certificate& certificate, Text& out) {
  write_moment(certificate.not_after, out);
}
void write_signature(const Certificate& certificate, Text& out) {
  write_object(certificate.signature_algorithm, out);
}
void write_key_algorithm(const Certificate& certificate, Text& out) {
  write_object(certificate.key_algorithm, out);
}
void write_key_curve(const Certificate& certificate, Text& out) {
  if (!certificate.key_curve.empty()) write_object(certificate.key_curve, out);
}
void write_version(const Certificate& certificate, Text& out) { out.dec(certificate.version); }

void put_names(JsonText& json, const Certificate& certificate) {
  json.raw('[');
  std::array<char, name_room> room;
  Text name(room);
  AlternativeNames names(certificate.alternative_names);
  while (names.next(name)) {
    json.comma();
    json.string(name.view());
  }
  json.raw(']');
}

// "key":"text", unless there is no text.
void put_member(JsonText& json, std::string_view key, const Certificate& certificate,
                void (*write)(const Certificate&, Text&)) {
  const CertificateText text{&certificate, write};
  if (!present(text)) return;
  json.key(key);
  put(json, text);
}

void put_number(JsonText& json, std::string_view key, int64_t value) {
  json.key(key);
  if (value < 0) json.raw('-');
  json.number(static_cast<uint64_t>(value < 0 ? -value : value));
}

void put_flag(JsonText& json, std::string_view key, bool value) {
  json.key(key);
  json.raw(value ? std::string_view("true") : std::string_view("false"));
}

}  // namespace

CertificateText LeafCertificate::sha1() const { return text(write_sha1); }
CertificateText LeafCertificate::sha256() const { return text(write_sha256); }
CertificateText LeafCertificate::subject() const { return text(write_subject); }
CertificateText LeafCertificate::subject_common_name() const { return text(write_common_name); }
CertificateText LeafCertificate::issuer() const { return text(write_issuer); }
CertificateText LeafCertificate::issuer_common_name() const { return text(write_issuer_common_name); }
CertificateText LeafCertificate::serial() const { return text(write_serial); }
CertificateText LeafCertificate::not_before() const { return text(write_not_before); }
CertificateText LeafCertificate::not_after() const { return text(write_not_after); }
CertificateText LeafCertificate::signature_algorithm() const { return text(write_signature); }
CertificateText LeafCertificate::key_algorithm() const { return text(write_key_algorithm); }
CertificateText LeafCertificate::key_curve() const { return text(write_key_curve); }
CertificateText LeafCertificate::version() const { return text(write_version); }

bool present(const CertificateText& value) {
  if (value.certificate == nullptr) return false;
  std::array<char, text_room> room;
  Text text(room);
  value.write(*value.certificate, text);
  return !text.empty();
}

bool present(const CertificateNames& value) {
  if (value.certificate == nullptr) return false;
  std::array<char, name_room> room;
  Text name(room);
  return AlternativeNames(value.certificate->alternative_names).next(name);
}

void put(JsonText& json, const CertificateText& value) {
  std::array<char, text_room> room;
  Text text(room);
  value.write(*value.certificate, text);
  json.string(text.view());
}

void put(JsonText& json, const CertificateNames& value) { put_names(json, *value.certificate); }

void put(JsonText& json, const CertificateChain& value) {
  constexpr int64_t day = 86400;
  json.raw('[');
  int64_t position = 0;
  for (const Bytes der : value.chain) {
    Certificate certificate;
    const Reason reason = parse_certificate(der, certificate);
    certificate.der = der;
    json.comma();
    json.raw('{');
    put_number(json, "position", ++position);
    put_member(json, "sha1", certificate, write_sha1);
    put_member(json, "sha256", certificate, write_sha256);
    if (reason != Reason::ok) {
      json.key("error");
      json.string(name(reason));
      json.raw('}');
      continue;
    }
    put_member(json, "subject", certificate, write_subject);
    put_member(json, "issuer", certificate, write_issuer);
    put_member(json, "serial_number", certificate, write_serial);
    put_member(json, "not_before", certificate, write_not_before);
    put_member(json, "not_after", certificate, write_not_after);
    const int64_t from = certificate.not_before.unix_seconds(), until = certificate.not_after.unix_seconds();
    put_number(json, "days", (until - from + day - 1) / day);
    put_flag(json, "valid", value.seen >= from && value.seen <= until);
    if (present(CertificateNames{&certificate})) {
      json.key("alternative_names");
      put_names(json, certificate);
    }
    put_member(json, "signature_algorithm", certificate, write_signature);
    put_member(json, "public_key_algorithm", certificate, write_key_algorithm);
    put_member(json, "public_key_curve", certificate, write_key_curve);
    if (certificate.key_bits != 0) put_number(json, "public_key_size", certificate.key_bits);
    put_number(json, "version", certificate.version);
    put_flag(json, "ca", certificate.authority);
    put_flag(json, "self_issued", certificate.self_issued());
    json.raw('}');
  }
  json.raw(']');
}

}  // namespace handprint
