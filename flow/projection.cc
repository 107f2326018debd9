// SPDX-License-Identifier: Apache-2.0
#include "flow/projection.h"

#include <algorithm>

#include "flow/event_id.h"

namespace handprint {

namespace {

Reason why_open(const Stream& stream, bool evicted) {
  if (stream.evicted || evicted) return Reason::evicted;
  if (stream.truncated) return Reason::truncated;
  if (stream.over_limit) return Reason::too_long;
  const StreamBuffer* buffer = stream.buffer;
  if (buffer != nullptr && (buffer->range_count > 1 || buffer->ranges[0].from != 0))
    return Reason::stream_gap;
  return Reason::stream_end;
}

}  // namespace

std::string_view open_part(const Flow& flow, uint8_t direction) {
  const Side side = flow.side_of(direction);
  // Where nothing followed the ServerHello, nothing was promised.
  if (side == Side::server && flow.certificate_pending)
    return flow.certificate_begun ? "tls.certificate" : "";
  // What may be a client's Certificate is nothing that was promised.
  const End& end = flow.end[direction];
  if (side == Side::client && end.tls_follows && end.messages != 0) return "";
  return part_name(end.content, side);
}

void note_open_messages(Flow& flow, DocumentBuilder& document, bool evicted) {
  if (document.closed) return;  // it was complete
  for (uint8_t direction : {flow.client, static_cast<uint8_t>(flow.client ^ 1)}) {
    End& end = flow.end[direction];
    if (end.incomplete_noted) continue;
    std::string_view part = open_part(flow, direction);
    if (part.empty()) {
      // Nothing was dissected; a message began all the same when bytes are kept behind a gap, or
      // when they had to be dropped.
      const bool gap = end.content == HP_CONTENT_NONE && end.messages == 0 && !end.settled &&
                       ((end.stream.buffer != nullptr && end.stream.buffer->contiguous() == 0) ||
                        end.stream.evicted);
      if (!gap) continue;
      part = part_name(end.hint, flow.side_of(direction));
      if (part.empty()) part = direction == flow.client ? "client.stream" : "server.stream";
    }
    document.note_incomplete(part, why_open(end.stream, evicted));
    end.incomplete_noted = true;
  }
}

namespace {

// One of the keys of a flow, with the ends by direction of the flow.
struct View {
  const FlowKey* key = nullptr;
  const Passage* passage = nullptr;
  uint8_t flip = 0;

  Address address(uint8_t direction) const {
    Address out;
    out.bytes = (direction ^ flip) == 0 ? key->low_address : key->high_address;
    out.version = key->ip_version;
    return out;
  }
  uint16_t port(uint8_t direction) const {
    return (direction ^ flip) == 0 ? key->low_port : key->high_port;
  }
};

// Finds the keys under which the two ends know a translated connection. A local end's socket says
// it; else the SYN passed there first that passed nearest to the client, and its answer last. A key
// that only the answer was seen under lies nearer to the client than where the SYN was seen: what
// lies behind is the socket of a local server.
void find_views(const Flow& flow, const Aliases& aliases, View& at_client, View& at_server) {
  std::array<View, Aliases::of_flow + 1> views;
  std::size_t count = 0;
  views[count++] = {&flow.key, &flow.passage, 0};
  for (const Alias* alias = aliases.at(flow.aliases); alias != nullptr;
       alias = aliases.at(alias->next))
    views[count++] = {&alias->key, &alias->passage, alias->flip};
  const unsigned client_socket = 1U << flow.client, server_socket = 1U << (flow.client ^ 1U);
  const View *of_client = nullptr, *of_server = nullptr, *first_syn = nullptr, *last_syn = nullptr,
             *last_answer = nullptr, *no_server = nullptr, *no_client = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    const View& view = views[i];
    const Passage& passage = *view.passage;
    if ((passage.socket_of & client_socket) != 0) of_client = &view;
    if ((passage.socket_of & server_socket) != 0) of_server = &view;
    if ((passage.socket_of & client_socket) == 0 && no_client == nullptr) no_client = &view;
    if ((passage.socket_of & server_socket) == 0 && no_server == nullptr) no_server = &view;
    if (passage.has_syn) {
      if (first_syn == nullptr || passage.syn < first_syn->passage->syn) first_syn = &view;
      if (last_syn == nullptr || passage.syn > last_syn->passage->syn) last_syn = &view;
    }
    if (passage.has_syn_ack &&
        (last_answer == nullptr || passage.syn_ack > last_answer->passage->syn_ack))
      last_answer = &view;
  }
  const View* client = of_client;
  if (client == nullptr && last_answer != nullptr && !last_answer->passage->has_syn)
    client = last_answer;
  if (client == nullptr) client = first_syn != nullptr ? first_syn : no_server;
  const View* server = of_server;
  if (server == nullptr) server = last_syn != nullptr ? last_syn : no_client;
  at_client = client != nullptr ? *client : views[0];
  at_server = server != nullptr ? *server : views[0];
}

void write_addresses(const Flow& flow, const Aliases& aliases, Document& document) {
  View at_client{&flow.key, &flow.passage, 0}, at_server = at_client;
  if (flow.aliases != no_alias) find_views(flow, aliases, at_client, at_server);
  for (uint8_t direction : {uint8_t{0}, uint8_t{1}}) {
    Endpoint& endpoint = direction == flow.client ? document.client : document.server;
    endpoint.address = at_client.address(direction);
    endpoint.port = at_client.port(direction);
    const Address other = at_server.address(direction);
    const uint16_t other_port = at_server.port(direction);
    if (other == endpoint.address && other_port == endpoint.port) continue;
    endpoint.nat_address = other;
    endpoint.nat_port = other_port;
  }
}

}  // namespace

