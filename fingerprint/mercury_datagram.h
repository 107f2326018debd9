// SPDX-License-Identifier: Apache-2.0
// mercury's strings of protocols whose messages are single datagrams.
#pragma once

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

// A request of STUN (RFC 8489; RFC 3489 without its cookie) that fills the datagram.
bool is_stun_request(Bytes datagram);
// What a DHCP client sends (RFC 2131): a BOOTREQUEST with DHCP's cookie.
bool is_dhcp_request(Bytes datagram);

// "(class)(method)(cookie)((attribute)…)": of the attributes that tell software apart the type, of two of
// Microsoft's all. Behind "stun/1/". not_this_protocol for what is no request; too_long without room.
Reason write_mercury_stun(Bytes datagram, Text& out);
// "((option)…)": of a DHCPREQUEST, the message type and the list of wanted options whole, of the others the
// code; padding is left out, the end is not. Behind "dhcp/". no_fingerprint for another message.
Reason write_mercury_dhcp(Bytes datagram, Text& out);

}  // namespace handprint
