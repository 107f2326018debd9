// SPDX-License-Identifier: Apache-2.0
// OpenSSL's objects, freed by themselves.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace handprint::test {

template <auto Free>
struct OpensslFree {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};
template <class T, auto Free>
using OpensslPointer = std::unique_ptr<T, OpensslFree<Free>>;

using OpensslKey = OpensslPointer<EVP_PKEY, EVP_PKEY_free>;
using OpensslCertificate = OpensslPointer<X509, X509_free>;

}  // namespace handprint::test
