// SPDX-License-Identifier: Apache-2.0
// QUIC: Initial packets are opened, and the hellos put together from their CRYPTO frames (RFC 9000,
// 9001, 9369).
#include "fingerprint/quic_packet.h"

#include <algorithm>
#include <cstring>

#include "fingerprint/quic_initial.h"
#include "fingerprint/tls_record.h"
#include "flow/datagram.h"
#include "flow/hello.h"

namespace handprint {

namespace {

constexpr std::size_t message_header = 4;  // type and 24-bit length

uint32_t declared_length(Bytes message) {
  return static_cast<uint32_t>(message[1]) << 16 | static_cast<uint32_t>(message[2]) << 8 |
         message[3];
}

void finish_message(End& end) {
  ++end.messages;
  end.content = HP_CONTENT_NONE;
  end.incomplete_noted = false;
  end.stream.over_limit = end.stream.evicted = false;
}

void give_up(Exchange& ex, Reason reason) {
  End& end = ex.sender();
  if (!end.settled)
    if (DocumentBuilder* document = ex.document())
      document->note_incomplete(part_name(HP_CONTENT_QUIC, ex.side()), reason);
  end.settled = true;
  finish_message(end);
}

// A message is whole. False when no hello can follow it.
bool on_message(Bytes message, uint32_t version, Exchange& ex) {
  End& end = ex.sender();
  const uint32_t length = declared_length(message);
  const Bytes body = message.subspan(message_header);
  Reason reason = Reason::not_this_protocol;
  bool retry = false;
  if (message[0] == tls_handshake::client_hello) {
    ClientHello hello;
    reason = parse_client_hello(body, length, HelloTransport::quic, hello);
    if (hello.complete) reason = note_client_hello(hello, ex, version);
  } else if (message[0] == tls_handshake::server_hello) {
    ServerHello hello;
    reason = parse_server_hello(body, length, HelloTransport::quic, hello);
    if (hello.complete) reason = note_server_hello(hello, ex);
    retry = hello.complete && hello.hello_retry_request;
  }
  if (reason != Reason::ok) {
    give_up(ex, reason);
    return false;
  }
  if (!retry) end.settled = true;
  finish_message(end);
  return true;
}

// Reads the whole messages at the start of `bytes`; how many of them were used.
std::size_t read_messages(Bytes bytes, uint32_t version, Exchange& ex) {
  std::size_t used = 0;
  while (bytes.size() - used >= message_header) {
    const Bytes rest = bytes.subspan(used);
    const std::size_t size = message_header + declared_length(rest);
    if (rest.size() < size) break;
    used += size;
    if (!on_message(rest.first(size), version, ex)) break;
  }
  return used;
}

void on_crypto(const QuicCrypto& frame, uint32_t version, Exchange& ex, StreamPool& streams,
               DatagramRead& out) {
  End& end = ex.sender();
  Stream& stream = end.stream;
  if (frame.offset + frame.data.size() <= stream.begin) return;  // was read already
  Bytes data = frame.data;
  uint64_t offset = 0;
  if (frame.offset < stream.begin)
    data = data.subspan(static_cast<std::size_t>(stream.begin - frame.offset));
  else
    offset = frame.offset - stream.begin;
  // Most hellos lie whole in one frame, and are read where they are.
  if (offset == 0 && stream.buffer == nullptr) {
    const std::size_t used = read_messages(data, version, ex);
    stream.begin += static_cast<uint32_t>(used);
    data = data.subspan(used);
    out.fresh = out.fresh || used != 0;
    if (data.empty()) return;
  }
  if (offset >= StreamPool::large_capacity) {
    out.cut = true;
    return;
  }
  if (!end.settled || ex.flow.retry_pending) end.content = HP_CONTENT_QUIC;
  const StreamPool::Placed placed = streams.place(stream, static_cast<uint32_t>(offset), data);
  out.fresh = out.fresh || placed.fresh != 0;
  out.cut = out.cut || placed.dropped != 0;
}

void read_frames(Bytes payload, uint32_t version, Exchange& ex, StreamPool& streams,
                 DatagramRead& out) {
  End& end = ex.sender();
  QuicFrameReader reader(payload, quic_version(version).google);
  QuicCrypto frame;
  Reason reason;
  while ((reason = reader.next(frame)) == Reason::ok) on_crypto(frame, version, ex, streams, out);
  const Bytes kept = StreamPool::contiguous(end.stream);
  if (const std::size_t used = read_messages(kept, version, ex); used != 0) {
    streams.consume(end.stream, static_cast<uint32_t>(used));
  } else if (kept.size() >= message_header &&
             message_header + declared_length(kept) > StreamPool::large_capacity) {
    streams.drop(end.stream);
    give_up(ex, Reason::too_long);
  }
  if (reason == Reason::malformed_quic && end.messages == 0) give_up(ex, reason);
  if (reader.closed()) end.settled = true;
}

// The connection has another first connection id: after a Retry, or because it is another
// connection between the same ports.
void restart(Bytes id, Exchange& ex, StreamPool& streams) {
  Flow& flow = ex.flow;
  for (End& end : flow.end) {
    streams.drop(end.stream);
    end.stream.begin = 0;
    end.content = HP_CONTENT_NONE;
  }
  std::ranges::copy(id, flow.quic_id.begin());
  flow.quic_id_size = static_cast<uint8_t>(id.size());
  flow.quic_known = true;
  flow.retry_seen = flow.retry_pending = false;
}

// A packet of a version that no server has is protected as its client pleases, which is as one of
// the versions that it would have next.
Reason open_reserved(const QuicPacket& packet, QuicOpener& opener, const Digests& digests,
                     Bytes& payload) {
  constexpr uint32_t likely[] = {1, 0xff00001d, 0xff00001c};
  Reason reason = Reason::encrypted;
  for (uint32_t version : likely) {
    reason =
        opener.open(packet, version, packet.destination_id, QuicSide::client, digests, payload);
    if (reason != Reason::encrypted) break;
  }
  return reason;
}

// Opens an Initial packet by the connection's first id, else, from the client, by its own.
Reason open_initial(const QuicPacket& packet, Exchange& ex, StreamPool& streams, Bytes& payload) {
  Flow& flow = ex.flow;
  QuicOpener& opener = ex.scratch.quic;
  const Digests& digests = ex.scratch.workspace.digests;
  Reason reason = Reason::encrypted;
  if (flow.quic_known && !quic_version_is_reserved(packet.version)) {
    const QuicSide side = ex.side() == Side::client ? QuicSide::client : QuicSide::server;
    reason = opener.open(packet, packet.version, Bytes(flow.quic_id).first(flow.quic_id_size), side,
                         digests, payload);
    if (reason != Reason::encrypted || side == QuicSide::server) return reason;
  }
  reason = quic_version_is_reserved(packet.version)
               ? open_reserved(packet, opener, digests, payload)
               : opener.open(packet, packet.version, packet.destination_id, QuicSide::client,
                             digests, payload);
  if (reason != Reason::ok) return reason;
  flow.claim_client(ex.direction);
  const bool same =
      flow.quic_known &&
      std::ranges::equal(Bytes(flow.quic_id).first(flow.quic_id_size), packet.destination_id);
  if (!same) restart(packet.destination_id, ex, streams);
  return Reason::ok;
}

}  // namespace

DatagramRead read_quic_datagram(Bytes datagram, Exchange& ex, StreamPool& streams) {
  ex.flow.add_protocol(Protocol::quic);
  DatagramRead out;
  QuicPacket packet;
  for (; !datagram.empty(); datagram = datagram.subspan(packet.size())) {
    const Reason parsed = parse_quic_packet(datagram, packet);
    if (packet.version != 0 && !quic_version(packet.version).known &&
        !quic_version_is_reserved(packet.version)) {
      // Named, and nothing more can be said of it: behind the connection ids every version may
      // look as it likes (RFC 8999, 5.1).
      out.fresh = out.fresh || !ex.sender().settled;
      ex.flow.claim_client(ex.direction);
      ex.sender().settled = true;
      break;
    }
    if (parsed != Reason::ok) break;
    if (packet.type != QuicPacketType::initial) continue;
    Bytes payload;
    if (open_initial(packet, ex, streams, payload) == Reason::ok)
      read_frames(payload, packet.version, ex, streams, out);
  }
  return out;
}

}  // namespace handprint
