// SPDX-License-Identifier: Apache-2.0
// How a protocol over UDP is read: datagram by datagram, with the pieces of a hello that is split
// over several kept in the stream of their direction.
#pragma once

#include "fingerprint/cursor.h"
#include "flow/exchange.h"
#include "flow/stream.h"

namespace handprint {

struct DatagramRead {
  bool fresh = false;  // it brought something new
  bool cut = false;    // bytes of it found no room
};

// datagram_dtls.cc. Of a direction's Stream are used: the buffer, by offsets into the message at
// hand; has_base, while one is at hand; base, its message_seq; needed, its length.
DatagramRead read_dtls_datagram(Bytes datagram, Exchange& exchange, StreamPool& streams);

// datagram_quic.cc. Of a direction's Stream are used: the buffer; begin, the offset in the
// handshake (the CRYPTO frames of Initial packets) up to which it was read.
DatagramRead read_quic_datagram(Bytes datagram, Exchange& exchange, StreamPool& streams);

// datagram_message.cc: any other protocol; unknown is one of them.
void note_datagram(Protocol protocol, Bytes datagram, Exchange& exchange);

}  // namespace handprint
