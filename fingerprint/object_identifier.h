// SPDX-License-Identifier: Apache-2.0
// Object identifiers, as the content of their DER encoding (ITU-T X.690 section 8.19).
#pragma once

#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/text.h"

namespace handprint {

// "1.2.840.113549.1.1.11"; what is cut or has a number over 32 bits is left out from there on.
void write_object_identifier(Bytes identifier, Text& out);
// The same as text compared with what is written; false for what is no identifier.
bool object_identifier_is(Bytes identifier, std::string_view dotted);
// The name that its standard gives it, or "" for one that object_identifiers.def does not have.
std::string_view object_identifier_name(Bytes identifier);
// Bits of the elliptic curve that is named so; 0 for all others.
uint32_t curve_bits(Bytes identifier);

}  // namespace handprint
