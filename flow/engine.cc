// SPDX-License-Identifier: Apache-2.0
#include "flow/engine.h"

#include <algorithm>
#include <cstring>

#include "bpf/selector.h"
#include "flow/datagram.h"
#include "flow/dissector_tcp.h"
#include "flow/exchange.h"
#include "flow/flow_table.h"
#include "flow/owner_cache.h"
#include "flow/packet_clock.h"
#include "flow/projection.h"
#include "flow/selection.h"

namespace handprint {

namespace {

// How the budget is shared, in sixteenths. What documents in queues need comes out of their part.
constexpr std::size_t flow_share = 5, small_share = 6, large_share = 1, small_stream_share = 2,
                      large_stream_share = 2;

// Documents that wait in flows may take this part of the small chunks; the rest is for their growth
// and for documents on their way to a sink.
constexpr std::size_t pending_part = 3;
// Unwritten documents of one flow: requests that nobody answered yet.
constexpr std::size_t pending_of_flow = 8;
// A SYN that comes after other packets of its connection begins no new flow within this time.
constexpr PacketTime late_syn = 5'000'000'000;
// … nor when the first bytes lie this close behind its sequence number.
constexpr uint32_t near_sequence = 65536;

Address address_of(const uint8_t (&bytes)[16]) {
  static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, mapped, sizeof mapped) == 0) return Address::from(Bytes(bytes + 12, 4));
  return Address::from(Bytes(bytes, 16));
}

std::size_t share(std::size_t budget, std::size_t sixteenths, std::size_t block, std::size_t least) {
  return std::max(budget / 16 * sixteenths / block, least);
}

}  // namespace

