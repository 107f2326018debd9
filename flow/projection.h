// SPDX-License-Identifier: Apache-2.0
// From a flow to a document: everything that the flow itself knows.
#pragma once

#include "flow/engine.h"
#include "flow/flow.h"

namespace handprint {

// Says in `document` which messages of the flow are open and cannot be completed now, once for each
// message.
void note_open_messages(Flow& flow, DocumentBuilder& document, bool evicted);

// The name of the message that is open in this direction; "" where it has none.
std::string_view open_part(const Flow& flow, uint8_t direction);

// Fills in the flow's part of the document as its next part, and marks what stands in it as
// written. A later part has only what is new: processes, protocols and points of observation that
// the parts before it had are left out.
void project(Flow& flow, const Aliases& aliases, const EngineOptions& options,
             DocumentBuilder& document);

}  // namespace handprint
