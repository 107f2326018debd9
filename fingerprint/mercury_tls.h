// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fingerprint/client_hello.h"
#include "fingerprint/reason.h"
#include "fingerprint/server_hello.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"

namespace handprint {

// mercury's strings of hellos, without the prefix that names their kind ("dtls/", "quic/";
// kinds.def). They differ from pmercury's: every GREASE suite stands as 0a0a, GREASE extensions
// have no data, and the transport parameters of QUIC stand as the list of their ids.
enum class MercuryOrder : uint8_t {
  wire,    // "(version)(suites)((extension)…)", in the order of the hello
  sorted,  // "(version)(suites)[(extension)…]", by type, then length, then data
  // As sorted, of the types in mercury's list only: private ones stand as ff00 and unassigned ones as 003e,
  // without data, and no type more than three times. What a session changes (padding, tickets, early
  // data) is not in the list.
  filtered,
};

// no_fingerprint for an incomplete or SSLv2-style hello; too_long when `out` has no room, and then
// nothing is left in it. Uses workspace.sort.
Reason write_mercury_tls(const ClientHello& hello, MercuryOrder order, Workspace& workspace,
                         Text& out);
// The same for a ServerHello: "(version)(suite)((extension)…)", never sorted.
Reason write_mercury_tls_server(const ServerHello& hello, Text& out);

// "(QUIC version)(version)(suites)[(extension)…]", sorted or filtered.
Reason write_mercury_quic(const ClientHello& hello, uint32_t quic_version, MercuryOrder order,
                          Workspace& workspace, Text& out);

}  // namespace handprint
