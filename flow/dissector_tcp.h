// SPDX-License-Identifier: Apache-2.0
// The connection's first two packets. They are no stream, so they have no row in the registry.
#pragma once

#include "flow/flow.h"

namespace handprint {

// Keeps the facts of a SYN or SYN+ACK with the end that sent it; the strings are written with the
// first document. False for a packet whose options were cut: facts of half a header would be wrong.
bool keep_handshake(const Packet& packet, PacketTime time, End& end);

// A SYN or SYN+ACK that repeats the sequence number of the one that is kept: true when its window
// or options are others (some stacks offer less after several tries) and this was not said before.
bool is_variant(const Packet& packet, End& end);
// Writes the strings of pmercury and, with all_strings, of mercury for such a variant; the other strings are
// those of the first try.
void write_variant(const Packet& packet, PacketTime time, Side side, DocumentBuilder& document,
                   Scratch& scratch, bool all_strings);

// Writes what is kept of both ends and is not yet in a document; with all_strings also the kinds that are
// shown only with `fields: all`.
void write_handshakes(Flow& flow, DocumentBuilder& document, Scratch& scratch, bool all_strings);

}  // namespace handprint
