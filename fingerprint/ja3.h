// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fingerprint/client_hello.h"
#include "fingerprint/reason.h"
#include "fingerprint/server_hello.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"

namespace handprint {

// JA3 (Salesforce 2017): "version,ciphers,extensions,groups,point formats", decimal numbers joined
// by '-' in the order of the wire, GREASE left out; version is the hello's legacy_version.
// "769,4-5-10,,," for a hello without extensions.
// no_fingerprint for an incomplete or SSLv2-style hello; too_long when `out` has no room, and then
// nothing is left in it.
Reason write_ja3_string(const ClientHello& hello, Text& out);
// The MD5 of that string as 32 hexadecimal digits. Uses workspace.text and digests.
Reason write_ja3(const ClientHello& hello, Workspace& workspace, Text& out);

// JA3S: "version,cipher,extensions" of the ServerHello, nothing left out.
Reason write_ja3s_string(const ServerHello& hello, Text& out);
Reason write_ja3s(const ServerHello& hello, Workspace& workspace, Text& out);

}  // namespace handprint
