// SPDX-License-Identifier: Apache-2.0
// The first byte chooses: any bytes as a datagram of QUIC packets, as the frames of an opened one, as
// a ClientHello with transport parameters.
#include <algorithm>

#include "fingerprint/client_hello.h"
#include "fingerprint/mercury_tls.h"
#include "fingerprint/quic_initial.h"
#include "fuzz_room.h"

using namespace handprint;

namespace {

void read_datagram(Bytes datagram) {
  static const auto opener = std::make_unique<QuicOpener>();
  QuicPacket packet;
  for (; !datagram.empty(); datagram = datagram.subspan(packet.size())) {
    if (parse_quic_packet(datagram, packet) != Reason::ok) return;
    if (packet.size() == 0 || packet.size() > datagram.size()) std::abort();
    if (packet.type != QuicPacketType::initial) continue;
    Bytes payload;
    for (QuicSide side : {QuicSide::client, QuicSide::server})
      opener->open(packet, packet.version, packet.destination_id, side, fuzz::workspace().digests, payload);
  }
}

void read_frames(Bytes payload, bool google) {
  QuicFrameReader reader(payload, google);
  QuicCrypto frame;
  size_t given = 0;
  while (reader.next(frame) == Reason::ok)
    if (frame.data.size() > payload.size() || ++given > payload.size()) std::abort();
}

void read_hello(Bytes body) {
  ClientHello hello;
  parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::quic, hello);
  fuzz::try_writer([&](Text& out) { return write_mercury_quic(hello, 1, MercuryOrder::sorted, fuzz::workspace(), out); }, hello.complete);
  QuicParameterReader reader(hello.quic_transport_parameters);
  QuicParameter parameter;
  while (reader.next(parameter))
    if (parameter.id_bytes.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes rest(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0: read_datagram(rest); break;
    case 1: read_frames(rest, false); break;
    case 2: read_frames(rest, true); break;
    default: read_hello(rest); break;
  }
  return 0;
}
