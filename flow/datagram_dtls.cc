// SPDX-License-Identifier: Apache-2.0
// DTLS: hellos put together from their fragments, whatever the order (RFC 6347, RFC 9147).
#include "fingerprint/dtls_record.h"

#include "fingerprint/tls_record.h"
#include "flow/datagram.h"
#include "flow/hello.h"

namespace handprint {

namespace {

// A message is whole.
void on_message(uint8_t type, Bytes body, Exchange& ex) {
  End& end = ex.sender();
  if (type == tls_handshake::certificate) return note_certificates(body, false, ex);
  Reason reason = Reason::ok;
  bool retry = false;
  if (type == tls_handshake::client_hello) {
    ClientHello hello;
    reason =
        parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::dtls, hello);
    if (hello.complete) reason = note_client_hello(hello, ex, 0);
  } else {
    ServerHello hello;
    reason =
        parse_server_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::dtls, hello);
    if (hello.complete) reason = note_server_hello(hello, ex);
    retry = hello.complete && hello.hello_retry_request;
  }
  if (reason != Reason::ok && !end.settled)
    if (DocumentBuilder* document = ex.document())
      document->note_incomplete(part_name(HP_CONTENT_DTLS, ex.side()), reason);
  ++end.messages;
  if (!retry) end.settled = true;
  end.content = HP_CONTENT_NONE;
  end.incomplete_noted = false;
}

void forget_message(Stream& stream, StreamPool& streams) {
  streams.drop(stream);
  stream.has_base = false;
  stream.over_limit = stream.evicted = false;
}

DatagramRead on_fragment(const DtlsFragment& fragment, Exchange& ex, StreamPool& streams) {
  End& end = ex.sender();
  Stream& stream = end.stream;
  DatagramRead out;
  const bool at_hand =
      stream.has_base && stream.base == fragment.message && stream.needed == fragment.length;
  if (fragment.whole()) {
    if (at_hand) forget_message(stream, streams);
    out.fresh = !end.settled || end.messages == 0 || fragment.type == tls_handshake::certificate;
    on_message(fragment.type, fragment.data, ex);
    return out;
  }
  if (!at_hand) {
    // A later message says that the peer has what came before; an earlier one is a straggler.
    if (stream.has_base && fragment.message < stream.base) return out;
    forget_message(stream, streams);
    stream.has_base = true;
    stream.base = fragment.message;
    stream.needed = fragment.length;
  }
  if (!end.settled && fragment.type != tls_handshake::certificate) end.content = HP_CONTENT_DTLS;
  const StreamPool::Placed placed = streams.place(stream, fragment.offset, fragment.data);
  out.fresh = placed.fresh != 0;
  out.cut = placed.dropped != 0;
  const Bytes message = StreamPool::contiguous(stream);
  if (message.size() < fragment.length || message.empty()) return out;
  on_message(fragment.type, message.first(fragment.length), ex);
  forget_message(stream, streams);
  return out;
}

}  // namespace

DatagramRead read_dtls_datagram(Bytes datagram, Exchange& ex, StreamPool& streams) {
  Flow& flow = ex.flow;
  End& end = ex.sender();
  flow.add_protocol(Protocol::dtls);
  DatagramRead out;
  DtlsFragmentReader reader(datagram);
  DtlsFragment fragment;
  Reason reason;
  while ((reason = reader.next(fragment)) == Reason::ok) {
    switch (fragment.type) {
      case tls_handshake::client_hello:
      case tls_handshake::server_hello: {
        flow.claim_client(fragment.type == tls_handshake::client_hello
                              ? ex.direction
                              : static_cast<uint8_t>(ex.direction ^ 1));
        const DatagramRead one = on_fragment(fragment, ex, streams);
        out.fresh = out.fresh || one.fresh;
        out.cut = out.cut || one.cut;
        break;
      }
      case dtls_handshake::hello_verify_request:
        // The server's own hello is to come; the client's second one says what its first one said.
        flow.claim_client(ex.direction ^ 1);
        out.fresh = out.fresh || end.messages == 0;
        ++end.messages;
        break;
      case tls_handshake::certificate:
        if (ex.options.certificates) {
          const DatagramRead one = on_fragment(fragment, ex, streams);
          out.fresh = out.fresh || one.fresh;
          out.cut = out.cut || one.cut;
        }
        break;
      default:
        break;
    }
  }
  if (reason == Reason::malformed_dtls && end.messages == 0 && !end.settled) {
    if (DocumentBuilder* document = ex.document())
      document->note_incomplete(part_name(HP_CONTENT_DTLS, ex.side()), reason);
    out.fresh = true;
    end.settled = true;
  }
  return out;
}

}  // namespace handprint
