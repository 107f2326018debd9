// SPDX-License-Identifier: Apache-2.0
// What a record says of certificates.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "fingerprint/certificate.h"
#include "record/json_text.h"

namespace handprint {

// Text that is made from a certificate when it is written.
struct CertificateText {
  const Certificate* certificate = nullptr;
  void (*write)(const Certificate& certificate, Text& out) = nullptr;
};
struct CertificateNames {
  const Certificate* certificate = nullptr;
};
struct CertificateChain {
  std::span<const Bytes> chain;
  int64_t seen = 0;  // wall time of the connection, seconds since 1970
};

// The end entity's certificate of a chain, or none where there is none that can be read.
class LeafCertificate {
 public:
  LeafCertificate() = default;
  explicit LeafCertificate(std::span<const Bytes> chain) {
    known_ = !chain.empty() && parse_certificate(chain[0], certificate_) == Reason::ok;
  }

  CertificateText sha1() const;
  CertificateText sha256() const;
  CertificateText subject() const;
  CertificateText subject_common_name() const;
  CertificateText issuer() const;
  CertificateText issuer_common_name() const;
  CertificateText serial() const;
  CertificateText not_before() const;
  CertificateText not_after() const;
  CertificateText signature_algorithm() const;
  CertificateText key_algorithm() const;
  CertificateText key_curve() const;
  CertificateText version() const;
  CertificateNames alternative_names() const { return {known_ ? &certificate_ : nullptr}; }
  std::optional<uint64_t> key_size() const {
    return known_ && certificate_.key_bits != 0 ? std::optional<uint64_t>(certificate_.key_bits)
                                                : std::optional<uint64_t>();
  }

 private:
  CertificateText text(void (*write)(const Certificate&, Text&)) const {
    return {known_ ? &certificate_ : nullptr, write};
  }

  Certificate certificate_;
  bool known_ = false;
};

bool present(const CertificateText& value);
bool present(const CertificateNames& value);
inline bool present(const CertificateChain& value) { return !value.chain.empty(); }
void put(JsonText& json, const CertificateText& value);
void put(JsonText& json, const CertificateNames& value);
void put(JsonText& json, const CertificateChain& value);

}  // namespace handprint
