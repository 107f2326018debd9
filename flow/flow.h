// SPDX-License-Identifier: Apache-2.0
// One connection, as far as it was seen. Lives in the flow table's pool.
#pragma once

#include <array>
#include <cstdint>

#include "fingerprint/packet.h"
#include "fingerprint/protocol.h"
#include "fingerprint/tcp_handshake.h"
#include "flow/aliases.h"
#include "flow/dissector.h"
#include "flow/document_builder.h"
#include "flow/flow_key.h"
#include "flow/ownership.h"
#include "flow/prefix.h"
#include "flow/stream.h"

namespace handprint {

struct DecryptedFlow;  // flow/decryption.h

inline constexpr uint32_t no_flow = 0xffffffff;

// The sender of one direction: what its packets said.
struct End {
  EndOwner owner;
  uint64_t cookie = 0;           // of its local socket
  uint64_t listener_cookie = 0;  // of the socket that listened for it
  std::array<uint8_t, 6> mac{};
  bool has_mac = false;

  bool has_syn = false;                  // its SYN or SYN+ACK was seen
  bool syn_written = false;              // … and stands in a document
  bool settled = false;                  // its first message is there, or cannot come any more
  bool incomplete_noted = false;         // the message at hand was reported as incomplete
  bool tls_follows = false;              // behind its ClientHello a Certificate may come
  bool datagram_noted = false;           // the string of its datagrams stands in a document
  bool banner_noted = false;             // SSH: its banner stands in a document
  uint8_t content = HP_CONTENT_NONE;     // of the message at hand, HP_CONTENT_NONE between messages
  uint8_t hint = HP_CONTENT_NONE;        // what the selector took the last segment for
  uint32_t messages = 0;                 // dissected so far
  const Dissector* dissector = nullptr;  // of the message at hand
  PrefixReader prefix;                   // what stands in front of TLS on this side
  Stream stream;

  PacketTime syn_time = 0;
  TcpHandshake syn;  // syn.options points into syn_options
  std::array<uint8_t, 40> syn_options{};
  uint8_t syn_variants = 0;  // retransmissions with other options that were written
  uint32_t syn_variant = 0;  // the last of them
};

// How the client's end is known.
enum class ClientKnown : uint8_t { no, by_content, by_syn };

// Which queue of time-outs a flow waits in.
enum class Wait : uint8_t { none, first_document, worker, part };
inline constexpr std::size_t wait_count = 4;

struct Flow {
  FlowKey key;
  uint64_t hash = 0;
  uint32_t index = 0;                                    // of this flow in the table
  uint32_t chain = no_flow;                              // next flow of the same bucket
  uint32_t older = no_flow, newer = no_flow;             // by last packet
  uint32_t wait_before = no_flow, wait_after = no_flow;  // in its queue
  Wait wait = Wait::none;
  uint32_t aliases = no_alias;                                   // the other keys of its packets
  uint32_t same_syn_before = no_flow, same_syn_after = no_flow;  // of one bucket of the SYN index
  uint32_t client_isn = 0;                                       // its key there
  bool syn_indexed = false;
  Passage passage;            // under its own key
  PacketTime wait_since = 0;  // engine clock
  PacketTime active = 0;      // engine clock of the last packet

  uint64_t number = 0;
  PacketTime first = 0, last = 0;  // of the packets themselves
  uint32_t packets = 0;
  uint32_t parts = 0;                  // documents written so far
  DocumentBuilder* pending = nullptr;  // unwritten documents, oldest first

  std::array<End, 2> end;  // by direction
  uint8_t client = 0;      // direction of the client's packets
  ClientKnown client_known = ClientKnown::no;
  bool first_done = false;     // the first document was written, or not worth one
  bool unrecorded = false;     // … a SYN without answer beyond the rate of records
  bool named = false;          // a protocol that has no dissector was recognised
  bool alerted = false;        // a TLS alert was seen
  bool retry_pending = false;  // HelloRetryRequest: the ServerHello is still to come
  bool retry_seen = false;
  bool certificate_pending = false;  // the ServerHello is there, the certificates behind it are not
  bool certificate_begun = false;    // … but a part of them is
  bool beyond_syn = false;     // a packet that is no SYN was seen
  bool ownership_new = false;  // changed since the last document
  bool points_new = false;

  uint8_t protocol_count = 0;
  uint8_t protocols_written = 0;  // of these, in the documents so far
  uint8_t point_count = 0;
  std::array<Protocol, 8> protocols{};
  std::array<ObservedPoint, 16> points{};

  uint16_t vlan = 0;
  bool has_vlan = false;
  Tunnel tunnel = Tunnel::none;
  uint32_t tunnel_id = 0;
  Address outer_source, outer_destination;

  // Of the first ClientHello: whether the server resumed, and which hello answers a retry.
  uint64_t hello_random = 0;
  std::array<uint8_t, 32> session_id{};
  uint8_t session_id_length = 0;
  bool hello_seen = false;
  bool offered_ticket = false;
  Protocol offered = Protocol::unknown;  // QUIC: what every name that it offers stands for

  // What stands in front of TLS: prefixes that are there, and one that counts once TLS follows.
  PrefixList prefixes;
  uint8_t prefixes_written = 0;  // of these, in the documents so far
  StreamPrefix asked = StreamPrefix::none;
  uint8_t socks_version = 0;  // that the client spoke
  bool proxy_user = false;    // it gave the proxy a user name
  ProxiedEnds proxied;

  DecryptedFlow* decrypted = nullptr;  // the engine's Decryption has made it, and destroys it
  uint8_t finished = 0;                // whose Finished was decrypted: 1 the client's, 2 the server's

  // QUIC: the connection id that the client chose first, from which the keys of Initials follow.
  bool quic_known = false;
  uint8_t quic_id_size = 0;
  std::array<uint8_t, 20> quic_id{};

  // More than SYNs and their answers was seen.
  bool has_content() const {
    return end[0].settled || end[1].settled || end[0].stream.has_begin || end[1].stream.has_begin;
  }
  bool answered() const { return end[client ^ 1].has_syn || has_content(); }
  Side side_of(uint8_t direction) const {
    return direction == client ? Side::client : Side::server;
  }
  // Content says that this direction's sender is the client; a SYN knows better.
  void claim_client(uint8_t direction) {
    if (client_known != ClientKnown::no) return;
    client = direction;
    client_known = ClientKnown::by_content;
  }
  // Adds a protocol to the list of what the flow spoke, once.
  void add_protocol(Protocol protocol) {
    if (protocol == Protocol::unknown || protocol_count == protocols.size()) return;
    for (uint8_t i = 0; i < protocol_count; ++i)
      if (protocols[i] == protocol) return;
    protocols[protocol_count++] = protocol;
  }
  bool speaks(Protocol protocol) const {
    for (uint8_t i = 0; i < protocol_count; ++i)
      if (protocols[i] == protocol) return true;
    return false;
  }
  Address address(uint8_t direction) const {
    Address out;
    out.bytes = direction == 0 ? key.low_address : key.high_address;
    out.version = key.ip_version;
    return out;
  }
  uint16_t port(uint8_t direction) const { return direction == 0 ? key.low_port : key.high_port; }
};

}  // namespace handprint
