// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "fingerprint/cursor.h"

namespace handprint {

using Md5 = std::array<uint8_t, 16>;
using Sha1 = std::array<uint8_t, 20>;
using Sha256 = std::array<uint8_t, 32>;

// MD5 and SHA-256 by libcrypto's block functions, which belong to no provider: a host whose
// configuration demands FIPS (which has no MD5) still prints JA3, no configuration can change a
// fingerprint, and nothing is looked up or allocated for a digest. (The EVP interface of
// OpenSSL 3.0 allocates and frees a context for every digest, also when one is reused.)
class Digests {
 public:
  // Checks both algorithms against a known value.
  Digests();

  // False when the crypto library does not compute MD5 or SHA-256; md5() and sha256() then fail.
  bool available() const { return available_; }

  // Digest of the bytes. False (and `out` untouched) when the library refuses.
  [[nodiscard]] bool md5(Bytes bytes, Md5& out) const;
  [[nodiscard]] bool sha1(Bytes bytes, Sha1& out) const;
  [[nodiscard]] bool sha256(Bytes bytes, Sha256& out) const;
  // HMAC with SHA-256 (RFC 2104); any length of key.
  [[nodiscard]] bool hmac_sha256(Bytes key, Bytes bytes, Sha256& out) const;

 private:
  bool available_ = false;
};

}  // namespace handprint
