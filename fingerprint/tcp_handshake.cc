// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tcp_handshake.h"

namespace handprint {
namespace {

// p0f keeps the first 24 options; a packet with more is "bad".
constexpr uint8_t p0f_max_options = 24;
// Farther than this p0f does not believe its guess of the initial TTL.
constexpr uint8_t p0f_max_distance = 35;
// p0f's own probe tool sends this MSS; a SYN+ACK with it is an echo and no property of the server.
constexpr uint16_t p0f_probe_mss = 1331;

// Walks the options as p0f does: those of fixed size by that size, whatever their length byte says.
void read_options(const Packet& packet, TcpHandshake& out) {
  Cursor in(packet.tcp_options);
  while (!in.empty()) {
    uint8_t kind = in.u8();
    if (out.option_count < max_tcp_options) out.option_kinds[out.option_count++] = kind;
    if (kind == tcp_option::nop) continue;
    if (kind == tcp_option::eol) {
      out.eol_padding = static_cast<uint8_t>(in.left());
      for (uint8_t padding : in.rest())
        if (padding != 0) out.quirks |= quirk::opt_plus;
      break;
    }
    uint8_t length = in.u8();
    switch (kind) {
      case tcp_option::mss: {
        uint16_t mss = in.u16();
        if (in.failed()) break;
        if (length != 4) out.quirks |= quirk::bad;
        out.has_mss = true;
        out.mss = mss;
        break;
      }
      case tcp_option::window_scale: {
        uint8_t scale = in.u8();
        if (in.failed()) break;
        if (length != 3) out.quirks |= quirk::bad;
        out.has_window_scale = true;
        out.window_scale = scale;
        if (scale > 14) out.quirks |= quirk::exws;
        break;
      }
      case tcp_option::sack_permitted:
        if (in.failed()) break;
        if (length != 2) out.quirks |= quirk::bad;
        out.has_sack_permitted = true;
        break;
      case tcp_option::timestamps: {
        uint32_t value = in.u32();
        uint32_t echo = in.u32();
        if (in.failed()) break;
        if (length != 10) out.quirks |= quirk::bad;
        out.has_timestamps = true;
        out.timestamp_value = value;
        out.timestamp_echo = echo;
        if (value == 0) out.quirks |= quirk::ts1_minus;
        if (echo != 0 && !out.syn_ack) out.quirks |= quirk::ts2_plus;
        break;
      }
      case tcp_option::sack:
        if (length < 10 || length > 34) in.fail();
        in.skip(length - size_t{2});
        break;
      default:
        if (length < 2 || length > 40) in.fail();
        in.skip(length - size_t{2});
        break;
    }
  }
  if (in.failed() || out.option_count > p0f_max_options) out.quirks |= quirk::bad;
}

uint32_t header_quirks(const Packet& packet) {
  uint32_t quirks = 0;
  if (packet.ip_version == 4) {
    if (packet.dont_fragment) {
      quirks |= quirk::df;
      if (packet.ip_id != 0) quirks |= quirk::id_plus;
    } else if (packet.ip_id == 0) {
      quirks |= quirk::id_minus;
    }
    if (packet.reserved_flag) quirks |= quirk::zero_plus;
  } else if (packet.flow_label != 0) {
    quirks |= quirk::flow;
  }
  if ((packet.tos & 3) != 0 || packet.has(tcp_flag::ece | tcp_flag::cwr | tcp_flag::ae))
    quirks |= quirk::ecn;
  if (packet.sequence == 0) quirks |= quirk::seq_minus;
  if (packet.has(tcp_flag::ack)) {
    if (packet.acknowledgement == 0) quirks |= quirk::ack_minus;
  } else if (packet.acknowledgement != 0) {
    quirks |= quirk::ack_plus;
  }
  if (packet.has(tcp_flag::urg))
    quirks |= quirk::urgf;
  else if (packet.urgent != 0)
    quirks |= quirk::uptr_plus;
  if (packet.has(tcp_flag::psh)) quirks |= quirk::pushf;
  return quirks;
}

Reason finish(size_t start, Text& out) {
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

constexpr std::string_view quirk_names[] = {"df",   "id+",  "id-",  "ecn",   "0+",    "flow",
                                            "seq-", "ack+", "ack-", "uptr+", "urgf+", "pushf+",
                                            "ts1-", "ts2+", "opt+", "exws",  "bad"};

void write_option_name(uint8_t kind, uint8_t eol_padding, Text& out) {
  switch (kind) {
    case tcp_option::eol:
      out.put("eol+");
      return out.dec(eol_padding);
    case tcp_option::nop:
      return out.put("nop");
    case tcp_option::mss:
      return out.put("mss");
    case tcp_option::window_scale:
      return out.put("ws");
    case tcp_option::sack_permitted:
      return out.put("sok");
    case tcp_option::sack:
      return out.put("sack");
    case tcp_option::timestamps:
      return out.put("ts");
    default:
      out.put('?');
      return out.dec(kind);
  }
}

}  // namespace

Reason parse_tcp_handshake(const Packet& packet, TcpHandshake& out) {
  out = TcpHandshake{};
  if (!packet.is_syn() && !packet.is_syn_ack()) return Reason::not_this_protocol;
  if (packet.transport_header_length < 20) return Reason::not_enough_header;
  out.syn_ack = packet.is_syn_ack();
  out.ip_version = packet.ip_version;
  out.ttl = packet.ttl;
  out.tos = packet.tos;
  out.ip_options_length = packet.ip_options_length;
  out.window = packet.window;
  out.header_length =
      static_cast<uint16_t>(packet.ip_header_length + packet.transport_header_length);
  out.sequence = packet.sequence;
  out.has_payload = packet.payload_length != 0;
  out.options = packet.tcp_options;
  out.quirks = header_quirks(packet);
  read_options(packet, out);
  return Reason::ok;
}

Reason write_pmercury_tcp(const TcpHandshake& facts, Text& out) {
  size_t start = out.size();
  out.put('(');
  out.hex16(facts.window);
  out.put(')');
  Cursor in(facts.options);
  while (!in.empty()) {
    const Bytes from = in.rest();
    uint8_t kind = in.u8();
    size_t length = 1;
    if (kind != tcp_option::eol && kind != tcp_option::nop) {
      length = in.u8();
      if (length < 2) in.fail();
      in.skip(length - 2);
    }
    bool whole = (kind == tcp_option::mss || kind == tcp_option::window_scale) && !in.failed();
    out.put('(');
    out.hex(from.first(whole ? length : 1));
    out.put(')');
  }
  return finish(start, out);
}

Reason write_muonfp(const TcpHandshake& facts, Text& out) {
  size_t start = out.size();
  uint16_t mss = 0;
  uint8_t scale = 0;
  bool has_mss = false;
  bool has_scale = false;
  out.dec(facts.window);
  char separator = ':';
  Cursor in(facts.options);
  while (!in.empty()) {
    uint8_t kind = in.u8();
    out.put(separator);
    separator = '-';
    out.dec(kind);
    if (kind == tcp_option::eol) break;
    if (kind == tcp_option::nop) continue;
    size_t length = in.u8();
    if (length < 2) break;
    Cursor data = in.sub(length - 2);
    if (kind == tcp_option::mss && data.left() >= 2) {
      has_mss = true;
      mss = data.u16();
    } else if (kind == tcp_option::window_scale && data.left() >= 1) {
      has_scale = true;
      scale = data.u8();
    }
  }
  if (separator == ':') out.put(':');  // no options: an empty list
  out.put(':');
  if (has_mss) out.dec(mss);
  out.put(':');
  if (has_scale) out.dec(scale);
  return finish(start, out);
}

uint8_t guess_distance(uint8_t ttl) {
  if (ttl <= 32) return static_cast<uint8_t>(32 - ttl);
  if (ttl <= 64) return static_cast<uint8_t>(64 - ttl);
  if (ttl <= 128) return static_cast<uint8_t>(128 - ttl);
  return static_cast<uint8_t>(255 - ttl);
}

WindowMultiple window_multiple(const TcpHandshake& facts, uint16_t client_mss) {
  const int window = facts.window;
  const int mss = facts.mss;
  if (window == 0 || mss < 100) return {};
  const bool v6 = facts.ip_version == 6;
  const bool stamped = facts.timestamp_value != 0;

  struct Divisor {
    int value;
    bool of_mtu;
    bool applies;
  };
  const Divisor divisors[] = {
      {mss, false, true},
      {mss - 12, false, stamped},  // timestamps taken off
      {1460, false, true},         // computed for another interface of MTU 1500
      {1448, false, true},
      {1440, false, v6},
      {1428, false, v6},
      {mss + 40, true, true},
      {mss + facts.header_length, true, true},
      {mss + 60, true, v6},
      {1500, true, true},
      {client_mss, false, client_mss != 0},  // a server that answers with what the client offered
      {client_mss - 12, false, client_mss != 0},
  };
  for (const Divisor& divisor : divisors) {
    if (divisor.applies && divisor.value > 0 && window % divisor.value == 0)
      return {static_cast<uint16_t>(window / divisor.value), divisor.of_mtu};
  }
  return {};
}

Reason write_p0f(const TcpHandshake& facts, uint16_t client_mss, Text& out) {
  size_t start = out.size();
  out.dec(facts.ip_version);
  out.put(':');
  out.dec(facts.ttl);
  out.put('+');
  uint8_t distance = guess_distance(facts.ttl);
  if (distance > p0f_max_distance)
    out.put('?');
  else
    out.dec(distance);
  out.put(':');
  out.dec(facts.ip_options_length);
  out.put(':');
  if (facts.syn_ack && facts.mss == p0f_probe_mss)
    out.put('*');
  else
    out.dec(facts.mss);
  out.put(':');
  WindowMultiple multiple = window_multiple(facts, client_mss);
  if (multiple.factor != 0) {
    out.put(multiple.of_mtu ? "mtu*" : "mss*");
    out.dec(multiple.factor);
  } else {
    out.dec(facts.window);
  }
  out.put(',');
  out.dec(facts.window_scale);
  out.put(':');
  for (size_t i = 0; i < facts.option_count && i < p0f_max_options; ++i) {
    if (i != 0) out.put(',');
    write_option_name(facts.option_kinds[i], facts.eol_padding, out);
  }
  out.put(':');
  bool first = true;
  for (size_t bit = 0; bit < std::size(quirk_names); ++bit) {
    if ((facts.quirks & (1u << bit)) == 0) continue;
    if (!first) out.put(',');
    first = false;
    out.put(quirk_names[bit]);
  }
  out.put(':');
  out.put(facts.has_payload ? '+' : '0');
  return finish(start, out);
}

}  // namespace handprint
