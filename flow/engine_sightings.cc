// SPDX-License-Identifier: Apache-2.0
// Which flow a packet belongs to, wherever on its way and in front of or behind whatever address
// translation it was seen.
#include <algorithm>

#include "flow/engine_state.h"

namespace handprint {

namespace {

// A SYN that comes after other packets of its connection begins no new flow within this time.
constexpr PacketTime late_syn = 5'000'000'000;
// … nor when the first bytes lie this close behind its sequence number.
constexpr uint32_t near_sequence = 65536;
// Bytes behind a SYN within which a segment may well be its connection's.
constexpr uint32_t same_stream = 1u << 24;
// Between two sightings of one SYN: a first one may be lost between the two points and come again.
constexpr PacketTime sighted_within = 5'000'000'000;
// So many flows may have one first sequence number before it tells nothing any more.
constexpr int most_of_one_number = 4;

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

bool is_point(const ObservedPoint& point, const Segment& segment) {
  return point.interface == segment.interface && point.hook == segment.hook &&
         (segment.hook == HP_HOOK_NONE || point.direction == segment.direction);
}

// Packets of the flow were seen just here. One connection passes a point under one key only; in
// files, where several points may be one interface, the hop limit tells them apart.
bool seen_here(const Flow& flow, const End& sender, const Segment& segment) {
  for (uint8_t i = 0; i < flow.point_count; ++i) {
    if (!is_point(flow.points[i], segment)) continue;
    if (segment.hook != HP_HOOK_NONE || sender.syn.ttl == segment.packet->ttl) return true;
  }
  return false;
}

bool share_point(const Flow& a, const Flow& b) {
  for (uint8_t i = 0; i < a.point_count; ++i) {
    for (uint8_t k = 0; k < b.point_count; ++k) {
      const ObservedPoint &p = a.points[i], &q = b.points[k];
      if (p.interface != q.interface || p.hook != q.hook) continue;
      if (p.hook != HP_HOOK_NONE && p.direction == q.direction) return true;
      if (p.hook == HP_HOOK_NONE && a.end[a.client ^ 1].syn.ttl == b.end[b.client ^ 1].syn.ttl)
        return true;
    }
  }
  return false;
}

// Two sightings of one SYN or SYN+ACK agree in all that nobody on the way changes. Some do clamp
// the maximum segment size.
bool alike(const TcpHandshake& a, const TcpHandshake& b) {
  return a.window == b.window && a.has_window_scale == b.has_window_scale &&
         a.window_scale == b.window_scale && a.has_timestamps == b.has_timestamps &&
         a.timestamp_value == b.timestamp_value && a.timestamp_echo == b.timestamp_echo &&
         a.option_count == b.option_count && a.option_kinds == b.option_kinds &&
         a.eol_padding == b.eol_padding;
}

// A value that a stack made for this one connection.
bool is_of_one_connection(const TcpHandshake& syn, uint32_t timestamp) {
  return syn.has_timestamps && timestamp != 0 && timestamp != 0xffffffff;
}

uint8_t turned(uint8_t ends) { return static_cast<uint8_t>((ends & 1) << 1 | (ends >> 1 & 1)); }

bool within(PacketTime a, PacketTime b) {
  return a > b ? a - b <= sighted_within : b - a <= sighted_within;
}

}  // namespace

// The flow with a packet's key, its first or a further one, that it fits best; the newest of
// equals.
Place Engine::State::find_flow(const DirectedKey& key, uint64_t hash, const Segment& segment) {
  Place found;
  Fit best = Fit::not_at_all;
  for (Flow* flow = table.find(key.key, hash); flow != nullptr; flow = table.next(*flow)) {
    const Fit how = fit(*flow, key.direction, segment);
    if (how <= best) continue;
    found = {flow, key.direction, no_alias};
    best = how;
  }
  for (Alias* alias = aliases.find(key.key, hash); alias != nullptr; alias = aliases.next(*alias)) {
    Flow* const flow = table.at_index(alias->flow);
    const auto direction = static_cast<uint8_t>(key.direction ^ alias->flip);
    const Fit how = fit(*flow, direction, segment);
    if (how <= best) continue;
    found = {flow, direction, aliases.index_of(*alias)};
    best = how;
  }
  return found;
}

// Which flow a SYN or SYN+ACK belongs to: the one with its key, unless its sequence number says
// that the ports are used again. The flow that it replaces is written, or, when its SYN was never
// answered, given up for the new one. One that only had the key as a translated one loses the key.
Place Engine::State::place_of_syn(const Place& place, const Segment& segment) {
  Flow* const flow = place.flow;
  if (flow == nullptr) return {};
  const Packet& packet = *segment.packet;
  const End& sender = flow->end[place.direction];
  const End& peer = flow->end[place.direction ^ 1];
  if (packet.is_syn_ack()) {
    if (!sender.has_syn || sender.syn.sequence == packet.sequence) return place;
    // Another answer. To the same SYN it is a peculiarity of the server and the first one counts;
    // to another SYN, or behind a translation, the connection is another one.
    if (place.alias == no_alias && peer.has_syn &&
        packet.acknowledgement - peer.syn.sequence - 1 <= near_sequence)
      return place;
  } else if (sender.has_syn) {
    if (sender.syn.sequence == packet.sequence) return place;
    if (place.alias == no_alias && !flow->answered() && !flow->first_done) {
      ++counters.syns_replaced;
      ++counters.flows_closed;
      forget(*flow);
      return {};
    }
  } else {
    // No SYN of this end is known, but other packets are. They may have been overtaken by them:
    // then the other end has sent no SYN of its own, and this end's bytes follow this sequence
    // number.
    const bool recent = !flow->first_done && clock.now() - flow->wait_since < late_syn;
    const Stream& stream = sender.stream;
    const bool one_client = !peer.has_syn || peer.syn.syn_ack;
    const bool follows = !stream.has_begin || stream.begin - packet.sequence - 1 <= near_sequence;
    if (recent && one_client && follows) return place;
  }
  if (place.alias != no_alias) {
    aliases.remove(flow->aliases, place.alias);
  } else {
    close(*flow, false);
  }
  return {};
}

// Whether an end of the flow is also that of the packet, which travels in `direction` of the flow.
bool Engine::State::shares_end(const Flow& flow, uint8_t direction, const Packet& packet) const {
  const auto shares = [&](const FlowKey& key, uint8_t flip) {
    if (key.ip_version != packet.source.version) return false;
    const bool low = (direction ^ flip) == 0;
    const auto& source = low ? key.low_address : key.high_address;
    const auto& destination = low ? key.high_address : key.low_address;
    return (source == packet.source.bytes &&
            (low ? key.low_port : key.high_port) == packet.source_port) ||
           (destination == packet.destination.bytes &&
            (low ? key.high_port : key.low_port) == packet.destination_port);
  };
  if (shares(flow.key, 0)) return true;
  for (const Alias* alias = aliases.at(flow.aliases); alias != nullptr;
       alias = aliases.at(alias->next))
    if (shares(alias->key, alias->flip)) return true;
  return false;
}

// Whether a SYN or SYN+ACK under another key is one of the flow's own, which was seen elsewhere.
// Its first sequence number is the flow's; that alone proves nothing, since some scanners give all
// their SYNs the same. Beside it must stand a further number that was made for one connection: a
// time stamp, the server's sequence number, or the socket that listens.
Engine::State::Likeness Engine::State::likeness(const Flow& flow, const TcpHandshake& facts,
                                                const Segment& segment) const {
  const Packet& packet = *segment.packet;
  const End& client = flow.end[flow.client];
  const End& server = flow.end[flow.client ^ 1];
  const PacketTime then = client.has_syn ? client.syn_time : server.syn_time;
  if (!within(segment.time, then)) return Likeness::other;
  if (flow.key.ip_version != packet.source.version) return Likeness::other;
  if (packet.is_syn()) {
    if (client.has_syn) {
      if (!alike(client.syn, facts)) return Likeness::other;
      if (seen_here(flow, client, segment)) return Likeness::refuted;
      return is_of_one_connection(facts, facts.timestamp_value) ? Likeness::same : Likeness::other;
    }
    return server.syn.timestamp_echo == facts.timestamp_value &&
                   is_of_one_connection(facts, facts.timestamp_value)
               ? Likeness::same
               : Likeness::other;
  }
  const auto direction = static_cast<uint8_t>(flow.client ^ 1);
  if (server.has_syn) {
    if (server.syn.sequence != packet.sequence || !alike(server.syn, facts)) return Likeness::other;
    if (seen_here(flow, server, segment)) return Likeness::refuted;
    return is_of_one_connection(facts, facts.timestamp_value) || shares_end(flow, direction, packet)
               ? Likeness::same
               : Likeness::other;
  }
  if (segment.cookie != 0 && segment.cookie == server.listener_cookie &&
      segment.direction == HP_EGRESS && shares_end(flow, direction, packet))
    return Likeness::same;
  return facts.timestamp_echo == client.syn.timestamp_value &&
                 is_of_one_connection(client.syn, client.syn.timestamp_value)
             ? Likeness::same
             : Likeness::other;
}

// The flow that a SYN or SYN+ACK of no known key belongs to, if exactly one can be meant.
Place Engine::State::place_by_number(const Segment& segment) {
  const Packet& packet = *segment.packet;
  const bool syn = packet.is_syn();
  Flow* flow = table.by_syn(syn ? packet.sequence : packet.acknowledgement - 1);
  if (flow == nullptr) return {};
  TcpHandshake facts;
  if (parse_tcp_handshake(packet, facts) != Reason::ok) return {};
  Flow* found = nullptr;
  for (int looked = 0; flow != nullptr; flow = table.next_by_syn(*flow)) {
    if (++looked > most_of_one_number) found = nullptr;
    if (looked > most_of_one_number) break;
    const Likeness like = likeness(*flow, facts, segment);
    if (like == Likeness::other) continue;
    if (like == Likeness::refuted || found != nullptr) {
      found = nullptr;
      ++counters.ambiguous;
      break;
    }
    found = flow;
  }
  if (found == nullptr) return {};
  ++counters.merged;
  return {found, static_cast<uint8_t>(syn ? found->client : found->client ^ 1), no_alias};
}

// Another flow that turns out to be the same connection, now that both first sequence numbers are
// known of both: SYNs without time stamps are told apart no sooner.
Flow* Engine::State::twin_of(const Flow& flow) {
  if (!flow.syn_indexed) return nullptr;
  const End& server = flow.end[flow.client ^ 1];
  if (!server.has_syn) return nullptr;
  Flow* found = nullptr;
  int looked = 0;
  for (Flow* other = table.by_syn(flow.client_isn); other != nullptr;
       other = table.next_by_syn(*other)) {
    if (++looked > most_of_one_number) return nullptr;
    if (other == &flow) continue;
    const End& its = other->end[other->client ^ 1];
    if (!its.has_syn || its.syn.sequence != server.syn.sequence || !alike(its.syn, server.syn) ||
        !within(its.syn_time, server.syn_time))
      continue;
    if (found != nullptr || share_point(flow, *other)) return nullptr;
    found = other;
  }
  if (found == nullptr || found->key.ip_version != flow.key.ip_version) return nullptr;
  if (is_of_one_connection(server.syn, server.syn.timestamp_value)) return found;
  const auto shares = [&](const FlowKey& key, uint8_t flip) {
    Packet packet;
    const bool low = ((found->client ^ 1) ^ flip) == 0;
    packet.source.bytes = low ? key.low_address : key.high_address;
    packet.destination.bytes = low ? key.high_address : key.low_address;
    packet.source.version = packet.destination.version = key.ip_version;
    packet.source_port = low ? key.low_port : key.high_port;
    packet.destination_port = low ? key.high_port : key.low_port;
    return shares_end(flow, flow.client ^ 1, packet);
  };
  if (shares(found->key, 0)) return found;
  for (const Alias* alias = aliases.at(found->aliases); alias != nullptr;
       alias = aliases.at(alias->next))
    if (shares(alias->key, alias->flip)) return found;
  return nullptr;
}

// Joins two flows of one connection; result: the one that is left. Only what consists of SYN and
// SYN+ACK so far can go into another.
Flow* Engine::State::join(Flow& a, Flow& b) {
  Flow& into = a.number < b.number ? a : b;
  Flow& from = a.number < b.number ? b : a;
  if (from.pending != nullptr || from.first_done || from.has_content()) return &a;
  const auto turn = static_cast<uint8_t>(from.client ^ into.client);
  // Its keys, while it still has them.
  std::array<Alias, Aliases::of_flow + 1> keys;
  std::size_t count = 0;
  keys[count++] = {from.key, from.hash, from.passage, 0, no_alias, no_alias, turn};
  for (const Alias* alias = aliases.at(from.aliases); alias != nullptr;
       alias = aliases.at(alias->next)) {
    keys[count] = *alias;
    keys[count++].flip ^= turn;
  }
  for (uint8_t direction : {uint8_t{0}, uint8_t{1}}) {
    End& end = into.end[direction];
    const End& its = from.end[direction ^ turn];
    if (end.cookie == 0) end.cookie = its.cookie;
    if (end.listener_cookie == 0) end.listener_cookie = its.listener_cookie;
    if (!end.has_mac && its.has_mac) {
      end.mac = its.mac;
      end.has_mac = true;
    }
    if (end.owner.learn_all(its.owner)) into.ownership_new = true;
  }
  for (uint8_t i = 0; i < from.point_count && into.point_count < into.points.size(); ++i) {
    into.points[into.point_count++] = from.points[i];
    into.points_new = true;
  }
  if (!into.has_vlan && from.has_vlan) {
    into.has_vlan = true;
    into.vlan = from.vlan;
  }
  into.packets += from.packets;
  into.beyond_syn |= from.beyond_syn;
  into.first = std::min(into.first, from.first);
  into.last = std::max(into.last, from.last);
  ++counters.flows_closed;
  ++counters.flows_joined;
  forget(from);
  for (std::size_t i = 0; i < count; ++i) {
    Alias& key = keys[i];
    if (turn != 0) key.passage.socket_of = turned(key.passage.socket_of);
    if (Passage* passage = passage_of(into, key.key, key.hash, key.flip)) *passage = key.passage;
  }
  return &into;
}

// What passed of the flow under this key, which it has from now on. Null: no room for it.
Passage* Engine::State::passage_of(Flow& flow, const FlowKey& key, uint64_t hash, uint8_t flip) {
  if (flow.hash == hash && flow.key == key) return &flow.passage;
  for (Alias* alias = aliases.at(flow.aliases); alias != nullptr; alias = aliases.at(alias->next))
    if (alias->hash == hash && alias->key == key) return &alias->passage;
  if (!aliases.add(flow.aliases, flow.index, key, hash, flip, {})) {
    ++counters.aliases_refused;
    return nullptr;
  }
  return &aliases.at(flow.aliases)->passage;
}

void Engine::State::note_passage(Flow& flow, uint8_t direction, const DirectedKey& key,
                                 uint64_t hash, const Segment& segment) {
  const Packet& packet = *segment.packet;
  if (!packet.is_tcp() && segment.socket == nullptr && flow.aliases == no_alias &&
      flow.hash == hash)
    return;
  Passage* const passage = passage_of(flow, key.key, hash, key.direction ^ direction);
  if (passage == nullptr) return;
  if (packet.is_syn() && (!passage->has_syn || segment.time < passage->syn)) {
    passage->has_syn = true;
    passage->syn = segment.time;
  }
  if (packet.is_syn_ack() && (!passage->has_syn_ack || segment.time < passage->syn_ack)) {
    passage->has_syn_ack = true;
    passage->syn_ack = segment.time;
  }
  if (segment.hook == HP_HOOK_NONE || segment.cookie == 0 || segment.socket != nullptr ||
      !packet.is_tcp())
    return;
  // The socket has the packet's own addresses. A SYN+ACK at the cgroup hook shows but its listener.
  if (segment.direction == HP_INGRESS) {
    passage->socket_of |= static_cast<uint8_t>(1 << (direction ^ 1));
  } else if (!packet.is_syn_ack() || segment.hook != HP_HOOK_CGROUP) {
    passage->socket_of |= static_cast<uint8_t>(1 << direction);
  }
}

// What a packet tells beside its content: when and where it was seen, and whose sockets are at
// hand.
void Engine::State::note_sighting(Flow& flow, uint8_t direction, const DirectedKey& key,
                                  uint64_t hash, const Segment& segment) {
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
  for (uint8_t i = 0; i < flow.point_count && point == nullptr; ++i)
    if (is_point(flow.points[i], segment)) point = &flow.points[i];
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
      // `key` is the one that the socket has, on the way in and on the way out.
      owners.fetch(key.key, hash,
                   segment.direction == HP_EGRESS ? key.direction : key.direction ^ 1,
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

void Engine::State::owner(const hp_owner_event& event) {
  const Address local = Address::from_mapped(event.local_address),
                remote = Address::from_mapped(event.remote_address);
  const DirectedKey key =
      flow_key(local, event.local_port, remote, event.remote_port, event.protocol);
  const uint64_t hash = table.hash(key.key);
  // The flow whose end is this socket; else the only one that does not know its socket there.
  Place place;
  bool several = false, certain = false;
  const auto consider = [&](Flow& flow, uint8_t direction) {
    if (certain) return;
    const End& end = flow.end[direction];
    if (end.cookie != 0 && end.cookie == event.cookie) {
      place = {&flow, direction, no_alias};
      several = false;
      certain = true;
      return;
    }
    if (end.cookie != 0 && event.cookie != 0) return;
    // Beside the cgroup hook a flow whose socket was not seen there is not this host's.
    if (options.sockets_seen && !end.owner.local()) return;
    // Loopback does not leave its namespace: both ends of a connection are in one.
    const uint32_t netns = flow.end[direction ^ 1].owner.netns();
    if (local.is_loopback() && netns != 0 && netns != event.owner.netns) return;
    if (place.flow != nullptr && place.flow != &flow) several = true;
    if (place.flow == nullptr) place = {&flow, direction, no_alias};
  };
  for (Flow* flow = table.find(key.key, hash); flow != nullptr; flow = table.next(*flow))
    consider(*flow, key.direction);
  for (Alias* alias = aliases.find(key.key, hash); alias != nullptr; alias = aliases.next(*alias))
    consider(*table.at_index(alias->flow), static_cast<uint8_t>(key.direction ^ alias->flip));
  if (several) place = {};
  if (place.flow == nullptr || place.flow->first_done) {
    owners.keep(key.key, hash, key.direction, event);
    ++counters.owners_early;
  }
  if (place.flow == nullptr) return;
  if (place.flow->end[place.direction].owner.learn(event.owner)) place.flow->ownership_new = true;
  settle(*place.flow);
}

}  // namespace handprint
