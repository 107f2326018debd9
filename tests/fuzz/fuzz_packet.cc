// SPDX-License-Identifier: Apache-2.0
// Any bytes as a captured frame. The first byte chooses the link type, the second how much the
// capture left off.
#include "fingerprint/mercury_tcp.h"
#include "fingerprint/packet.h"
#include "fingerprint/tcp_handshake.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  constexpr uint32_t links[] = {0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276, 105};
  Bytes frame(data + 2, size - 2);
  Packet packet;
  Reason reason = decode_packet(links[data[0] % std::size(links)], frame,
                                static_cast<uint32_t>(frame.size()) + data[1], packet);
  if (packet.payload.size() > packet.payload_length) std::abort();
  if (!packet.payload.empty() &&
      (packet.payload.data() < frame.data() ||
       packet.payload.data() + packet.payload.size() > frame.data() + frame.size()))
    std::abort();
  if (reason != Reason::ok) return 0;
  TcpHandshake facts;
  if (parse_tcp_handshake(packet, facts) != Reason::ok) return 0;
  fuzz::try_writer([&](Text& out) { return write_pmercury_tcp(facts, out); }, true);
  fuzz::try_writer([&](Text& out) { return write_mercury_tcp(facts, out); }, true);
  fuzz::try_writer([&](Text& out) { return write_muonfp(facts, out); }, true);
  fuzz::try_writer([&](Text& out) { return write_p0f(facts, 1460, out); }, true);
  return 0;
}
