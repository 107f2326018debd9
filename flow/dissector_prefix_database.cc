// SPDX-License-Identifier: Apache-2.0
// PostgreSQL, MySQL, TDS and RDP up to the TLS that both sides agree on.
#include <algorithm>
#include <cstring>

#include "fingerprint/tls_request.h"
#include "flow/dissector_prefix.h"

namespace handprint {

namespace {

void note(Protocol protocol, StreamPrefix prefix, Exchange& ex) {
  ex.flow.add_protocol(protocol);
  ex.flow.asked = prefix;
}

}  // namespace

Dissected read_postgresql(Bytes bytes, Exchange& ex) {
  if (bytes[0] == tls_handshake_record) return prefix_ends(0);
  if (ex.side() == Side::server) {
    // One byte for each request: S, or N; behind an N the client may ask for something else.
    const bool answer = bytes[0] == 'S' || bytes[0] == 'N';
    return answer ? prefix_goes_on(1) : prefix_gives_up(bytes);
  }
  TlsRequest request;
  std::size_t needed = 0;
  const Reason reason = parse_postgresql_request(bytes, request, needed);
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  ex.flow.claim_client(ex.direction);
  note(Protocol::postgresql, StreamPrefix::postgresql, ex);
  return prefix_goes_on(request.length);
}

Dissected read_mysql(Bytes bytes, Exchange& ex) {
  if (bytes[0] == tls_handshake_record && ex.sender().prefix.step != 0) return prefix_ends(0);
  if (ex.sender().prefix.step != 0) return prefix_gives_up(bytes);
  TlsRequest request;
  std::size_t needed = 0;
  const Reason reason = ex.side() == Side::server ? parse_mysql_greeting(bytes, request, needed)
                                                  : parse_mysql_request(bytes, request, needed);
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  note(Protocol::mysql, StreamPrefix::mysql, ex);
  return prefix_goes_on(request.length);
}

Dissected read_tds(Bytes bytes, Exchange& ex) {
  TlsRequest packet;
  std::size_t needed = 0;
  const Reason reason = parse_tds_packet(bytes, packet, needed);
  if (reason == Reason::need_more && !packet.tls) return prefix_needs(needed);
  if (reason != Reason::ok && reason != Reason::need_more) return prefix_gives_up(bytes);
  note(Protocol::tds, StreamPrefix::tds, ex);
  if (!packet.tls) return prefix_goes_on(packet.length);
  // TLS inside of packets: their contents, one behind the other, are its stream.
  auto& inner = ex.scratch.unwrapped;
  std::size_t size = 0;
  Bytes rest = bytes;
  for (bool whole = true; whole && !rest.empty();) {
    whole = parse_tds_packet(rest, packet, needed) == Reason::ok;
    const std::size_t n = std::min(packet.inside.size(), inner.size() - size);
    if (n == 0) break;
    std::memcpy(inner.data() + size, packet.inside.data(), n);
    size += n;
    rest = rest.subspan(std::min(packet.length, rest.size()));
  }
  ex.flow.prefixes.add(StreamPrefix::tds);
  const Bytes hello(inner.data(), size);
  const bool server = ex.side() == Side::server;
  const uint8_t content = server ? HP_CONTENT_TLS_SERVER : HP_CONTENT_TLS_CLIENT;
  Dissected result = dissect_tls(hello, content, ex);
  if (result.state == Dissected::State::need_more) return prefix_needs(bytes.size() + 1);
  // What it says of lengths is about the inner stream.
  result.consumed = static_cast<uint32_t>(bytes.size());
  if (result.state == Dissected::State::aside) result.state = Dissected::State::over;
  return result;
}

Dissected read_rdp(Bytes bytes, Exchange& ex) {
  if (bytes[0] == tls_handshake_record) return prefix_ends(0);
  if (ex.sender().prefix.step != 0) return prefix_gives_up(bytes);
  TlsRequest request;
  std::size_t needed = 0;
  const bool client = ex.side() == Side::client;
  const Reason reason = client ? parse_rdp_request(bytes, request, needed)
                               : parse_rdp_confirm(bytes, request, needed);
  if (reason == Reason::need_more) return prefix_needs(needed);
  if (reason != Reason::ok) return prefix_gives_up(bytes);
  note(Protocol::rdp, StreamPrefix::rdp, ex);
  // Without TLS the connection goes on as it began.
  if (!request.tls) return prefix_gives_up(bytes);
  return prefix_goes_on(request.length);
}

}  // namespace handprint
