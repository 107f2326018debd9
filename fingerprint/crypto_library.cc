// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/crypto_library.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>

namespace handprint {

OSSL_LIB_CTX* crypto_library() {
  static OSSL_LIB_CTX* const library = [] {
    OSSL_LIB_CTX* fresh = OSSL_LIB_CTX_new();
    const bool usable = fresh != nullptr && OSSL_PROVIDER_load(fresh, "default") != nullptr;
    return usable ? fresh : nullptr;
  }();
  return library;
}

void load_legacy_algorithms() {
  static const bool loaded =
      crypto_library() != nullptr && OSSL_PROVIDER_load(crypto_library(), "legacy") != nullptr;
  static_cast<void>(loaded);
}

void write_hkdf_label(std::string_view label, std::size_t size, Text& out) {
  constexpr std::string_view prefix = "tls13 ";
  out.put('\0');
  out.put(static_cast<char>(size));
  out.put(static_cast<char>(prefix.size() + label.size()));
  out.put(prefix);
  out.put(label);
  out.put('\0');  // no context
  out.put('\1');  // the number of the block, RFC 5869 section 2.3
}

}  // namespace handprint
