// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "fingerprint/client_hello.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"

namespace handprint {

// JA4, TLS client fingerprint (FoxIO, BSD-3-Clause): "t13d1516h2_8daaf6152771_e5627efa2ab1".
enum class Ja4Form : uint8_t {
  ja4,    // lists sorted and hashed
  ja4_r,  // sorted, not hashed
  ja4_o,  // in the order of the wire, with SNI and ALPN, hashed
  ja4_ro,  // in the order of the wire, not hashed
  // As ja4, without what a client leaves out or adds from one connection to the next to the same place:
  // padding, session_ticket, pre_shared_key and early_data, in the list and in the count. One value for a
  // first and for a resumed connection. Ours; practice elsewhere leaves out three or all four.
  stable
};

// Writes the form asked for. The first letter follows hello.transport: 't', 'q' or 'd'.
// GREASE is left out of suites, extensions, versions and signature algorithms. For DTLS the version
// is the newest, that is the one with the smallest number.
// no_fingerprint for an incomplete or SSLv2-style hello; too_long when `out` has no room, and then
// nothing is left in it. Uses workspace.sort, text and digests.
Reason write_ja4(const ClientHello& hello, Ja4Form form, Workspace& workspace, Text& out);

}  // namespace handprint
