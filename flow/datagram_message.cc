// SPDX-License-Identifier: Apache-2.0
// Protocols of which a single datagram says all: STUN and DHCP.
#include "fingerprint/mercury_datagram.h"
#include "flow/datagram.h"

namespace handprint {

void note_datagram(Protocol protocol, Bytes datagram, Exchange& ex) {
  ex.flow.add_protocol(protocol);
  ex.sender().settled = true;
  if (protocol != Protocol::stun && protocol != Protocol::dhcp) return;
  ex.flow.claim_client(ex.direction);
  ex.flow.named = true;  // nothing more is read of either side
  // The first of a direction that has a string says all.
  if (!ex.options.all_strings || ex.sender().datagram_noted) return;
  DocumentBuilder* document = ex.document();
  if (document == nullptr) return;
  const bool stun = protocol == Protocol::stun;
  const Kind kind = stun ? Kind::mercury_stun : Kind::mercury_dhcp;
  const Reason reason = document->observe(ex.time, ex.side(), kind, ex.scratch, [&](Text& out) {
    return stun ? write_mercury_stun(datagram, out) : write_mercury_dhcp(datagram, out);
  });
  ex.sender().datagram_noted = reason == Reason::ok;
}

}  // namespace handprint