struct Engine::State final : Exchange::Documents {
  State(const EngineOptions& given, DocumentTaker& documents_taker)
      : options(given), taker(documents_taker),
        table(given.flow_bytes / 16 * flow_share, given.hash_seed),
        streams(share(given.flow_bytes, small_stream_share, StreamPool::small_bytes, 4),
                share(given.flow_bytes, large_stream_share, StreamPool::large_bytes, 2)),
        documents(DocumentPool::create(
            share(given.flow_bytes, small_share, DocumentPool::small_size, 16),
            share(given.flow_bytes, large_share, DocumentPool::large_size, 1))),
        scratch(std::make_unique<Scratch>()),
        policy(file_policy()) {}
  ~State() {
    while (Flow* flow = table.oldest()) forget(*flow);
    documents->release();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void segment(const Segment& segment);
  void owner(const hp_owner_event& event);
  void run_time_outs();
  void finish();

  // segment() by transport; true when the segment brought something new.
  bool on_tcp(Flow& flow, uint8_t direction, const Segment& segment);
  bool on_datagram(Flow& flow, uint8_t direction, const Segment& segment);
  bool on_handshake(Flow& flow, uint8_t direction, const Segment& segment);
  Flow* flow_of_syn(Flow* flow, const DirectedKey& key, const Segment& segment);
  Flow* begin_flow(const DirectedKey& key, uint64_t hash, const Segment& segment);
  void note_sighting(Flow& flow, uint8_t direction, const Segment& segment);

  bool on_bytes(Flow& flow, uint8_t direction, uint32_t sequence, Bytes bytes, const Segment& segment);
  void dissect(Flow& flow, uint8_t direction, Bytes bytes, PacketTime time, bool kept);
  void begin_message(Flow& flow, uint8_t direction, uint32_t sequence);
  void broken_message(Flow& flow, uint8_t direction, PacketTime time, Reason reason);

  DocumentBuilder* begin(Flow& flow) override;
  bool is_complete(const Flow& flow) const;
  static bool awaits_answer(const Flow& flow, const DocumentBuilder& document);
  void settle(Flow& flow);
  void write_first(Flow& flow, bool evicted);
  void write_front(Flow& flow);
  void write_all(Flow& flow, bool evicted);
  bool may_record_syn();
  void make_room_for_document(const Flow& current);
  void close(Flow& flow, bool evicted);
  void forget(Flow& flow);

  const EngineOptions options;
  DocumentTaker& taker;
  FlowTable table;
  StreamPool streams;
  OwnerCache owners;
  DocumentPool* const documents;
  std::unique_ptr<Scratch> scratch;
  const hp_policy policy;
  PacketClock clock;
  EngineCounters counters;
  uint64_t pending_documents = 0;
  uint64_t segments_cut = 0;      // bytes of them found no room in their stream
  PacketTime syn_second = 0;      // in which syn_written SYN records were written
  uint32_t syns_written = 0;
};

// ---- packets ----------------------------------------------------------------------------------

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
  Flow* flow = table.find(key.key, hash);
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

// Which flow a SYN or SYN+ACK belongs to: the one with its key, unless its sequence number says that
// the ports are used again. The flow that it replaces is written, or, when its SYN was never
// answered, given up for the new one.
Flow* Engine::State::flow_of_syn(Flow* flow, const DirectedKey& key, const Segment& segment) {
  if (flow == nullptr) return nullptr;
  const Packet& packet = *segment.packet;
  const End& sender = flow->end[key.direction];
  if (packet.is_syn_ack()) {
    if (!sender.has_syn || sender.syn.sequence == packet.sequence) return flow;
    // Another answer. To the same SYN it is a peculiarity of the server and the first one counts; to
    // another SYN the connection is another one.
    const End& client = flow->end[key.direction ^ 1];
    if (client.has_syn && packet.acknowledgement - client.syn.sequence - 1 <= near_sequence) return flow;
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
  owners.fetch(key.key, hash, segment.time, [&](uint8_t direction, const hp_owner& owner) {
    flow->end[direction].owner.learn(owner);
  });
  return flow;
}

// What a packet tells beside its content: when and where it was seen, and whose sockets are at hand.
void Engine::State::note_sighting(Flow& flow, uint8_t direction, const Segment& segment) {
  const Packet& packet = *segment.packet;
  table.touch(flow);
  flow.active = clock.now();
  flow.last = std::max(flow.last, segment.time);
  ++flow.packets;

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
    // The SYN's socket may be the listener's.
    if (!packet.payload.empty()) local.cookie = segment.cookie;
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
  if (flow.pending != nullptr) write_handshakes(flow, *flow.pending, *scratch);
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

// ---- streams ----------------------------------------------------------------------------------

// A message begins at this sequence number: what was open before it cannot be completed.
void Engine::State::begin_message(Flow& flow, uint8_t direction, uint32_t sequence) {
  End& end = flow.end[direction];
  if (end.dissector != nullptr && !end.incomplete_noted && end.messages == 0 && flow.pending != nullptr)
    note_open_messages(flow, *flow.pending, false);
  streams.drop(end.stream);
  end.stream.begin = sequence;
  end.stream.has_begin = true;
  end.stream.needed = 0;
  end.stream.truncated = end.stream.over_limit = end.stream.evicted = false;
  end.dissector = nullptr;
  end.content = HP_CONTENT_NONE;
  end.incomplete_noted = false;
}

bool Engine::State::on_bytes(Flow& flow, uint8_t direction, uint32_t sequence, Bytes bytes,
                             const Segment& segment) {
  End& end = flow.end[direction];
  Stream& stream = end.stream;
  end.hint = segment.content;
  if (!stream.has_begin) {
    stream.begin = stream.has_base ? stream.base : sequence;
    stream.has_begin = true;
  }
  auto offset = static_cast<int32_t>(sequence - stream.begin);
  const auto length = static_cast<int32_t>(std::min<std::size_t>(bytes.size(), HP_MAX_COPY));
  bytes = bytes.first(static_cast<std::size_t>(length));

  // The selector found a message at the start of this segment and no window that it belongs to: it
  // begins here, unless its bytes are known.
  if ((segment.flags & HP_PACKET_NO_WINDOW) != 0 && offset != 0) {
    const uint32_t known = stream.buffer != nullptr ? stream.buffer->contiguous() : 0;
    const bool before_all = offset < 0 && end.messages == 0 && !stream.has_base && !end.settled;
    if (before_all || (offset > 0 && static_cast<uint32_t>(offset) >= known)) {
      begin_message(flow, direction, sequence);
      offset = 0;
    }
  }
  if (offset < 0) {
    if (offset + length <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(-offset));
    offset = 0;
  }
  if ((segment.flags & HP_PACKET_TRUNCATED) != 0) stream.truncated = true;
  // Between messages, bytes behind a gap are the middle of something that nobody reads.
  const bool idle = end.dissector == nullptr && stream.buffer == nullptr && end.settled;
  if (idle && offset > 0) return false;

  if (offset == 0 && stream.buffer == nullptr) {
    dissect(flow, direction, bytes, segment.time, false);
    return true;
  }
  const StreamPool::Placed placed = streams.place(stream, static_cast<uint32_t>(offset), bytes);
  if (placed.dropped != 0) ++segments_cut;
  const Bytes contiguous = StreamPool::contiguous(stream);
  const bool full = contiguous.size() == StreamPool::large_capacity;
  if (!contiguous.empty() && (placed.fresh != 0 || full) &&
      (contiguous.size() >= stream.needed || full))
    dissect(flow, direction, contiguous, segment.time, true);
  return placed.fresh != 0;
}

// Shows dissectors the contiguous bytes from stream.begin on. kept: they stand in the stream's
// buffer, else in the packet.
void Engine::State::dissect(Flow& flow, uint8_t direction, Bytes bytes, PacketTime time, bool kept) {
  using Is = Dissected::State;
  End& end = flow.end[direction];
  Stream& stream = end.stream;
  Exchange exchange(flow, direction, time, options, *scratch, *this);
  const auto consume = [&](uint32_t n) {
    streams.consume(stream, n);
    bytes = kept ? StreamPool::contiguous(stream) : bytes.subspan(n);
    stream.needed = 0;
  };
  while (!bytes.empty()) {
    if (end.dissector == nullptr) {
      uint8_t head[HP_HEAD] = {};
      const auto known = static_cast<uint32_t>(std::min<std::size_t>(bytes.size(), HP_HEAD));
      std::memcpy(head, bytes.data(), known);
      const bool start = stream.at_start() || (end.messages == 0 && end.hint == HP_CONTENT_TLS_ALERT);
      uint8_t content = hp_classify(head, known, start, &policy).content;
      if (content == HP_CONTENT_UNDECIDED) {
        stream.needed = known + 1;
        break;
      }
      if (content == HP_CONTENT_NONE) {
        if (!start && !(end.messages == 0 && end.hint == HP_CONTENT_OTHER)) {
          consume(static_cast<uint32_t>(bytes.size()));
          break;
        }
        content = HP_CONTENT_OTHER;
      }
      end.content = content;
      end.dissector = dissector_of(content);
    }
    const Dissected result = end.dissector->dissect(bytes, end.content, exchange);
    // What is none of ours is copied once: waiting for more of it would be in vain.
    if (end.content == HP_CONTENT_OTHER) end.settled = true;
    if (result.state == Is::need_more) {
      stream.needed = result.needed;
      if (bytes.size() < StreamPool::large_capacity) break;
      broken_message(flow, direction, time, Reason::too_long);
      consume(static_cast<uint32_t>(bytes.size()));
      break;
    }
    const bool more = result.state == Is::message || result.state == Is::aside;
    if (result.state == Is::broken) {
      broken_message(flow, direction, time, result.reason);
    } else if (result.state != Is::aside) {
      ++end.messages;
      end.settled = true;
    }
    end.dissector = nullptr;
    end.content = HP_CONTENT_NONE;
    end.incomplete_noted = false;
    stream.truncated = stream.over_limit = stream.evicted = false;
    const auto size = static_cast<uint32_t>(bytes.size());
    consume(more && result.consumed != 0 ? std::min(result.consumed, size) : size);
    if (!more) break;
  }
  if (!kept && !bytes.empty()) {
    const StreamPool::Placed placed = streams.place(stream, 0, bytes);
    if (placed.dropped != 0) ++segments_cut;
  }
}

void Engine::State::broken_message(Flow& flow, uint8_t direction, PacketTime time, Reason reason) {
  End& end = flow.end[direction];
  const bool first = end.messages == 0 && !end.settled;
  end.settled = true;
  flow.retry_pending = false;
  // Bytes in the middle of a stream that only looked like a message are no news.
  if (first && !end.incomplete_noted) {
    const std::string_view part = part_name(end.content, flow.side_of(direction));
    Exchange exchange(flow, direction, time, options, *scratch, *this);
    if (!part.empty())
      if (DocumentBuilder* document = exchange.document()) document->note_incomplete(part, reason);
  }
  end.dissector = nullptr;
  end.content = HP_CONTENT_NONE;
}

// ---- documents --------------------------------------------------------------------------------

DocumentBuilder* Engine::State::begin(Flow& flow) {
  std::size_t waiting = 0;
  DocumentBuilder** link = &flow.pending;
  for (; *link != nullptr; link = &(*link)->next) ++waiting;
  if (waiting >= pending_of_flow) {
    if (!flow.first_done) note_open_messages(flow, *flow.pending, false);
    write_front(flow);
    link = &flow.pending;
    while (*link != nullptr) link = &(*link)->next;
  }
  make_room_for_document(flow);
  DocumentBuilder* document = DocumentBuilder::create(*documents);
  if (document == nullptr) {
    taker.starved();
    document = DocumentBuilder::create(*documents);
  }
  if (document == nullptr) {
    ++counters.documents_dropped;
    return nullptr;
  }
  ++pending_documents;
  // Other flows may have been written meanwhile, this one's list was not.
  *link = document;
  write_handshakes(flow, *document, *scratch);
  return document;
}

// Keeps the number of documents that wait in flows within their part of the memory, by writing one
// that waits longest.
void Engine::State::make_room_for_document(const Flow& current) {
  constexpr int looked_at = 16;  // SYNs without a document stand in the queue too
  if (pending_documents < std::max<std::size_t>(documents->small.count() / pending_part, 1)) return;
  for (Wait queue : {Wait::worker, Wait::part, Wait::first_document}) {
    Flow* flow = table.waiting(queue);
    for (int i = 0; flow != nullptr && i < looked_at; ++i, flow = table.waiting_behind(*flow)) {
      if (flow->pending == nullptr || flow == &current) continue;
      ++counters.documents_early;
      note_open_messages(*flow, *flow->pending, true);
      write_front(*flow);
      table.wait(*flow, flow->pending != nullptr ? Wait::part : Wait::none, clock.now());
      return;
    }
  }
}

// A later document waits for the other side's answer to what it holds.
bool Engine::State::awaits_answer(const Flow& flow, const DocumentBuilder& document) {
  const bool said = flow.named || flow.alerted || (flow.end[0].settled && flow.end[1].settled);
  if ((document.tcp_client != nullptr || document.tcp_server != nullptr) && !said) return true;
  if (document.http_request != nullptr && document.http_response == nullptr) return true;
  if (document.interim && document.http_response == nullptr) return true;
  if (flow.retry_pending) return true;
  return (document.tls_client != nullptr || document.tls_client_retry != nullptr) &&
         document.tls_server == nullptr && !flow.alerted;
}

bool Engine::State::is_complete(const Flow& flow) const {
  if (flow.retry_pending) return false;
  if (flow.named || flow.alerted) return true;
  if (!flow.end[0].settled || !flow.end[1].settled) return false;
  const DocumentBuilder* document = flow.pending;
  if (document == nullptr) return true;
  return !(document->interim && document->http_response == nullptr);
}

// After something happened to a flow: writes what is ready, and sees to it that the rest waits.
void Engine::State::settle(Flow& flow) {
  if (!flow.first_done) {
    if (!is_complete(flow)) return;
    const EndOwner& server = flow.end[flow.client ^ 1].owner;
    if (!options.from_file && options.worker_grace > 0 && server.awaits_worker()) {
      if (flow.wait == Wait::first_document) table.wait(flow, Wait::worker, clock.now());
      return;
    }
    write_first(flow, false);
  }
  const auto unwritten = [](const End& end) { return end.has_syn && !end.syn_written; };
  if (flow.pending == nullptr && (flow.ownership_new || flow.protocols_new ||
                                  unwritten(flow.end[flow.client ^ 1])))
    begin(flow);
  while (flow.pending != nullptr && !awaits_answer(flow, *flow.pending)) write_front(flow);
  if (flow.pending == nullptr) {
    if (flow.wait != Wait::none) table.wait(flow, Wait::none, clock.now());
  } else if (flow.wait != Wait::part) {
    table.wait(flow, Wait::part, clock.now());
  }
}

bool Engine::State::may_record_syn() {
  if (options.syn_records == 0) return true;
  const PacketTime second = clock.now() / 1'000'000'000;
  if (second != syn_second) {
    syn_second = second;
    syns_written = 0;
  }
  if (syns_written >= options.syn_records) {
    ++counters.syn_unrecorded;
    return false;
  }
  ++syns_written;
  return true;
}

// Writes the first document with whatever there is.
void Engine::State::write_first(Flow& flow, bool evicted) {
  if (flow.pending == nullptr) {
    flow.first_done = true;
    if (!flow.has_content() && !may_record_syn()) {
      flow.unrecorded = true;
      return;
    }
    if (begin(flow) == nullptr) return;
  }
  note_open_messages(flow, *flow.pending, evicted);
  write_front(flow);
}

// Hands the oldest unwritten document out.
void Engine::State::write_front(Flow& flow) {
  DocumentBuilder* const document = flow.pending;
  flow.pending = document->next;
  --pending_documents;
  flow.first_done = true;
  project(flow, options, *document);
  if (flow.unrecorded) --counters.syn_unrecorded;  // it was answered after all
  flow.unrecorded = false;
  ++counters.documents;
  if (document->part > 1) ++counters.parts;
  if (!document->incomplete.empty()) ++counters.incomplete;
  taker.take(DocumentPtr(document));
}

void Engine::State::write_all(Flow& flow, bool evicted) {
  if (!flow.first_done) write_first(flow, evicted);
  if (flow.pending != nullptr) {
    DocumentBuilder* last = flow.pending;
    while (last->next != nullptr) last = last->next;
    note_open_messages(flow, *last, evicted);
  }
  while (flow.pending != nullptr) write_front(flow);
}

void Engine::State::close(Flow& flow, bool evicted) {
  write_all(flow, evicted);
  ++counters.flows_closed;
  forget(flow);
}

void Engine::State::forget(Flow& flow) {
  for (End& end : flow.end) streams.drop(end.stream);
  while (DocumentBuilder* document = flow.pending) {
    flow.pending = document->next;
    --pending_documents;
    DocumentBuilder::destroy(document);
  }
  table.wait(flow, Wait::none, 0);
  table.remove(flow);
}

// ---- time -------------------------------------------------------------------------------------

void Engine::State::run_time_outs() {
  const PacketTime now = clock.now();
  Flow* flow;
  while ((flow = table.waiting(Wait::worker)) != nullptr && now - flow->wait_since >= options.worker_grace) {
    table.wait(*flow, Wait::none, now);
    write_first(*flow, false);
    settle(*flow);
  }
  while ((flow = table.waiting(Wait::first_document)) != nullptr &&
         now - flow->wait_since >= options.first_document_after) {
    table.wait(*flow, Wait::none, now);
    write_first(*flow, false);
    settle(*flow);
  }
  while ((flow = table.waiting(Wait::part)) != nullptr &&
         now - flow->wait_since >= options.first_document_after) {
    table.wait(*flow, Wait::none, now);
    write_all(*flow, false);
  }
  while ((flow = table.oldest()) != nullptr && now - flow->active >= options.flow_idle_after)
    close(*flow, false);
}

void Engine::State::owner(const hp_owner_event& event) {
  const Address local = address_of(event.local_address), remote = address_of(event.remote_address);
  const DirectedKey key =
      flow_key(local, event.local_port, remote, event.remote_port, event.protocol);
  const uint64_t hash = table.hash(key.key);
  Flow* const flow = table.find(key.key, hash);
  const uint64_t cookie = flow != nullptr ? flow->end[key.direction].cookie : 0;
  const bool other_socket = cookie != 0 && event.cookie != 0 && cookie != event.cookie;
  if (flow == nullptr || other_socket || flow->first_done) {
    owners.keep(key.key, hash, key.direction, event);
    ++counters.owners_early;
  }
  if (flow == nullptr || other_socket) return;
  if (flow->end[key.direction].owner.learn(event.owner)) flow->ownership_new = true;
  settle(*flow);
}

void Engine::State::finish() {
  while (Flow* flow = table.oldest()) close(*flow, false);
}

// -----------------------------------------------------------------------------------------------

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
  return pool.small.count() * pool.small.block_size() + pool.large.count() * pool.large.block_size();
}
std::size_t Engine::flows_open() const { return state_->table.size(); }
std::size_t Engine::flows_limit() const { return state_->table.limit(); }

}  // namespace handprint
