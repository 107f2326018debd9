// SPDX-License-Identifier: Apache-2.0
// pmercury's string of a certificate (its type `tls_certificate`, with -e).
#pragma once

#include "fingerprint/certificate.h"

namespace handprint {

// (serial)(signature algorithm)(issuer)(not before)(not after)(subject)(public key)(extensions): the
// serial in hexadecimal, everything else as the hexadecimal of its text; names by their standards, and
// "Unknown OID" for what has none. no_fingerprint: a key of an algorithm that pmercury does not know;
// too_long: it does not fit. The parts of names and extensions are in the order of the certificate.
Reason write_pmercury_certificate(const Certificate& certificate, Text& out);

}  // namespace handprint
