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
constexpr std::size_t flow_share = 5, small_share = 6, large_share = 1, small_stream_share = 2,
                      large_stream_share = 2;

// A SYN that comes after other packets of its connection begins no new flow within this time.
constexpr PacketTime late_syn = 5'000'000'000;
// … nor when the first bytes lie this close behind its sequence number.
constexpr uint32_t near_sequence = 65536;
// Bytes behind a SYN within which a segment may well be its connection's.
constexpr uint32_t same_stream = 1u << 24;

// Which socket the cookie of a segment names. Behind a SYN on its way in stands the one that
// listens; behind a SYN+ACK on its way out at the cgroup hook, and behind the first data of a
// connection, that one or already the connection's own. A late SYN comes with the socket of the
// payload that brought it.
enum class Shows : uint8_t { nothing, listener, connection };

Shows shows(const Segment& segment, const End& local) {
  if (segment.hook == HP_HOOK_NONE || segment.cookie == 0) return Shows::nothing;
  const bool late = (segment.flags & HP_PACKET_SYN_LATE) != 0;
  if (!late && segment.packet->is_syn() && segment.direction == HP_INGRESS) return Shows::listener;
  if (segment.cookie == local.listener_cookie) return Shows::nothing;
  const bool perhaps = !late && segment.packet->is_syn_ack() && segment.direction == HP_EGRESS &&
                       segment.hook == HP_HOOK_CGROUP;
  return perhaps && local.listener_cookie == 0 ? Shows::nothing : Shows::connection;
}

// How well a segment fits a flow with its key. Two network namespaces may use the same addresses
// and ports at once, with sequence numbers that are close to each other.
enum class Fit : uint8_t { not_at_all, by_key, by_sequence, by_socket };

Fit fit(const Flow& flow, uint8_t direction, const Segment& segment) {
  const Packet& packet = *segment.packet;
  const End& sender = flow.end[direction];
  const End& receiver = flow.end[direction ^ 1];
  bool same_socket = false;
  const End& local = segment.direction == HP_EGRESS ? sender : receiver;
  const Shows what = shows(segment, local);
  if (what != Shows::nothing) {
    const uint64_t known = what == Shows::listener ? local.listener_cookie : local.cookie;
    if (known != 0 && known != segment.cookie) return Fit::not_at_all;
    same_socket = known != 0 && what == Shows::connection;
  }
  if (!packet.is_tcp()) return same_socket ? Fit::by_socket : Fit::by_key;
  if (packet.is_syn())
    return sender.has_syn && sender.syn.sequence == packet.sequence ? Fit::by_sequence
                                                                    : Fit::by_key;
  if (same_socket) return Fit::by_socket;
  if (packet.is_syn_ack())
    return receiver.has_syn && packet.acknowledgement == receiver.syn.sequence + 1
               ? Fit::by_sequence
               : Fit::by_key;
  return sender.stream.has_base && packet.sequence - sender.stream.base < same_stream
             ? Fit::by_sequence
             : Fit::by_key;
}

Address address_of(const uint8_t (&bytes)[16]) {
  static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, mapped, sizeof mapped) == 0) return Address::from(Bytes(bytes + 12, 4));
  return Address::from(Bytes(bytes, 16));
}

std::size_t share(std::size_t budget, std::size_t sixteenths, std::size_t block,
                  std::size_t least) {
  return std::max(budget / 16 * sixteenths / block, least);
}

}  // namespace

Engine::State::State(const EngineOptions& given, DocumentTaker& documents_taker)
    : options(given),
      taker(documents_taker),
      table(given.flow_bytes / 16 * flow_share, given.hash_seed),
      streams(share(given.flow_bytes, small_stream_share, StreamPool::small_bytes, 4),
              share(given.flow_bytes, large_stream_share, StreamPool::large_bytes, 2)),
      documents(
          DocumentPool::create(share(given.flow_bytes, small_share, DocumentPool::small_size, 16),
                               share(given.flow_bytes, large_share, DocumentPool::large_size, 1))),
      scratch(std::make_unique<Scratch>()),
      policy(file_policy()) {}

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
  Flow* flow = find_flow(key, hash, segment);
  if (packet->is_syn() || packet->is_syn_ack()) flow = flow_of_syn(flow, key, segment);
  if (flow == nullptr) {
    // Only a packet that says something begins a flow.
    if (packet->is_tcp() && packet->payload.empty() && !packet->is_syn() && !packet->is_syn_ack()) {
      ++counters.unusable;
      return;
    }
    flow = begin_flow(key, hash, segment);
  }
  note_sighting(*flow, key.direction, segment);
  const bool fresh = packet->is_tcp() ? on_tcp(*flow, key.direction, segment)
                                      : on_datagram(*flow, key.direction, segment);
  ++(fresh ? counters.placed : counters.duplicates);
  counters.streams_cut = segments_cut + streams.streams_evicted();
  settle(*flow);
}

