// SPDX-License-Identifier: Apache-2.0
#include "flow/dissector_tcp.h"

#include <algorithm>
#include <cstring>

#include "fingerprint/mercury_tcp.h"

namespace handprint {

bool keep_handshake(const Packet& packet, PacketTime time, End& end) {
  TcpHandshake facts;
  if (parse_tcp_handshake(packet, facts) != Reason::ok) return false;
  const std::size_t length = std::min(facts.options.size(), end.syn_options.size());
  if (length != 0) std::memcpy(end.syn_options.data(), facts.options.data(), length);
  facts.options = {end.syn_options.data(), length};
  end.syn = facts;
  end.syn_time = time;
  end.has_syn = true;
  return true;
}

bool is_variant(const Packet& packet, End& end) {
  constexpr uint8_t most = 3;
  if (end.syn_variants == most || packet.sequence != end.syn.sequence) return false;
  TcpHandshake facts;
  if (parse_tcp_handshake(packet, facts) != Reason::ok) return false;
  // A timestamp differs each time and stands in no string.
  const auto fold = [](const TcpHandshake& of) {
    uint64_t hash = mix_words(uint64_t{of.window} << 32 | uint64_t{of.mss} << 16 | of.window_scale,
                              0xe7037ed1a0b428dbULL);
    for (uint8_t i = 0; i < of.option_count; ++i)
      hash = mix_words(hash ^ of.option_kinds[i], 0xa0761d6478bd642fULL);
    return static_cast<uint32_t>(hash >> 32 | 1);
  };
  const uint32_t variant = fold(facts);
  if (variant == fold(end.syn) || variant == end.syn_variant) return false;
  end.syn_variant = variant;
  ++end.syn_variants;
  return true;
}

void write_variant(const Packet& packet, PacketTime time, Side side, DocumentBuilder& document,
                   Scratch& scratch, bool all_strings) {
  TcpHandshake facts;
  if (parse_tcp_handshake(packet, facts) != Reason::ok) return;
  document.observe(time, side, facts.syn_ack ? Kind::tcp_server : Kind::tcp, scratch,
                   [&](Text& out) { return write_pmercury_tcp(facts, out); });
  if (all_strings)
    document.observe(time, side, facts.syn_ack ? Kind::mercury_tcp_server : Kind::mercury_tcp, scratch,
                     [&](Text& out) { return write_mercury_tcp(facts, out); });
}

namespace {

void write_facts(const TcpHandshake& syn, DocumentBuilder& document,
                 const TcpFacts* Document::*to) {
  auto* facts = document.arena.make<TcpFacts>();
  if (facts == nullptr) return;
  facts->ttl = syn.ttl;
  facts->window = syn.window;
  facts->mss = syn.mss;
  facts->window_scale = syn.has_window_scale ? static_cast<int16_t>(syn.window_scale) : int16_t{-1};
  facts->sack_permitted = syn.has_sack_permitted;
  facts->timestamps = syn.has_timestamps;
  facts->ecn = (syn.quirks & quirk::ecn) != 0;
  facts->dont_fragment = (syn.quirks & quirk::df) != 0;
  facts->options = document.arena.copy(syn.options);
  document.*to = facts;
}

}  // namespace

void write_handshakes(Flow& flow, DocumentBuilder& document, Scratch& scratch, bool all_strings) {
  End& client = flow.end[flow.client];
  End& server = flow.end[flow.client ^ 1];
  if (client.has_syn && !client.syn_written) {
    client.syn_written = true;
    write_facts(client.syn, document, &Document::tcp_client);
    const auto observe = [&](Kind kind, auto&& write) {
      if (row(kind).shown == Shown::all && !all_strings) return;
      document.observe(client.syn_time, Side::client, kind, scratch, write);
    };
    observe(Kind::tcp, [&](Text& out) { return write_pmercury_tcp(client.syn, out); });
    observe(Kind::mercury_tcp, [&](Text& out) { return write_mercury_tcp(client.syn, out); });
    observe(Kind::muonfp, [&](Text& out) { return write_muonfp(client.syn, out); });
    observe(Kind::p0f, [&](Text& out) { return write_p0f(client.syn, 0, out); });
  }
  if (server.has_syn && !server.syn_written) {
    server.syn_written = true;
    write_facts(server.syn, document, &Document::tcp_server);
    const auto observe = [&](Kind kind, auto&& write) {
      if (row(kind).shown == Shown::all && !all_strings) return;
      document.observe(server.syn_time, Side::server, kind, scratch, write);
    };
    observe(Kind::tcp_server, [&](Text& out) { return write_pmercury_tcp(server.syn, out); });
    observe(Kind::mercury_tcp_server, [&](Text& out) { return write_mercury_tcp(server.syn, out); });
    observe(Kind::muonfp_server, [&](Text& out) { return write_muonfp(server.syn, out); });
    // p0f looks for multiples of the MSS that the client offered too.
    const uint16_t client_mss = client.has_syn ? client.syn.mss : uint16_t{0};
    observe(Kind::p0f_server, [&](Text& out) { return write_p0f(server.syn, client_mss, out); });
  }
}

}  // namespace handprint
