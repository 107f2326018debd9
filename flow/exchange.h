// SPDX-License-Identifier: Apache-2.0
// What a dissector works on: one side of one flow, at one moment.
#pragma once

#include "flow/engine.h"
#include "flow/flow.h"

namespace handprint {

class Exchange {
 public:
  // Begins documents for flows; the engine.
  class Documents {
   public:
    // A further unwritten document of the flow, behind those it has; null when no memory is free.
    virtual DocumentBuilder* begin(Flow& flow) = 0;

    // A hello of TLS was read whole from the start of these bytes; random: its own.
    virtual void tls_begins(Exchange& exchange, Bytes bytes, Bytes random) = 0;

   protected:
    ~Documents() = default;
  };

  Exchange(Flow& flow, uint8_t direction, PacketTime time, const EngineOptions& options,
           Scratch& scratch, Documents& documents)
      : flow(flow),
        direction(direction),
        time(time),
        options(options),
        scratch(scratch),
        documents_(documents) {}

  // The first unwritten, open document of the flow that has this fact not yet, or a new one.
  template <class Fact>
  DocumentBuilder* document_without(const Fact* Document::*fact) {
    for (DocumentBuilder* at = flow.pending; at != nullptr; at = at->next)
      if (!at->closed && at->*fact == nullptr) return at;
    return documents_.begin(flow);
  }
  // The flow's oldest unwritten document that is open, or a new one.
  DocumentBuilder* document() {
    for (DocumentBuilder* at = flow.pending; at != nullptr; at = at->next)
      if (!at->closed) return at;
    return documents_.begin(flow);
  }

  // A further document of the flow; null when no memory is free.
  DocumentBuilder* begin() { return documents_.begin(flow); }

  void tls_begins(Bytes bytes, Bytes random) { documents_.tls_begins(*this, bytes, random); }
  // The same moment, of this direction.
  Exchange other(uint8_t of) const { return Exchange(flow, of, time, options, scratch, documents_); }

  End& sender() { return flow.end[direction]; }
  Side side() const { return flow.side_of(direction); }

  Flow& flow;
  const uint8_t direction;
  const PacketTime time;
  const EngineOptions& options;
  Scratch& scratch;

 private:
  Documents& documents_;
};

}  // namespace handprint