void project(Flow& flow, const Aliases& aliases, const EngineOptions& options,
             DocumentBuilder& document) {
  document.id = event_id(options.identity, flow.first, flow.key);
  document.part = ++flow.parts;
  document.stream = flow.number;
  document.first = flow.first;
  document.transport = flow.key.protocol;
  document.from_file = options.from_file;
  document.client_certain = flow.client_known != ClientKnown::no;
  document.vlan = flow.vlan;
  document.has_vlan = flow.has_vlan;
  if (!document.closed) {
    document.last = flow.last;
    document.packets = flow.packets;
  }

  write_addresses(flow, aliases, document);
  const bool first = document.part == 1;
  for (uint8_t direction : {uint8_t{0}, uint8_t{1}}) {
    const End& end = flow.end[direction];
    Endpoint& endpoint = direction == flow.client ? document.client : document.server;
    if (flow.proxied.known) {
      // Whoever stands behind the proxy is the client, and what it dialled is the server.
      if (!endpoint.nat_address.present()) {
        endpoint.nat_address = endpoint.address;
        endpoint.nat_port = endpoint.port;
      }
      const bool client = direction == flow.client;
      endpoint.address = client ? flow.proxied.source : flow.proxied.destination;
      endpoint.port = client ? flow.proxied.source_port : flow.proxied.destination_port;
    }
    endpoint.mac = end.mac;
    endpoint.has_mac = end.has_mac;
    if (first || flow.ownership_new) endpoint.ownership = end.owner.ownership();
  }
  flow.ownership_new = false;

  const uint8_t protocols = document.closed ? document.closed_protocols : flow.protocol_count;
  if (protocols != 0 && protocols != flow.protocols_written) {
    if (auto* labels = document.arena.make<std::string_view>(protocols)) {
      for (uint8_t i = 0; i < protocols; ++i) labels[i] = label(flow.protocols[i]);
      document.protocols = {labels, protocols};
    }
  }
  flow.protocols_written = protocols;

  const uint8_t prefixes = document.closed ? document.closed_prefixes : flow.prefixes.count;
  if (prefixes != 0 && (first || prefixes != flow.prefixes_written)) {
    if (auto* list = document.arena.make<std::string_view>(prefixes)) {
      for (uint8_t i = 0; i < prefixes; ++i) list[i] = name(flow.prefixes.item[i]);
      document.prefixes = {list, prefixes};
    }
  }
  flow.prefixes_written = prefixes;

  if (flow.point_count != 0 && (first || flow.points_new)) {
    if (auto* points = document.arena.make<ObservedPoint>(flow.point_count)) {
      std::copy_n(flow.points.begin(), flow.point_count, points);
      document.observed = {points, flow.point_count};
    }
  }
  flow.points_new = false;

  if (flow.tunnel != Tunnel::none && first) {
    if (auto* tunnel = document.arena.make<TunnelFacts>()) {
      tunnel->kind = name(flow.tunnel);
      tunnel->source = flow.outer_source;
      tunnel->destination = flow.outer_destination;
      tunnel->id = flow.tunnel_id;
      tunnel->has_id =
          flow.tunnel != Tunnel::ip_in_ip && (flow.tunnel != Tunnel::gre || flow.tunnel_id != 0);
      document.tunnel = tunnel;
    }
  }
  document.seal();
}

}  // namespace handprint
