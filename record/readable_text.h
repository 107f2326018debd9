// SPDX-License-Identifier: Apache-2.0
// Fingerprints that were read back (fingerprint/readable.h) as JSON and as lines for people.
#pragma once

#include <string>

#include "fingerprint/readable.h"

namespace handprint {

// Appends the value as JSON without blanks. Keys of an object that come again stand again, as the
// fingerprint has them; bytes that are no UTF-8 are written as record/json_text.h says.
void write_readable_json(const Readable& value, std::string& out);

// Appends {"kind":…,"parts":…,"min_implementation_date":…,"max_implementation_date":…,"named":n,
// "unknown":n}, without a newline; the dates only where there are any.
void write_readable_json(const ReadableFingerprint& fingerprint, std::string& out);

// Appends lines for people: "key: value", lists below their key and indented. Nothing in it can
// steer a terminal.
void write_readable_lines(const ReadableFingerprint& fingerprint, std::string& out);

}  // namespace handprint
