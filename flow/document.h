// SPDX-License-Identifier: Apache-2.0
// What the engine gives: a document, one immutable projection of a flow. It owns its bytes, so that
// it can be handed to another thread by pointer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "bpf/wire.h"
#include "fingerprint/address.h"
#include "fingerprint/cursor.h"
#include "fingerprint/http_header.h"
#include "fingerprint/kind.h"
#include "fingerprint/reason.h"
#include "fingerprint/ssh.h"
#include "fingerprint/stream_prefix.h"
#include "flow/process_facts.h"
#include "flow/segment.h"

namespace handprint {

enum class Side : uint8_t { client, server };

// One fingerprint that was seen.
struct Observation {
  PacketTime time = 0;
  Side side = Side::client;
  Kind kind{};
  std::string_view text;
};

// Which local process owns an end, and how that is known.
struct Ownership {
  hp_owner owner{};     // pid 0: unknown
  hp_owner listener{};  // server side: who listens, when a worker took over; pid 0 otherwise
  bool local = false;   // a local socket was found for this end
  bool peer = false;    // the owner is known as the sending process of the other end's interface
  ProcessRef process;   // filled in by the agent before the document is written
  ProcessRef listener_process;  // likewise
};

// Addresses and ports are those that the client knows: its own, and the one that it dialled.
struct Endpoint {
  Address address;
  uint16_t port = 0;  // host order
  std::array<uint8_t, 6> mac{};
  bool has_mac = false;
  // What the other end takes this one's address and port for, where they are translated between the
  // two, or where `address` is what a PROXY header announces; absent and 0 otherwise.
  Address nat_address;
  uint16_t nat_port = 0;  // host order
  Ownership ownership;
};

// The facts of a SYN or SYN+ACK.
struct TcpFacts {
  uint8_t ttl = 0;
  uint16_t window = 0;
  uint16_t mss = 0;           // 0: not offered
  int16_t window_scale = -1;  // -1: not offered
  bool sack_permitted = false, timestamps = false, ecn = false, dont_fragment = false;
  std::span<const uint8_t> options;  // raw bytes
};

struct TlsClientFacts {
  uint16_t legacy_version = 0;
  std::string_view server_name;            // as sent; empty: none
  std::span<const uint16_t> ciphers;       // offered, host order, GREASE kept
  std::span<const uint16_t> groups;        // supported_groups, likewise
  std::span<const uint16_t> key_shares;    // groups of the key shares
  std::span<const uint16_t> versions;      // supported_versions
  std::span<const std::string_view> alpn;  // offered
  bool ech = false;  // encrypted_client_hello is present: the name may be a public one
  bool early_data = false;
  bool pre_shared_key = false;
  bool session_ticket = false;      // a non-empty ticket or session id was offered
  bool second_after_retry = false;  // this is the hello that answers a HelloRetryRequest
};

struct TlsServerFacts {
  uint16_t version = 0;  // negotiated (supported_versions, else the hello's)
  uint16_t cipher = 0;
  uint16_t group = 0;     // key_share's group, 0: none
  std::string_view alpn;  // only TLS ≤ 1.2 shows it
  bool retry = false;     // a HelloRetryRequest came first
  bool resumed = false;   // session id echoed or PSK accepted
  bool resumed_known = false;
};

struct TlsAlert {
  Side side = Side::client;
  uint8_t level = 0;
  uint8_t description = 0;
};

// What a QUIC client says beside its hello.
struct QuicFacts {
  uint32_t version = 0;                  // of the packet that completed the hello
  std::span<const uint64_t> parameters;  // ids of the transport parameters, in their order
  std::string_view user_agent;           // Google's parameter of that name
};

// One side's opening of an SSH connection.
struct SshFacts {
  std::string_view banner;    // without its line end
  bool key_exchange = false;  // KEXINIT was read, the lists are there
  bool first_kex_follows = false;
  SshLists lists{};
};

struct HttpRequestFacts {
  std::string_view method, uri, version;  // version as sent, "HTTP/1.1"
  std::string_view host, user_agent, referrer;
  std::span<const HttpHeader> headers;
};

struct HttpResponseFacts {
  std::string_view version, reason, server;
  uint16_t status = 0;
  std::span<const HttpHeader> headers;
};

// What a client asked its proxy for. Credentials are never kept.
struct ProxyFacts {
  StreamPrefix kind = StreamPrefix::none;  // connect, socks4 or socks5
  Address address;                         // of the destination, where it was given as one
  std::string_view host;                   // … or its name
  uint16_t port = 0;                       // host order; 0: none that could be read
  bool user = false;                       // a user name or other credentials were given
};

// A tunnel around the flow (one level).
struct TunnelFacts {
  std::string_view kind;  // gre, vxlan, geneve, ipip
  Address source, destination;
  uint32_t id = 0;  // VNI or key
  bool has_id = false;
};

// A place where packets of the flow were seen.
struct ObservedPoint {
  uint32_t interface = 0;
  uint8_t hook = HP_HOOK_NONE;
  uint8_t direction = HP_INGRESS;
  uint32_t packets = 0;
};

// What is missing, and why.
struct IncompleteFact {
  std::string_view what;  // "tls.client", "http.request", "tcp" …
  Reason reason{};
};

// 128 bits as the document's event.id; the same for every part of a flow.
using EventId = std::array<uint8_t, 16>;

// Views are valid as long as the document lives. A later part holds only what is new.
struct Document {
  EventId id{};
  uint32_t part = 1;
  uint64_t stream = 0;    // running number of the flow
  PacketTime first = 0;   // first packet of the flow: the same in every part
  PacketTime last = 0;    // last packet so far
  uint8_t transport = 0;  // IPPROTO_TCP or IPPROTO_UDP
  bool from_file = false;
  bool client_certain = true;  // false: no SYN and no content told who the client is
  uint16_t vlan = 0;           // outer id
  bool has_vlan = false;
  uint32_t packets = 0;  // packets of the flow that were selected so far
  Endpoint client, server;
  std::span<const Observation> observations;
  std::span<const std::string_view> protocols;  // in order of nesting, stable names
  std::span<const IncompleteFact> incomplete;
  std::span<const ObservedPoint> observed;
  const TcpFacts* tcp_client = nullptr;
  const TcpFacts* tcp_server = nullptr;
  const TlsClientFacts* tls_client = nullptr;
  const TlsClientFacts* tls_client_retry = nullptr;  // the second hello, behind a HelloRetryRequest
  const TlsServerFacts* tls_server = nullptr;
  std::string_view decrypted_alpn;  // the protocol that the server chose, where it was encrypted
  bool established = false;         // both Finished messages were decrypted
  std::span<const TlsAlert> tls_alerts;
  // DER of what each side proved itself by, the end entity's first.
  std::span<const Bytes> client_certificates;
  std::span<const Bytes> server_certificates;
  const QuicFacts* quic = nullptr;
  const SshFacts* ssh_client = nullptr;
  const SshFacts* ssh_server = nullptr;
  const SshAgreement* ssh_agreement = nullptr;  // when both sides' lists are in this document
  const HttpRequestFacts* http_request = nullptr;
  const HttpResponseFacts* http_response = nullptr;
  std::span<const std::string_view> prefixes;  // in front of TLS, in order of nesting; stable names
  const ProxyFacts* proxy = nullptr;
  const TunnelFacts* tunnel = nullptr;
};

struct DocumentDeleter {
  void operator()(Document* document) const;  // gives the block back to its pool; any thread
};
using DocumentPtr = std::unique_ptr<Document, DocumentDeleter>;

// Bytes of memory that a document holds, for queues that are bounded in bytes.
std::size_t footprint(const Document& document);

// Who takes finished documents. Called on the pipeline thread; must not block for live traffic.
class DocumentTaker {
 public:
  virtual ~DocumentTaker() = default;
  virtual void take(DocumentPtr document) = 0;
  // No memory for a further document is free. Where nothing may be lost (files) the taker waits
  // here until documents that it took before are gone; where traffic must not be held up it
  // returns.
  virtual void starved() {}
};

}  // namespace handprint
