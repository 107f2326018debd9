// SPDX-License-Identifier: Apache-2.0
// The engine's inside, for its four files: engine.cc (packets), engine_sightings.cc (whose
// packets, and owners), engine_streams.cc (bytes to messages), engine_documents.cc (documents and
// time-outs).
#pragma once

#include <memory>
#include <optional>

#include "flow/decryption.h"
#include "flow/engine.h"
#include "flow/exchange.h"
#include "flow/flow_table.h"
#include "flow/owner_cache.h"
#include "flow/packet_clock.h"
#include "flow/scan_table.h"
#include "flow/stream.h"

namespace handprint {

// Where a packet belongs: its flow, its direction there, and by which key it was found.
struct Place {
  Flow* flow = nullptr;
  uint8_t direction = 0;
  uint32_t alias = no_alias;  // no_alias: the flow's own key, or none
};

struct Engine::State final : Exchange::Documents {
  State(const EngineOptions& given, DocumentTaker& documents_taker);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void segment(const Segment& segment);
  void owner(const hp_owner_event& event);
  void run_time_outs();
  void finish();

  // segment() by transport; true when the segment brought something new.
  bool on_tcp(Flow& flow, uint8_t direction, const Segment& segment, bool translated);
  bool on_datagram(Flow& flow, uint8_t direction, const Segment& segment);
  bool on_handshake(Flow& flow, uint8_t direction, const Segment& segment, bool translated);
  Flow* begin_flow(const DirectedKey& key, uint64_t hash, const Segment& segment);

  // engine_sightings.cc
  enum class Likeness : uint8_t { other, same, refuted };
  Place find_flow(const DirectedKey& key, uint64_t hash, const Segment& segment);
  Place place_of_syn(const Place& place, const Segment& segment);
  Place place_by_number(const Segment& segment);
  Likeness likeness(const Flow& flow, const TcpHandshake& facts, const Segment& segment) const;
  bool shares_end(const Flow& flow, uint8_t direction, const Packet& packet) const;
  Flow* twin_of(const Flow& flow);
  Flow* join(Flow& a, Flow& b);
  Passage* passage_of(Flow& flow, const FlowKey& key, uint64_t hash, uint8_t flip);
  void note_passage(Flow& flow, uint8_t direction, const DirectedKey& key, uint64_t hash,
                    const Segment& segment);
  void note_sighting(Flow& flow, uint8_t direction, const DirectedKey& key, uint64_t hash,
                     const Segment& segment);

  bool on_bytes(Flow& flow, uint8_t direction, uint32_t sequence, Bytes bytes,
                const Segment& segment);
  void dissect(Flow& flow, uint8_t direction, Bytes bytes, PacketTime time, bool kept);
  void begin_message(Flow& flow, uint8_t direction, uint32_t sequence);
  void broken_message(Flow& flow, uint8_t direction, PacketTime time, Reason reason);

  DocumentBuilder* begin(Flow& flow) override;
  void tls_begins(Exchange& exchange, Bytes bytes, Bytes random) override;
  void secrets_came();
  void tap(Flow& flow, uint8_t direction, const Segment& segment);
  bool is_complete(const Flow& flow) const;
  static bool awaits_answer(const Flow& flow, const DocumentBuilder& document);
  static void close_document(const Flow& flow, DocumentBuilder& document);
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
  Aliases aliases;
  StreamPool streams;
  OwnerCache owners;
  DocumentPool* const documents;
  std::unique_ptr<Scratch> scratch;
  std::optional<Decryption> decryption;  // where secrets were given
  const hp_policy policy;
  PacketClock clock;
  EngineCounters counters;
  uint64_t pending_documents = 0;
  uint64_t segments_cut = 0;  // bytes of them found no room in their stream
  ScanTable scans;
  PacketTime syn_second = 0;  // in which syn_written SYN records were written
  uint32_t syns_written = 0;
};

}  // namespace handprint
