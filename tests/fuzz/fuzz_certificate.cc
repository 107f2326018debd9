// SPDX-License-Identifier: Apache-2.0
// Any bytes as a certificate and as the message that carries some.
#include "fingerprint/certificate.h"
#include "fingerprint/object_identifier.h"
#include "fingerprint/pmercury_certificate.h"
#include "fuzz_room.h"

using namespace handprint;

namespace {

bool inside(Bytes part, Bytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  for (const bool tls13 : {false, true}) {
    CertificateMessage message(bytes, tls13);
    for (Bytes der; message.next(der);)
      if (!inside(der, bytes)) std::abort();
  }
  Certificate certificate;
  const Reason reason = parse_certificate(bytes, certificate);
  if (reason != Reason::ok && reason != Reason::malformed_certificate) std::abort();
  for (const Bytes part : {certificate.serial, certificate.issuer, certificate.subject, certificate.extensions,
                           certificate.rsa_modulus, certificate.alternative_names})
    if (!inside(part, bytes)) std::abort();
  std::array<char, 4096> room;
  Text out(room);
  write_object_identifier(bytes, out);
  object_identifier_name(bytes);
  curve_bits(bytes);
  if (reason != Reason::ok) return 0;
  fuzz::try_writer([&](Text& to) { return write_pmercury_certificate(certificate, to); }, true);
  for (const Bytes name : {certificate.issuer, certificate.subject}) {
    out.clear();
    write_name(name, out);
    out.clear();
    write_attribute(name, "2.5.4.3", out);
  }
  for (AlternativeNames names(certificate.alternative_names); names.next(out);) {
  }
  Bytes type, value;
  for (CertificateExtensions all(certificate.extensions); all.next(type, value);)
    if (!inside(value, bytes)) std::abort();
  const int64_t from = certificate.not_before.unix_seconds();
  if (from < -62'167'219'200 || from > 253'402'300'800) std::abort();  // years 0 to 9999
  certificate.self_issued();
  return 0;
}
