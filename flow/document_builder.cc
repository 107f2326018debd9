// SPDX-License-Identifier: Apache-2.0
#include "flow/document_builder.h"

#include <new>

namespace handprint {

DocumentBuilder* DocumentBuilder::create(DocumentPool& pool) {
  Arena arena(pool);
  void* const room = arena.allocate(sizeof(DocumentBuilder), alignof(DocumentBuilder));
  if (room == nullptr) return nullptr;
  pool.retain();
  return new (room) DocumentBuilder(static_cast<Arena&&>(arena));
}

void DocumentBuilder::destroy(DocumentBuilder* builder) {
  // The builder lies in a chunk of its own arena, so the arena is copied out first.
  Arena arena(static_cast<Arena&&>(builder->arena));
  builder->~DocumentBuilder();
  DocumentPool& pool = arena.pool();
  arena.free_all();
  pool.release();
}

Reason DocumentBuilder::add(PacketTime time, Side side, Kind kind, std::string_view text) {
  // The same string again (a HelloRetryRequest and its ServerHello may have one) is no news.
  for (const Observation& known : observations_.view())
    if (known.kind == kind && known.text == text) return Reason::ok;
  const Observation observation{time, side, kind, text};
  return observations_.add(arena, observation, 8) ? Reason::ok : Reason::too_long;
}

void DocumentBuilder::note_incomplete(std::string_view what, Reason reason) {
  incomplete_.add(arena, {what, reason}, 2);
}

void DocumentBuilder::note_alert(const TlsAlert& alert) { alerts_.add(arena, alert, 2); }

void DocumentBuilder::seal() {
  observations = observations_.view();
  incomplete = incomplete_.view();
  tls_alerts = alerts_.view();
}

void DocumentDeleter::operator()(Document* document) const {
  DocumentBuilder::destroy(static_cast<DocumentBuilder*>(document));
}

std::size_t footprint(const Document& document) {
  return static_cast<const DocumentBuilder&>(document).arena.footprint();
}

}  // namespace handprint