// The flow with a packet's key that it fits best, the newest of equals.
Flow* Engine::State::find_flow(const DirectedKey& key, uint64_t hash, const Segment& segment) {
  Flow* found = nullptr;
  Fit best = Fit::not_at_all;
  for (Flow* flow = table.find(key.key, hash); flow != nullptr; flow = table.next(*flow)) {
    const Fit how = fit(*flow, key.direction, segment);
    if (how <= best) continue;
    found = flow;
    best = how;
  }
  return found;
}

// Which flow a SYN or SYN+ACK belongs to: the one with its key, unless its sequence number says
// that the ports are used again. The flow that it replaces is written, or, when its SYN was never
// answered, given up for the new one.
Flow* Engine::State::flow_of_syn(Flow* flow, const DirectedKey& key, const Segment& segment) {
  if (flow == nullptr) return nullptr;
  const Packet& packet = *segment.packet;
  const End& sender = flow->end[key.direction];
  if (packet.is_syn_ack()) {
    if (!sender.has_syn || sender.syn.sequence == packet.sequence) return flow;
    // Another answer. To the same SYN it is a peculiarity of the server and the first one counts;
    // to another SYN the connection is another one.
    const End& client = flow->end[key.direction ^ 1];
    if (client.has_syn && packet.acknowledgement - client.syn.sequence - 1 <= near_sequence)
      return flow;
    close(*flow, false);
    return nullptr;
  }
  if (sender.has_syn) {
    if (sender.syn.sequence == packet.sequence) return flow;
    if (flow->answered() || flow->first_done) {
      close(*flow, false);
    } else {
      ++counters.syns_replaced;
      ++counters.flows_closed;
      forget(*flow);
    }
    return nullptr;
  }
  // No SYN of this end is known, but other packets are. They may have been overtaken by them: then
  // the other end has sent no SYN of its own, and this end's bytes follow this sequence number.
  const bool recent = !flow->first_done && clock.now() - flow->wait_since < late_syn;
  const Stream& stream = sender.stream;
  const End& peer = flow->end[key.direction ^ 1];
  const bool one_client = !peer.has_syn || peer.syn.syn_ack;
  const bool follows = !stream.has_begin || stream.begin - packet.sequence - 1 <= near_sequence;
  if (recent && one_client && follows) return flow;
  close(*flow, false);
  return nullptr;
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
  if (segment.hook != HP_HOOK_CGROUP)
    owners.fetch_by_ports(
        key.key, hash, segment.time,
        [&](uint8_t direction, const hp_owner& owner) { flow->end[direction].owner.learn(owner); });
  return flow;
}

// What a packet tells beside its content: when and where it was seen, and whose sockets are at
// hand.
void Engine::State::note_sighting(Flow& flow, uint8_t direction, const Segment& segment) {
  const Packet& packet = *segment.packet;
  table.touch(flow);
  flow.active = clock.now();
  flow.last = std::max(flow.last, segment.time);
  ++flow.packets;
  flow.beyond_syn |= !packet.is_syn();

  End& sender = flow.end[direction];
  if (!sender.has_mac && packet.source_mac.present) {
    sender.mac = packet.source_mac.bytes;
    sender.has_mac = true;
  }
  End& receiver = flow.end[direction ^ 1];
  if (!receiver.has_mac && packet.destination_mac.present) {
    receiver.mac = packet.destination_mac.bytes;
    receiver.has_mac = true;
  }
  if (!flow.has_vlan && packet.vlan_count != 0) {
    flow.vlan = packet.vlan[0];
    flow.has_vlan = true;
  }
  if (flow.tunnel == Tunnel::none && packet.tunnel != Tunnel::none) {
    flow.tunnel = packet.tunnel;
    flow.tunnel_id = packet.tunnel_id;
    flow.outer_source = packet.outer_source;
    flow.outer_destination = packet.outer_destination;
  }

  ObservedPoint* point = nullptr;
  for (uint8_t i = 0; i < flow.point_count && point == nullptr; ++i) {
    ObservedPoint& at = flow.points[i];
    if (at.interface == segment.interface && at.hook == segment.hook &&
        (segment.hook == HP_HOOK_NONE || at.direction == segment.direction))
      point = &at;
  }
  if (point == nullptr && flow.point_count < flow.points.size()) {
    point = &flow.points[flow.point_count++];
    *point = {segment.interface, segment.hook, segment.direction, 0};
    flow.points_new = true;
  }
  if (point != nullptr) ++point->packets;

  if (segment.hook == HP_HOOK_NONE) return;
  End& local = segment.direction == HP_EGRESS ? sender : receiver;
  if (segment.cookie != 0) {
    local.owner.found_local();
    const Shows what = shows(segment, local);
    if (what == Shows::listener) {
      local.listener_cookie = segment.cookie;
    } else if (what == Shows::connection && segment.cookie != local.cookie) {
      local.cookie = segment.cookie;
      owners.fetch(flow.key, flow.hash, segment.direction == HP_EGRESS ? direction : direction ^ 1,
                   segment.cookie, flow.first, [&](const hp_owner& owner) {
                     if (local.owner.learn(owner)) flow.ownership_new = true;
                   });
    }
  }
  if (segment.owner != nullptr && local.owner.learn(*segment.owner)) flow.ownership_new = true;
  if ((segment.flags & HP_PACKET_PEER_LOCAL) != 0 && segment.direction == HP_INGRESS) {
    hp_owner peer{};
    peer.pid = segment.peer_pid;
    peer.start_ns = segment.peer_start_ns;
    peer.role = segment.peer_role;
    peer.flags = segment.peer_flags;
    // A SYN+ACK is sent by the listener, even when nothing more is known of it.
    if (packet.is_syn_ack()) peer.role = HP_ROLE_LISTENER;
    if (sender.owner.learn_sender(peer)) flow.ownership_new = true;
  }
}

