// SPDX-License-Identifier: Apache-2.0
// Documents as pmercury's records, for what reads pmercury's output.
#pragma once

#include <string>

#include "flow/document.h"
#include "record/writer.h"

namespace handprint {

// What pmercury's switches -w, -g and -e choose.
struct PmercuryShape {
  bool readable = false;  // -w: each string also as parts and names
  bool flows = false;     // -g: one record a flow instead of one a fingerprint
  bool experimental =
      false;  // -e: also SSH and what comes out of encrypted streams and certificates
};

// Appends JSON lines in the shape of pmercury 0.2.1.3, in the order of its keys:
//   {"src_ip","dst_ip","src_port","dst_port","protocol","event_start","fingerprints":{kind: string}
//    [,kind's protocol:{context}][,"readable":{kind: parts}]}
// with event_start in seconds since 1970 as a decimal fraction; with `flows`
//   {…,"event_start","event_end","fingerprints":[{"event_start",kind: string[,"readable"]}…]
//    [,protocol:{context}…]}
// The ends are those of the packet that carried the fingerprint, with `flows` those of the client's
// packets. Kinds without a name of pmercury's (fingerprint/kinds.def) are left out, and a document
// without any gives nothing. Only names differ: readable.h names numbers as IANA does.
void write_pmercury(const Document& document, const RecordContext& context, PmercuryShape shape,
                    std::string& out);

}  // namespace handprint
