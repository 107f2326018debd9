// SPDX-License-Identifier: Apache-2.0
// When a document begins, when it is ready, and what happens when time or memory runs out.
#include <algorithm>

#include "flow/dissector_tcp.h"
#include "flow/engine_state.h"
#include "flow/projection.h"

namespace handprint {

namespace {

// Documents that wait in flows may take this part of the small chunks; the rest is for their growth
// and for documents on their way to a sink.
constexpr std::size_t pending_part = 3, pending_part_all_strings = 6;
// Unwritten documents of one flow: requests that nobody answered yet.
constexpr std::size_t pending_of_flow = 8;

bool is_unanswered(const DocumentBuilder& document) {
  return document.http_request != nullptr && document.http_response == nullptr &&
         document.answer != Answer::lost;
}

// Whether what is encrypted of the handshake is being read, and more of it is to come.
bool decrypts_handshake(const Flow& flow) {
  return flow.decrypted != nullptr && flow.finished != 3 && !flow.alerted &&
         flow.decrypted->session.state() == TlsSessionState::going_on;
}

}  // namespace

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
  write_handshakes(flow, *document, *scratch, options.all_strings);
  return document;
}

// Keeps the number of documents that wait in flows within their part of the memory, by writing one
// that waits longest.
void Engine::State::make_room_for_document(const Flow& current) {
  constexpr int looked_at = 64;  // SYNs without a document stand in the queue too
  const std::size_t part = options.all_strings ? pending_part_all_strings : pending_part;
  if (pending_documents < std::max<std::size_t>(documents->small.count() / part, 1)) return;
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
  // What the handshake still says encrypted.
  if (decrypts_handshake(flow)) return true;
  const bool said = flow.named || flow.alerted || (flow.end[0].settled && flow.end[1].settled);
  if ((document.tcp_client != nullptr || document.tcp_server != nullptr) && !said) return true;
  if (is_unanswered(document)) return true;
  if (document.interim && document.http_response == nullptr) return true;
  if (flow.retry_pending || (flow.certificate_pending && !flow.alerted)) return true;
  // A proxy has let the client through: what it has to say comes next.
  if (document.proxy != nullptr && flow.end[0].prefix.restart && flow.end[1].prefix.restart)
    return true;
  return (document.tls_client != nullptr || document.tls_client_retry != nullptr) &&
         document.tls_server == nullptr && !flow.alerted;
}

bool Engine::State::is_complete(const Flow& flow) const {
  if (flow.retry_pending) return false;
  if (decrypts_handshake(flow)) return false;
  // A decrypted request may come before the handshake's end (early data): its answer comes behind.
  if (flow.decrypted != nullptr && flow.pending != nullptr && is_unanswered(*flow.pending)) return false;
  // Data of the SYN itself (RFC 7413) can say all that the client says before the server says
  // anything: its SYN+ACK belongs to the first document.
  if (!flow.beyond_syn && flow.end[flow.client].has_syn) return false;
  if (flow.named || flow.alerted) return true;
  if (!flow.end[0].settled || !flow.end[1].settled) {
    // A side that waits for TLS waits in vain once the other one has said something else.
    const End& open = flow.end[flow.end[0].settled ? 1 : 0];
    if (flow.end[0].settled == flow.end[1].settled || !open.prefix.seen || open.settled ||
        flow.speaks(Protocol::tls))
      return false;
  }
  const DocumentBuilder* document = flow.pending;
  if (document == nullptr) return true;
  return !(document->interim && document->http_response == nullptr);
}

// The document is ready, and waits for a process alone.
void Engine::State::close_document(const Flow& flow, DocumentBuilder& document) {
  document.closed = true;
  document.closed_protocols = flow.protocol_count;
  document.closed_prefixes = flow.prefixes.count;
  document.last = flow.last;
  document.packets = flow.packets;
}

// After something happened to a flow: writes what is ready, and sees to it that the rest waits.
void Engine::State::settle(Flow& flow) {
  if (!flow.first_done) {
    if (!is_complete(flow)) return;
    const EndOwner& server = flow.end[flow.client ^ 1].owner;
    if (!options.from_file && options.worker_grace > 0 && server.awaits_worker()) {
      if (flow.wait == Wait::first_document) {
        table.wait(flow, Wait::worker, clock.now());
        if (flow.pending == nullptr) begin(flow);
        if (flow.pending != nullptr) close_document(flow, *flow.pending);
      }
      // What comes during the wait are further parts, as they would be without it.
      for (DocumentBuilder* at = flow.pending; at != nullptr; at = at->next) {
        if (at->closed) continue;
        if (awaits_answer(flow, *at)) break;
        close_document(flow, *at);
      }
      return;
    }
    write_first(flow, false);
  }
  const auto unwritten = [](const End& end) { return end.has_syn && !end.syn_written; };
  if (flow.pending == nullptr &&
      (flow.ownership_new || flow.protocols_written != flow.protocol_count ||
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
      scans.add(flow.address(flow.client));
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
  project(flow, aliases, options, *document);
  if (flow.unrecorded) {  // it was answered after all
    --counters.syn_unrecorded;
    scans.take_back(flow.address(flow.client));
  }
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
  if (decryption && flow.decrypted != nullptr) {
    Exchange exchange(flow, flow.client, flow.last, options, *scratch, *this);
    decryption->finish(exchange);
  }
  write_all(flow, evicted);
  ++counters.flows_closed;
  forget(flow);
}

void Engine::State::forget(Flow& flow) {
  if (decryption) decryption->forget(flow);
  for (End& end : flow.end) streams.drop(end.stream);
  while (DocumentBuilder* document = flow.pending) {
    flow.pending = document->next;
    --pending_documents;
    DocumentBuilder::destroy(document);
  }
  aliases.remove_all(flow.aliases);
  table.wait(flow, Wait::none, 0);
  table.remove(flow);
}

void Engine::State::run_time_outs() {
  const PacketTime now = clock.now();
  Flow* flow;
  while ((flow = table.waiting(Wait::worker)) != nullptr &&
         now - flow->wait_since >= options.worker_grace) {
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

void Engine::State::finish() {
  while (Flow* flow = table.oldest()) close(*flow, false);
}

}  // namespace handprint
