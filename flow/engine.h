// SPDX-License-Identifier: Apache-2.0
// The engine: selected packets in, documents out. No I/O, no threads, no clock of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "flow/document.h"
#include "flow/scan_table.h"
#include "flow/segment.h"

namespace handprint {

class KeyLog;

struct EngineOptions {
  std::size_t flow_bytes = 16u << 20;  // budget of flows, streams and documents in flight
  PacketTime first_document_after = 5'000'000'000;  // ns: what has not come by then is incomplete
  PacketTime flow_idle_after = 150'000'000'000;     // ns: a flow that says nothing is forgotten
  // ns: how long a document that is otherwise ready waits for the process that will read from the
  // server's socket, when only its listener is known (live only).
  PacketTime worker_grace = 200'000'000;
  uint32_t http_messages = 0;  // per direction and flow, 0: all
  // Documents a second of connections that consist of nothing but SYN and SYN+ACK; 0: no limit.
  uint32_t syn_records = 0;
  bool certificates = false;  // the selector copies a server's certificates, too: wait for them
  bool all_strings = true;  // also the kinds that are shown only with `fields: all`
  bool from_file = false;
  // Secrets of connections, or null; it must outlive the engine. Segments bring whole payloads then.
  const KeyLog* keys = nullptr;
  bool keys_grow = false;  // more may come than there are when a connection begins
  // Every local socket shows itself at the cgroup hook (live): what is only seen at an interface
  // beside it has none, and is given no owner by its ports.
  bool sockets_seen = false;
  // Mixed into every event.id: agent id and boot id live, the file's hash otherwise.
  std::array<uint8_t, 16> identity{};
  uint64_t hash_seed = 0;  // of the flow table; random live, 0 for files
};

// What the engine has counted since its start. The books balance:
//   segments = placed + duplicates + unusable + unselected
//   flows = flows open + flows_closed
//   flows_closed = first documents (documents - parts) of closed flows + syn_unrecorded +
//                  syns_replaced + documents_dropped of first documents + flows_joined
struct EngineCounters {
  uint64_t segments = 0;       // fed
  uint64_t placed = 0;         // segments that brought something new
  uint64_t flows = 0;          // begun
  uint64_t flows_closed = 0;   // forgotten, for whatever cause
  uint64_t documents = 0;      // given to the taker
  uint64_t parts = 0;          // of these, with part > 1
  uint64_t flows_evicted = 0;  // closed early for want of memory
  uint64_t streams_cut = 0;    // times that bytes of a stream were dropped: no room, or too long
  uint64_t duplicates = 0;     // segments that brought nothing new
  uint64_t unusable = 0;       // segments of no flow that can be told
  uint64_t unselected = 0;     // segments that came for their stream alone, to be decrypted
  uint64_t incomplete = 0;     // documents with at least one incomplete part
  uint64_t documents_dropped = 0;  // no block free: taker too slow
  uint64_t documents_early = 0;    // written before their time, to make room for others
  uint64_t syn_unrecorded = 0;     // connections without content beyond syn_records
  uint64_t syns_replaced = 0;    // flows whose unanswered SYN gave way to a newer one: no document
  uint64_t merged = 0;           // keys of a connection that were found by its sequence numbers
  uint64_t flows_joined = 0;     // flows that were found to be part of another
  uint64_t ambiguous = 0;        // SYNs and SYN+ACKs that could belong to several flows: kept apart
  uint64_t aliases_refused = 0;  // further keys of a flow for which there was no room
  uint64_t owners_early = 0;     // owners that came before the flow's first packet
};

// What was decrypted.
struct DecryptionCounters {
  uint64_t flows = 0;    // whose secrets are known
  uint64_t opened = 0;   // of these, with at least one record that was opened
  uint64_t records = 0;  // opened
  uint64_t refused = 0;  // flows that were left alone, because too many were followed at once
};

class Engine {
 public:
  // The taker must outlive the engine. Allocates the whole budget here, and nothing afterwards.
  Engine(const EngineOptions& options, DocumentTaker& taker);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Feeds one packet. Time never runs backwards: an older time counts as the newest seen.
  void segment(const Segment& segment);

  // A socket got another owner (a worker's first read) after packets of it were fed.
  void owner(const hp_owner_event& event);

  // There are new secrets.
  void secrets_came();

  // Runs time-outs up to `now` without a packet; older than the last packet: none.
  void advance(PacketTime now);

  // Writes what is open, as incomplete where something is missing, and forgets every flow.
  void finish();

  const EngineCounters& counters() const;
  DecryptionCounters decryption_counters() const;
  // The sources of what `syn_unrecorded` counts.
  const ScanTable& scans() const;
  // Bytes of memory for documents, those in flows included. A queue of documents that is bounded in
  // bytes (footprint()) should hold at most half of it; beyond that DocumentTaker::starved() is
  // called and, where it does not help, documents are dropped and counted.
  std::size_t document_bytes() const;
  // Flows in the table, and the most that it holds within its budget.
  std::size_t flows_open() const;
  std::size_t flows_limit() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace handprint
