// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

namespace handprint {
namespace {

// One algorithm with the context that is used for it again and again.
struct Algorithm {
  EVP_MD* type = nullptr;
  EVP_MD_CTX* context = nullptr;

  void fetch(OSSL_LIB_CTX* library, const char* algorithm) {
    type = EVP_MD_fetch(library, algorithm, "provider=default");
    context = EVP_MD_CTX_new();
    if (type == nullptr || context == nullptr || EVP_DigestInit_ex2(context, type, nullptr) != 1) {
      release();
    }
  }
  void release() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(type);
    context = nullptr;
    type = nullptr;
  }
  // Without a type OpenSSL starts the context anew with the algorithm it already has, and so
  // neither looks it up nor allocates.
  bool compute(Bytes bytes, uint8_t* out) {
    return context != nullptr && EVP_DigestInit_ex2(context, nullptr, nullptr) == 1 &&
           EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1 &&
           EVP_DigestFinal_ex(context, out, nullptr) == 1;
  }
};

}  // namespace

struct Digests::State {
  OSSL_LIB_CTX* library = nullptr;
  OSSL_PROVIDER* provider = nullptr;
  Algorithm md5;
  Algorithm sha256;

  State() {
    library = OSSL_LIB_CTX_new();
    if (library == nullptr) return;
    provider = OSSL_PROVIDER_load(library, "default");
    if (provider == nullptr) return;
    md5.fetch(library, "MD5");
    sha256.fetch(library, "SHA2-256");
  }
  ~State() {
    md5.release();
    sha256.release();
    if (provider != nullptr) OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(library);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Digests::Digests() : state_(std::make_unique<State>()) {}
Digests::~Digests() = default;

bool Digests::available() const {
  return state_->md5.context != nullptr && state_->sha256.context != nullptr;
}

bool Digests::md5(Bytes bytes, Md5& out) { return state_->md5.compute(bytes, out.data()); }

bool Digests::sha256(Bytes bytes, Sha256& out) { return state_->sha256.compute(bytes, out.data()); }

}  // namespace handprint
