// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "fingerprint/cursor.h"
#include "fingerprint/packet.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

namespace tcp_option {
inline constexpr uint8_t eol = 0;
inline constexpr uint8_t nop = 1;
inline constexpr uint8_t mss = 2;
inline constexpr uint8_t window_scale = 3;
inline constexpr uint8_t sack_permitted = 4;
inline constexpr uint8_t sack = 5;
inline constexpr uint8_t timestamps = 8;
}  // namespace tcp_option

// Peculiarities of a SYN or SYN+ACK, named as in p0f.fp.
namespace quirk {
inline constexpr uint32_t df = 1u << 0;          // "df"     don't fragment
inline constexpr uint32_t id_plus = 1u << 1;     // "id+"    DF set and IP id not 0
inline constexpr uint32_t id_minus = 1u << 2;    // "id-"    DF clear and IP id 0
inline constexpr uint32_t ecn = 1u << 3;         // "ecn"    ECN bits in IP or TCP
inline constexpr uint32_t zero_plus = 1u << 4;   // "0+"     reserved IP flag set
inline constexpr uint32_t flow = 1u << 5;        // "flow"   IPv6 flow label not 0
inline constexpr uint32_t seq_minus = 1u << 6;   // "seq-"   sequence number 0
inline constexpr uint32_t ack_plus = 1u << 7;    // "ack+"   ACK number without ACK flag
inline constexpr uint32_t ack_minus = 1u << 8;   // "ack-"   ACK flag with number 0
inline constexpr uint32_t uptr_plus = 1u << 9;   // "uptr+"  urgent pointer without URG
inline constexpr uint32_t urgf = 1u << 10;       // "urgf+"  URG set
inline constexpr uint32_t pushf = 1u << 11;      // "pushf+" PSH set
inline constexpr uint32_t ts1_minus = 1u << 12;  // "ts1-"  own timestamp 0
inline constexpr uint32_t ts2_plus = 1u << 13;   // "ts2+"  peer timestamp in a SYN
inline constexpr uint32_t opt_plus = 1u << 14;   // "opt+"  bytes not 0 after end of options
inline constexpr uint32_t exws = 1u << 15;       // "exws"  window scale over 14
inline constexpr uint32_t bad = 1u << 16;        // "bad"   options that cannot be parsed
}  // namespace quirk

// The option kinds in the order of the wire. 40 bytes of options hold at most 40 kinds.
inline constexpr size_t max_tcp_options = 40;

// What a SYN or a SYN+ACK says of the stack that made it.
struct TcpHandshake {
  bool syn_ack = false;
  uint8_t ip_version = 0;
  uint8_t ttl = 0;
  uint8_t tos = 0;
  uint8_t ip_options_length = 0;
  uint16_t window = 0;
  uint16_t header_length = 0;  // IP and TCP headers together, bytes
  uint32_t sequence = 0;
  uint16_t mss = 0;          // 0: no such option
  uint8_t window_scale = 0;  // shift count; 0 also when absent, see has_window_scale
  bool has_mss = false;
  bool has_window_scale = false;
  bool has_sack_permitted = false;
  bool has_timestamps = false;
  uint32_t timestamp_value = 0;
  uint32_t timestamp_echo = 0;
  uint8_t option_count = 0;
  std::array<uint8_t, max_tcp_options> option_kinds{};  // as p0f walks them: ends at the first EOL
  uint8_t eol_padding = 0;                              // bytes after the first EOL
  uint32_t quirks = 0;                                  // quirk::… bits
  bool has_payload = false;                             // data in the SYN (TCP Fast Open)
  Bytes options;                                        // the raw option bytes
};

// The facts of a SYN or SYN+ACK packet. not_this_protocol for any other packet,
// not_enough_header when the options were cut by the capture. Never fails on strange options: they
// are facts (quirk::bad). RFC 9293 section 3.2, RFC 7323; quirks: p0f 3.09b documentation.
Reason parse_tcp_handshake(const Packet& packet, TcpHandshake& out);

// pmercury's TCP string: window, then each option; MSS and window scale with length and data, all
// others as kind only: "(7210)(020405b4)(04)(08)(01)(030307)". The kind is `tcp` for a SYN and
// `tcp_server` for a SYN+ACK. ECN SYNs have one too, which pmercury left out.
// Options after a broken one are not written. too_long when `out` has no room.
Reason write_pmercury_tcp(const TcpHandshake& facts, Text& out);

// MuonFP: "window:kinds:mss:scale", kinds joined by '-' up to and including the first EOL, absent
// values empty: "26847:2-4-8-1-3:1460:8", "1024:::".
Reason write_muonfp(const TcpHandshake& facts, Text& out);

// p0f's raw signature, "ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass", as p0f 3.09b prints
// an observation: TTL as "observed+distance" with the distance to 32, 64, 128 or 255 ("+?" if over
// 35), the window as a multiple of MSS or MTU where it is one. `client_mss` is the MSS of the SYN
// when facts are those of its SYN+ACK, 0 if unknown.
Reason write_p0f(const TcpHandshake& facts, uint16_t client_mss, Text& out);

// The window as a multiple of the MSS or the MTU.
struct WindowMultiple {
  uint16_t factor = 0;  // 0: it is none
  bool of_mtu = false;
};

// Tries p0f's divisors in p0f's order (its documentation, "wsize"). For matching p0f.fp.
WindowMultiple window_multiple(const TcpHandshake& facts, uint16_t client_mss);

// Hops between sender and observer if the sender began with 32, 64, 128 or 255.
uint8_t guess_distance(uint8_t ttl);

}  // namespace handprint
