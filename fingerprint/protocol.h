// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"

namespace handprint {

enum class Protocol : uint8_t {
#define HP_PROTOCOL(identifier, record_name, label) identifier,
#include "fingerprint/protocols.def"
#undef HP_PROTOCOL
};

inline constexpr size_t protocol_count = 0
#define HP_PROTOCOL(identifier, record_name, label) +1
#include "fingerprint/protocols.def"
#undef HP_PROTOCOL
    ;

// "tls", "http/1" …; "" for unknown.
std::string_view name(Protocol protocol);
// "TLS", "HTTP/1" …
std::string_view label(Protocol protocol);

// Which protocol these first bytes of a stream speak, judged by content alone. Conservative: bytes
// that several protocols could send give unknown, and so do too few bytes; calling again with more
// can turn unknown into a name, but a name never into another. 64 bytes are enough.
// `client`: bytes of the side that opened the connection; `server`: of the other side.
Protocol recognise_client(Bytes stream);
Protocol recognise_server(Bytes stream);

// The same for one UDP datagram: QUIC (long header of a known version), DTLS, DNS.
Protocol recognise_datagram(Bytes datagram);

// The protocol that an ALPN name stands for (RFC 7301 registry): "h2" → http2, "http/1.1" → http1,
// "dot" → dot …; unknown for others.
Protocol protocol_of_alpn(std::string_view alpn);

// Both sides of an HTTP/1 connection agreed on WebSocket: use with the Upgrade header's value.
bool is_websocket_upgrade(std::string_view upgrade_value);

}  // namespace handprint
