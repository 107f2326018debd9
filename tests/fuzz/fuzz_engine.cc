// SPDX-License-Identifier: Apache-2.0
// Any order of packets, owners and times, into one engine: the books balance, every flow is closed,
// and every document can be read to its last byte.
//
// The input is a row of steps, each of eight bytes and its payload:
//   0  bits 0-2 kind (0 SYN, 1 SYN+ACK, 2-4 data, 5 UDP, 6 owner, 7 time alone), bit 3 from the
//      server, bits 4-7 which of 16 connections
//   1  enum hp_content   2  HP_PACKET_* flags, bit 7: seen at egress
//   3-4 stream offset, big-endian   5  time: 2^(n % 40) ns, backwards if n >= 128
//   6-7 length of the payload, big-endian, at most 4096
#include <cstdlib>

#include "flow/engine.h"

using namespace handprint;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Reader : DocumentTaker {
  void take(DocumentPtr document) override {
    require(document->part >= 1);
    for (const Observation& observation : document->observations) {
      require(!observation.text.empty());
      for (char c : observation.text) sum += static_cast<unsigned char>(c);
    }
    for (std::string_view protocol : document->protocols) sum += protocol.size();
    for (const IncompleteFact& fact : document->incomplete) require(!fact.what.empty());
    if (const HttpRequestFacts* http = document->http_request)
      for (const HttpHeader& header : http->headers)
        for (char c : header.line) sum += static_cast<unsigned char>(c);
    if (const TlsClientFacts* tls = document->tls_client) {
      for (uint16_t suite : tls->ciphers) sum += suite;
      for (char c : tls->server_name) sum += static_cast<unsigned char>(c);
    }
    require(footprint(*document) > 0);
  }
  uint64_t sum = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Reader reader;
  EngineOptions options;
  options.flow_bytes = 128 * 1024;
  options.from_file = size % 2 == 0;
  Engine engine(options, reader);
  PacketTime time = 1'000'000'000;
  Cursor in{Bytes(data, size)};
  while (in.left() >= 8) {
    const uint8_t what = in.u8(), content = in.u8(), flags = in.u8();
    const uint16_t offset = in.u16();
    const uint8_t step = in.u8();
    const Bytes payload = in.take_up_to(in.u16() % 4097u);
    const unsigned kind = what & 7, connection = what >> 4;
    const bool from_server = (what & 8) != 0;
    const auto delta = static_cast<PacketTime>(uint64_t{1} << (step & 127) % 40);
    time += step >= 128 ? -delta : delta;

    Packet packet;
    packet.ip_version = 4;
    packet.source.version = packet.destination.version = 4;
    packet.source.bytes = {10, 0, 0, 1};
    packet.destination.bytes = {10, 0, 0, 2};
    packet.source_port = static_cast<uint16_t>(1000 + connection);
    packet.destination_port = 443;
    if (from_server) {
      std::swap(packet.source, packet.destination);
      std::swap(packet.source_port, packet.destination_port);
    }
    packet.protocol = kind == 5 ? protocol_udp : protocol_tcp;
    packet.sequence = 0xffffff00u + offset;
    hp_owner owner{};
    owner.pid = content;
    owner.role = flags & 7;
    owner.start_ns = content;
    if (kind == 6) {
      hp_owner_event event{};
      event.family = 2;
      event.protocol = protocol_tcp;
      event.time_ns = static_cast<uint64_t>(time);
      event.cookie = flags & 3;
      event.owner = owner;
      event.local_address[10] = event.local_address[11] = 0xff;
      event.remote_address[10] = event.remote_address[11] = 0xff;
      for (int i = 0; i < 4; ++i) {
        event.local_address[12 + i] = packet.source.bytes[static_cast<size_t>(i)];
        event.remote_address[12 + i] = packet.destination.bytes[static_cast<size_t>(i)];
      }
      event.local_port = packet.source_port;
      event.remote_port = packet.destination_port;
      engine.owner(event);
      continue;
    }
    if (kind == 7) {
      engine.advance(time);
      continue;
    }
    packet.flags = kind == 0   ? tcp_flag::syn
                   : kind == 1 ? tcp_flag::syn | tcp_flag::ack
                               : tcp_flag::ack;
    if (kind < 2) {
      // The payload is cut into options and data of the SYN.
      packet.tcp_options = payload.first(payload.size() < 40 ? payload.size() : 40);
      packet.payload = payload.subspan(packet.tcp_options.size());
    } else {
      packet.sequence += 1;
      packet.payload = payload;
    }
    packet.payload_length = static_cast<uint32_t>(packet.payload.size());
    Segment segment;
    segment.time = time;
    segment.packet = &packet;
    segment.content = content;
    segment.hook = options.from_file ? HP_HOOK_NONE : HP_HOOK_TC;
    segment.direction = flags >> 7;
    segment.flags = flags & 0x3f;
    segment.interface = connection;
    segment.cookie = flags & 3;
    segment.peer_pid = content;
    segment.owner = (flags & 0x40) != 0 ? &owner : nullptr;
    engine.segment(segment);
    const EngineCounters& now = engine.counters();
    require(now.segments == now.placed + now.duplicates + now.unusable);
    require(now.flows == now.flows_closed + engine.flows_open());
  }
  engine.finish();
  const EngineCounters& end = engine.counters();
  require(engine.flows_open() == 0);
  require(end.documents_dropped == 0);
  require(end.flows == end.documents - end.parts + end.syns_replaced);
  return 0;
}
