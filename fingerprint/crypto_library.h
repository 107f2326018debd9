// SPDX-License-Identifier: Apache-2.0
// What the users of libcrypto's algorithms share.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <string_view>

#include "fingerprint/text.h"

namespace handprint {

// A library context with libcrypto's usual algorithms that reads no configuration, for the whole process
// and for its whole life: setting one up is slow, and a host that demands FIPS must change no fingerprint.
// Null when libcrypto refuses.
OSSL_LIB_CTX* crypto_library();
// Adds the algorithms that libcrypto calls legacy (RC4), where they are installed.
void load_legacy_algorithms();

// What HKDF-Expand-Label (RFC 8446 section 7.1, without context) gives to HMAC for its first block: the
// output has at most one. size: of the output in bytes, at most 255.
void write_hkdf_label(std::string_view label, std::size_t size, Text& out);

}  // namespace handprint
