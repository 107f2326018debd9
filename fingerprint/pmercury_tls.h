// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fingerprint/client_hello.h"
#include "fingerprint/cut.h"
#include "fingerprint/reason.h"
#include "fingerprint/server_hello.h"
#include "fingerprint/text.h"

namespace handprint {

// pmercury's TLS client string, "(version)(suites)((extension)…)": the key of its public database.
// Some extensions carry length and data, the others only their type; GREASE stands as 0a0a in the
// first suite, in extension types, in supported_groups and in supported_versions.
//   A hello without extensions ends in "()". One without a whole suite list has no string.
// no_fingerprint for SSLv2-style hellos and, with Cut::refuse, incomplete ones; too_long when `out`
// has no room, and then nothing is left in it.
Reason write_pmercury_tls(const ClientHello& hello, Cut cut, Text& out);

// The same for a ServerHello: "(version)(suite)((extension)…)".
Reason write_pmercury_tls_server(const ServerHello& hello, Cut cut, Text& out);

}  // namespace handprint
