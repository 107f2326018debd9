// SPDX-License-Identifier: Apache-2.0
// What a hello says, whatever carried it: TLS over TCP, QUIC or DTLS.
#pragma once

#include "fingerprint/client_hello.h"
#include "fingerprint/server_hello.h"
#include "flow/exchange.h"

namespace handprint {

// Writes the facts and strings of a complete hello into a document of the flow. The hello that
// answers a HelloRetryRequest is told by its random and gives facts of its own; one that only comes
// again gives nothing. quic_version: of the packet that carried it, 0 without QUIC.
// too_long when no memory was free.
Reason note_client_hello(const ClientHello& hello, Exchange& exchange, uint32_t quic_version);

// The same for a ServerHello or HelloRetryRequest; flow.retry_pending says that it was the latter.
Reason note_server_hello(const ServerHello& hello, Exchange& exchange);

// Takes the certificates of a Certificate message's body (tls13: in the form of RFC 8446) into a
// document of the flow. A message that is cut gives what is whole of it, and is told as incomplete.
void note_certificates(Bytes body, bool tls13, Exchange& exchange);

}  // namespace handprint
