// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fingerprint/reason.h"
#include "fingerprint/tcp_handshake.h"
#include "fingerprint/text.h"

namespace handprint {

// mercury's string of a SYN or SYN+ACK, without the prefix that names its kind ("tcp/", "tcp_server/"):
// "(40)(00)(20)(ffff)((020404e2)(01)(030306)(01)(01)(08)(04)(00)(00))". IP version and header length as
// the first byte has them (IPv6: 60), "00" where the IPv4 identification or the IPv6 flow label is zero and
// nothing otherwise, the upper three bits of the TTL, the window, the options: MSS and window scale with
// length and data, all others as kind only. Options after a broken one are not written. too_long when
// `out` has no room, and then nothing is left in it.
Reason write_mercury_tcp(const TcpHandshake& facts, Text& out);

}  // namespace handprint
