// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "fingerprint/cursor.h"

namespace handprint {

using Md5 = std::array<uint8_t, 16>;
using Sha256 = std::array<uint8_t, 32>;

// MD5 and SHA-256 by OpenSSL. The algorithms are fetched once, from a library context of our own
// that loads only the default provider: a host whose configuration demands FIPS (which has no MD5)
// still prints JA3, and a host-wide provider setting cannot change a fingerprint. Construction
// allocates; computing a digest does not. One object a thread.
class Digests {
 public:
  Digests();
  ~Digests();
  Digests(const Digests&) = delete;
  Digests& operator=(const Digests&) = delete;

  // False when the crypto library offers no MD5 or no SHA-256; md5() and sha256() then fail.
  bool available() const;

  // Digest of the bytes. False (and `out` untouched) when the library refuses.
  [[nodiscard]] bool md5(Bytes bytes, Md5& out);
  [[nodiscard]] bool sha256(Bytes bytes, Sha256& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace handprint