bool Engine::State::on_tcp(Flow& flow, uint8_t direction, const Segment& segment) {
  const Packet& packet = *segment.packet;
  bool fresh = false;
  uint32_t sequence = packet.sequence;
  if (packet.is_syn() || packet.is_syn_ack()) {
    fresh = on_handshake(flow, direction, segment);
    ++sequence;  // the SYN takes one; data in it is the start of the stream (RFC 7413)
  }
  if (!packet.payload.empty() &&
      on_bytes(flow, direction, sequence + segment.copy_offset, packet.payload, segment))
    fresh = true;
  return fresh;
}

bool Engine::State::on_handshake(Flow& flow, uint8_t direction, const Segment& segment) {
  const Packet& packet = *segment.packet;
  End& sender = flow.end[direction];
  if (sender.has_syn) {
    if (!is_variant(packet, sender)) return false;
    Exchange exchange(flow, direction, segment.time, options, *scratch, *this);
    if (DocumentBuilder* document = exchange.document())
      write_variant(packet, segment.time, flow.side_of(direction), *document, *scratch);
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
  if (flow.pending != nullptr && !flow.pending->closed)
    write_handshakes(flow, *flow.pending, *scratch);
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
    flow.add_protocol(protocol);
    sender.settled = true;
  }
  if (read.cut) ++segments_cut;
  return first || read.fresh;
}

void Engine::State::owner(const hp_owner_event& event) {
  const Address local = address_of(event.local_address), remote = address_of(event.remote_address);
  const DirectedKey key =
      flow_key(local, event.local_port, remote, event.remote_port, event.protocol);
  const uint64_t hash = table.hash(key.key);
  // The flow whose end is this socket; else the only one that does not know its socket there.
  Flow* flow = nullptr;
  bool several = false;
  for (Flow* f = table.find(key.key, hash); f != nullptr; f = table.next(*f)) {
    const uint64_t known = f->end[key.direction].cookie;
    if (known != 0 && known == event.cookie) {
      flow = f;
      several = false;
      break;
    }
    if (known != 0 && event.cookie != 0) continue;
    // Loopback does not leave its namespace: both ends of a connection are in one.
    const uint32_t netns = f->end[key.direction ^ 1].owner.netns();
    if (local.is_loopback() && netns != 0 && netns != event.owner.netns) continue;
    several = flow != nullptr;
    if (!several) flow = f;
  }
  if (several) flow = nullptr;
  if (flow == nullptr || flow->first_done) {
    owners.keep(key.key, hash, key.direction, event);
    ++counters.owners_early;
  }
  if (flow == nullptr) return;
  if (flow->end[key.direction].owner.learn(event.owner)) flow->ownership_new = true;
  settle(*flow);
}

Engine::Engine(const EngineOptions& options, DocumentTaker& taker)
    : state_(std::make_unique<State>(options, taker)) {}
Engine::~Engine() = default;

void Engine::segment(const Segment& segment) { state_->segment(segment); }
void Engine::owner(const hp_owner_event& event) { state_->owner(event); }
void Engine::advance(PacketTime now) {
  state_->clock.advance(now);
  state_->run_time_outs();
}
void Engine::finish() { state_->finish(); }
const EngineCounters& Engine::counters() const { return state_->counters; }
std::size_t Engine::document_bytes() const {
  const DocumentPool& pool = *state_->documents;
  return pool.small.count() * pool.small.block_size() +
         pool.large.count() * pool.large.block_size();
}
std::size_t Engine::flows_open() const { return state_->table.size(); }
std::size_t Engine::flows_limit() const { return state_->table.limit(); }

}  // namespace handprint
