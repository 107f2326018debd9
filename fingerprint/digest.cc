// SPDX-License-Identifier: Apache-2.0
// The block functions are declared without the mark of deprecation only for this interface level.
#define OPENSSL_API_COMPAT 0x10100000L

#include "fingerprint/digest.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>

namespace handprint {
namespace {

bool compute_md5(Bytes bytes, uint8_t* out) {
  MD5_CTX context;
  return MD5_Init(&context) == 1 && MD5_Update(&context, bytes.data(), bytes.size()) == 1 &&
         MD5_Final(out, &context) == 1;
}

bool compute_sha256(Bytes bytes, uint8_t* out) {
  SHA256_CTX context;
  return SHA256_Init(&context) == 1 && SHA256_Update(&context, bytes.data(), bytes.size()) == 1 &&
         SHA256_Final(out, &context) == 1;
}

}  // namespace

Digests::Digests() {
  // RFC 1321 appendix A.5 and FIPS 180-4 for the text "abc": the first bytes are enough to tell.
  constexpr std::array<uint8_t, 3> text = {'a', 'b', 'c'};
  Md5 md5{};
  Sha256 sha256{};
  available_ = compute_md5(text, md5.data()) && compute_sha256(text, sha256.data()) &&
               md5[0] == 0x90 && md5[15] == 0x72 && sha256[0] == 0xba && sha256[31] == 0xad;
}

bool Digests::md5(Bytes bytes, Md5& out) const {
  return available_ && compute_md5(bytes, out.data());
}

bool Digests::sha1(Bytes bytes, Sha1& out) const {
  SHA_CTX context;
  return available_ && SHA1_Init(&context) == 1 &&
         SHA1_Update(&context, bytes.data(), bytes.size()) == 1 && SHA1_Final(out.data(), &context) == 1;
}

bool Digests::hmac_sha256(Bytes key, Bytes bytes, Sha256& out) const {
  constexpr size_t block = 64;
  std::array<uint8_t, block> inner{}, outer{};
  if (key.size() > block) {
    if (!sha256(key, out)) return false;
    std::copy(out.begin(), out.end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  outer = inner;
  for (uint8_t& byte : inner) byte ^= 0x36;
  for (uint8_t& byte : outer) byte ^= 0x5c;
  SHA256_CTX context;
  return available_ && SHA256_Init(&context) == 1 &&
         SHA256_Update(&context, inner.data(), block) == 1 &&
         SHA256_Update(&context, bytes.data(), bytes.size()) == 1 &&
         SHA256_Final(out.data(), &context) == 1 && SHA256_Init(&context) == 1 &&
         SHA256_Update(&context, outer.data(), block) == 1 &&
         SHA256_Update(&context, out.data(), out.size()) == 1 &&
         SHA256_Final(out.data(), &context) == 1;
}

bool Digests::sha256(Bytes bytes, Sha256& out) const {
  return available_ && compute_sha256(bytes, out.data());
}

}  // namespace handprint
