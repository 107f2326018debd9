// SPDX-License-Identifier: Apache-2.0
#include "flow/engine.h"

#include <algorithm>
#include <cstring>

#include "flow/datagram.h"
#include "flow/dissector_tcp.h"
#include "flow/engine_state.h"
#include "flow/selection.h"

namespace handprint {

namespace {

// How the budget is shared, in sixteenths. What documents in queues need comes out of their part.
// The keys of translated flows get a part of the flows' own.
constexpr std::size_t alias_part = 10;
constexpr std::size_t flow_share = 5, small_share = 6, large_share = 1, small_stream_share = 2,
                      large_stream_share = 2;

std::size_t share(std::size_t budget, std::size_t sixteenths, std::size_t block,
                  std::size_t least) {
  return std::max(budget / 16 * sixteenths / block, least);
}

}  // namespace

Engine::State::State(const EngineOptions& given, DocumentTaker& documents_taker)
    : options(given),
      taker(documents_taker),
      table(given.flow_bytes / 16 * flow_share / alias_part * (alias_part - 1), given.hash_seed),
      aliases(given.flow_bytes / 16 * flow_share / alias_part),
      streams(share(given.flow_bytes, small_stream_share, StreamPool::small_bytes, 4),
              share(given.flow_bytes, large_stream_share, StreamPool::large_bytes, 2)),
      documents(
          DocumentPool::create(share(given.flow_bytes, small_share, DocumentPool::small_size, 16),
                               share(given.flow_bytes, large_share, DocumentPool::large_size, 1))),
      scratch(std::make_unique<Scratch>()),
      policy(file_policy(HP_MODE_HELLO)) {
  if (options.keys != nullptr) decryption.emplace(*options.keys);
}

Engine::State::~State() {
  while (Flow* flow = table.oldest()) forget(*flow);
  documents->release();
}

void Engine::State::segment(const Segment& segment) {
  ++counters.segments;
  clock.advance(segment.time);
  run_time_outs();
  const Packet* const packet = segment.packet;
  if (packet == nullptr || (!packet->is_tcp() && !packet->is_udp()) || !packet->source.present() ||
      packet->source.version != packet->destination.version) {
    ++counters.unusable;
    return;
  }
  const DirectedKey key = flow_key(packet->source, packet->source_port, packet->destination,
                                   packet->destination_port, packet->protocol);
  const uint64_t hash = table.hash(key.key);
  Place place = find_flow(key, hash, segment);
  if (segment.content == HP_CONTENT_NONE && !segment.stream.empty()) {
    // Selected for nothing but its stream: it begins no flow.
    ++counters.unselected;
    if (place.flow != nullptr) tap(*place.flow, place.direction, segment);
    return;
  }
  DirectedKey socket_key;
  uint64_t socket_hash = 0;
  if (segment.socket != nullptr) {
    const SocketAddresses& socket = *segment.socket;
    socket_key = flow_key(socket.local, socket.local_port, socket.remote, socket.remote_port,
                          packet->protocol);
    socket_hash = table.hash(socket_key.key);
    if (place.flow == nullptr) place = find_flow(socket_key, socket_hash, segment);
  }
  const bool handshake = packet->is_syn() || packet->is_syn_ack();
  if (handshake) {
    place = place_of_syn(place, segment);
    if (place.flow == nullptr) place = place_by_number(segment);
  }
  if (place.flow == nullptr) {
    // Only a packet that says something begins a flow.
    if (packet->is_tcp() && packet->payload.empty() && !handshake) {
      ++counters.unusable;
      return;
    }
    place = {begin_flow(key, hash, segment), key.direction, no_alias};
  }
  Flow* flow = place.flow;
  note_passage(*flow, place.direction, key, hash, segment);
  if (segment.socket != nullptr) {
    if (Passage* passage =
            passage_of(*flow, socket_key.key, socket_hash, socket_key.direction ^ place.direction))
      passage->socket_of |= static_cast<uint8_t>(1 << place.direction);
    note_sighting(*flow, place.direction, socket_key, socket_hash, segment);
  } else {
    note_sighting(*flow, place.direction, key, hash, segment);
  }
  const bool translated = flow->hash != hash;
  const bool fresh = packet->is_tcp() ? on_tcp(*flow, place.direction, segment, translated)
                                      : on_datagram(*flow, place.direction, segment);
  ++(fresh ? counters.placed : counters.duplicates);
  counters.streams_cut = segments_cut + streams.streams_evicted();
  if (fresh && packet->is_syn_ack())
    if (Flow* twin = twin_of(*flow)) flow = join(*flow, *twin);
  if (!segment.stream.empty()) tap(*flow, place.direction, segment);
  settle(*flow);
}

void Engine::State::tls_begins(Exchange& exchange, Bytes bytes, Bytes random) {
  if (decryption) decryption->begin(exchange, exchange.sender().stream.begin, bytes, random);
}

// Shows the decryption what passes of a flow.
void Engine::State::tap(Flow& flow, uint8_t direction, const Segment& segment) {
  if (!decryption || flow.decrypted == nullptr) return;
  const Packet& packet = *segment.packet;
  table.touch(flow);
  flow.active = clock.now();
  flow.last = std::max(flow.last, segment.time);
  Exchange exchange(flow, direction, segment.time, options, *scratch, *this);
  decryption->add(exchange, packet.sequence + (packet.is_syn() || packet.is_syn_ack() ? 1 : 0),
                  segment.stream, packet.acknowledgement);
  settle(flow);
}

void Engine::State::secrets_came() {
  if (!decryption) return;
  for (Flow* flow = table.oldest(); flow != nullptr; flow = table.newer(*flow)) {
    if (flow->decrypted == nullptr) continue;
    Exchange exchange(*flow, flow->client, flow->last, options, *scratch, *this);
    decryption->secrets_came(exchange);
    settle(*flow);
  }
}

Flow* Engine::State::begin_flow(const DirectedKey& key, uint64_t hash, const Segment& segment) {
  Flow* flow = table.add(key.key, hash);
  if (flow == nullptr) {
    ++counters.flows_evicted;
    close(*table.oldest(), true);
    flow = table.add(key.key, hash);
  }
  ++counters.flows;
  flow->number = counters.flows;
  flow->first = segment.time;
  flow->last = segment.time;
  // Until something says better: the end with the higher port is the client.
  const uint16_t low = key.key.low_port, high = key.key.high_port;
  flow->client = low == high ? key.direction : (low > high ? uint8_t{0} : uint8_t{1});
  table.wait(*flow, Wait::first_document, clock.now());
  // At the cgroup hook every local end shows its socket in time; at an interface an end may never,
  // and the ports must do.
  if (segment.hook != HP_HOOK_CGROUP && !options.sockets_seen)
    owners.fetch_by_ports(
        key.key, hash, segment.time,
        [&](uint8_t direction, const hp_owner& owner) { flow->end[direction].owner.learn(owner); });
  return flow;
}

bool Engine::State::on_tcp(Flow& flow, uint8_t direction, const Segment& segment, bool translated) {
  const Packet& packet = *segment.packet;
  bool fresh = false;
  uint32_t sequence = packet.sequence;
  if (packet.is_syn() || packet.is_syn_ack()) {
    fresh = on_handshake(flow, direction, segment, translated);
    ++sequence;  // the SYN takes one; data in it is the start of the stream (RFC 7413)
  }
  if (!packet.payload.empty() &&
      on_bytes(flow, direction, sequence + segment.copy_offset, packet.payload, segment))
    fresh = true;
  return fresh;
}

bool Engine::State::on_handshake(Flow& flow, uint8_t direction, const Segment& segment,
                                 bool translated) {
  const Packet& packet = *segment.packet;
  End& sender = flow.end[direction];
  if (sender.has_syn) {
    // What a translator changed is no other try of the sender's.
    if (translated || !is_variant(packet, sender)) return false;
    Exchange exchange(flow, direction, segment.time, options, *scratch, *this);
    if (DocumentBuilder* document = exchange.document())
      write_variant(packet, segment.time, flow.side_of(direction), *document, *scratch,
                    options.all_strings);
    return true;
  }
  Stream& stream = sender.stream;
  stream.base = packet.sequence + 1;
  stream.has_base = true;
  flow.client = packet.is_syn() ? direction : static_cast<uint8_t>(direction ^ 1);
  flow.client_known = ClientKnown::by_syn;
  if (packet.is_syn() && segment.time < flow.first) flow.first = segment.time;
  if (!keep_handshake(packet, segment.time, sender)) {
    sender.syn.sequence = packet.sequence;
    return true;
  }
  if (!flow.syn_indexed)
    table.index_syn(flow, packet.is_syn() ? packet.sequence : packet.acknowledgement - 1);
  if (flow.pending != nullptr && !flow.pending->closed)
    write_handshakes(flow, *flow.pending, *scratch, options.all_strings);
  return true;
}

bool Engine::State::on_datagram(Flow& flow, uint8_t direction, const Segment& segment) {
  const Bytes payload = segment.packet->payload;
  End& sender = flow.end[direction];
  const bool first = !sender.stream.has_begin;
  sender.stream.has_begin = true;
  sender.hint = segment.content;
  if ((segment.flags & HP_PACKET_TRUNCATED) != 0) sender.stream.truncated = true;
  const Protocol protocol = segment.content == HP_CONTENT_QUIC   ? Protocol::quic
                            : segment.content == HP_CONTENT_DTLS ? Protocol::dtls
                                                                 : recognise_datagram(payload);
  Exchange exchange(flow, direction, segment.time, options, *scratch, *this);
  DatagramRead read;
  if (protocol == Protocol::quic) {
    read = read_quic_datagram(payload, exchange, streams);
  } else if (protocol == Protocol::dtls) {
    read = read_dtls_datagram(payload, exchange, streams);
  } else {
    note_datagram(protocol, payload, exchange);
  }
  if (read.cut) ++segments_cut;
  return first || read.fresh;
}

Engine::Engine(const EngineOptions& options, DocumentTaker& taker)
    : state_(std::make_unique<State>(options, taker)) {}
Engine::~Engine() = default;

void Engine::segment(const Segment& segment) { state_->segment(segment); }
void Engine::owner(const hp_owner_event& event) { state_->owner(event); }
void Engine::advance(PacketTime now) {
  state_->clock.pass(now);
  state_->run_time_outs();
}
void Engine::secrets_came() { state_->secrets_came(); }
void Engine::finish() { state_->finish(); }
const EngineCounters& Engine::counters() const { return state_->counters; }
DecryptionCounters Engine::decryption_counters() const {
  return state_->decryption ? state_->decryption->counters() : DecryptionCounters();
}
const ScanTable& Engine::scans() const { return state_->scans; }
std::size_t Engine::document_bytes() const {
  const DocumentPool& pool = *state_->documents;
  return pool.small.count() * pool.small.block_size() +
         pool.large.count() * pool.large.block_size();
}
std::size_t Engine::flows_open() const { return state_->table.size(); }
std::size_t Engine::flows_limit() const { return state_->table.limit(); }

}  // namespace handprint
