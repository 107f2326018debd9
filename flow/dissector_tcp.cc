// SPDX-License-Identifier: Apache-2.0
#include "flow/dissector_tcp.h"

#include <algorithm>
#include <cstring>

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

namespace {

void write_facts(const TcpHandshake& syn, DocumentBuilder& document, const TcpFacts* Document::*to) {
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

void write_handshakes(Flow& flow, DocumentBuilder& document, Scratch& scratch) {
  End& client = flow.end[flow.client];
  End& server = flow.end[flow.client ^ 1];
  if (client.has_syn && !client.syn_written) {
    client.syn_written = true;
    write_facts(client.syn, document, &Document::tcp_client);
    const auto observe = [&](Kind kind, auto&& write) {
      document.observe(client.syn_time, Side::client, kind, scratch, write);
    };
    observe(Kind::tcp, [&](Text& out) { return write_pmercury_tcp(client.syn, out); });
    observe(Kind::muonfp, [&](Text& out) { return write_muonfp(client.syn, out); });
    observe(Kind::p0f, [&](Text& out) { return write_p0f(client.syn, 0, out); });
  }
  if (server.has_syn && !server.syn_written) {
    server.syn_written = true;
    write_facts(server.syn, document, &Document::tcp_server);
    const auto observe = [&](Kind kind, auto&& write) {
      document.observe(server.syn_time, Side::server, kind, scratch, write);
    };
    observe(Kind::tcp_server, [&](Text& out) { return write_pmercury_tcp(server.syn, out); });
    observe(Kind::muonfp_server, [&](Text& out) { return write_muonfp(server.syn, out); });
    // p0f looks for multiples of the MSS that the client offered too.
    const uint16_t client_mss = client.has_syn ? client.syn.mss : uint16_t{0};
    observe(Kind::p0f_server, [&](Text& out) { return write_p0f(server.syn, client_mss, out); });
  }
}

}  // namespace handprint
