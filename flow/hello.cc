// SPDX-License-Identifier: Apache-2.0
#include "flow/hello.h"

#include <algorithm>
#include <cstring>

#include "fingerprint/certificate.h"
#include "fingerprint/ja3.h"
#include "fingerprint/ja4.h"
#include "fingerprint/mercury_tls.h"
#include "fingerprint/pmercury_certificate.h"
#include "fingerprint/pmercury_tls.h"
#include "fingerprint/quic_packet.h"

namespace handprint {

namespace {

std::span<const uint16_t> copy_u16(Bytes bytes, Arena& arena) {
  const U16List list(bytes);
  auto* to = arena.make<uint16_t>(list.size());
  if (to == nullptr) return {};
  for (std::size_t i = 0; i < list.size(); ++i) to[i] = list[i];
  return {to, list.size()};
}

uint64_t fold_random(Bytes random) {
  uint64_t word[4] = {};
  std::memcpy(word, random.data(), std::min<std::size_t>(random.size(), sizeof word));
  return mix_words(word[0] ^ 0x9e3779b97f4a7c15ULL, word[1] ^ 0xe7037ed1a0b428dbULL) ^
         mix_words(word[2] ^ 0x8ebc6af09c88c6e3ULL, word[3] ^ 0x589965cc75374cc3ULL);
}

TlsClientFacts* client_facts(const ClientHello& hello, Arena& arena) {
  auto* facts = arena.make<TlsClientFacts>();
  if (facts == nullptr) return nullptr;
  facts->legacy_version = hello.legacy_version;
  facts->server_name = arena.copy(hello.server_name);
  facts->ciphers = copy_u16(hello.cipher_suites, arena);
  facts->groups = copy_u16(hello.supported_groups, arena);
  facts->versions = copy_u16(hello.supported_versions, arena);
  std::size_t shares = 0, names = 0;
  for ([[maybe_unused]] const KeyShare& share : KeyShareList(hello.key_shares)) ++shares;
  for ([[maybe_unused]] std::string_view name : ProtocolNameList(hello.alpn)) ++names;
  if (auto* groups = arena.make<uint16_t>(shares)) {
    facts->key_shares = {groups, shares};
    for (const KeyShare& share : KeyShareList(hello.key_shares)) *groups++ = share.group;
  }
  if (auto* alpn = arena.make<std::string_view>(names)) {
    facts->alpn = {alpn, names};
    for (std::string_view name : ProtocolNameList(hello.alpn)) *alpn++ = arena.copy(name);
  }
  facts->ech = hello.has_encrypted_client_hello;
  facts->early_data = hello.has_early_data;
  facts->pre_shared_key = hello.has_pre_shared_key;
  facts->session_ticket = !hello.session_ticket.empty() || !hello.session_id.empty();
  return facts;
}

void client_strings(const ClientHello& hello, uint32_t quic_version, Exchange& ex,
                    DocumentBuilder& document) {
  Workspace& workspace = ex.scratch.workspace;
  const auto observe = [&](Kind kind, auto&& write) {
    if (row(kind).shown == Shown::all && !ex.options.all_strings) return;
    document.observe(ex.time, ex.side(), kind, ex.scratch, write);
  };
  const auto mercury = [&](Kind kind, MercuryOrder order) {
    observe(kind, [&](Text& out) { return write_mercury_tls(hello, order, workspace, out); });
  };
  switch (hello.transport) {
    case HelloTransport::tls:
      observe(Kind::tls, [&](Text& out) { return write_pmercury_tls(hello, Cut::refuse, out); });
      mercury(Kind::mercury_tls, MercuryOrder::wire);
      mercury(Kind::mercury_tls_1, MercuryOrder::sorted);
      mercury(Kind::mercury_tls_2, MercuryOrder::filtered);
      break;
    case HelloTransport::quic:
      observe(Kind::quic, [&](Text& out) {
        return write_mercury_quic(hello, quic_version, MercuryOrder::sorted, workspace, out);
      });
      observe(Kind::mercury_quic_1, [&](Text& out) {
        return write_mercury_quic(hello, quic_version, MercuryOrder::filtered, workspace, out);
      });
      break;
    case HelloTransport::dtls:
      mercury(Kind::dtls, MercuryOrder::wire);
      mercury(Kind::mercury_dtls_1, MercuryOrder::sorted);
      mercury(Kind::mercury_dtls_2, MercuryOrder::filtered);
      break;
  }
  observe(Kind::ja3, [&](Text& out) { return write_ja3(hello, workspace, out); });
  observe(Kind::ja3_string, [&](Text& out) { return write_ja3_string(hello, out); });
  observe(Kind::ja4, [&](Text& out) { return write_ja4(hello, Ja4Form::ja4, workspace, out); });
  observe(Kind::ja4_r, [&](Text& out) { return write_ja4(hello, Ja4Form::ja4_r, workspace, out); });
  observe(Kind::ja4_o, [&](Text& out) { return write_ja4(hello, Ja4Form::ja4_o, workspace, out); });
  observe(Kind::ja4_ro,
          [&](Text& out) { return write_ja4(hello, Ja4Form::ja4_ro, workspace, out); });
  observe(Kind::ja4_stable,
          [&](Text& out) { return write_ja4(hello, Ja4Form::stable, workspace, out); });
}

// The one protocol that all offered names stand for; unknown when they are several or none.
Protocol offered_protocol(const ClientHello& hello) {
  Protocol only = Protocol::unknown;
  for (std::string_view name : ProtocolNameList(hello.alpn)) {
    const Protocol protocol = protocol_of_alpn(name);
    if (protocol == Protocol::unknown || (only != Protocol::unknown && only != protocol))
      return Protocol::unknown;
    only = protocol;
  }
  return only;
}

QuicFacts* quic_facts(const ClientHello& hello, uint32_t version, Arena& arena) {
  auto* facts = arena.make<QuicFacts>();
  if (facts == nullptr) return nullptr;
  facts->version = version;
  std::size_t count = 0;
  QuicParameter parameter;
  for (QuicParameterReader in(hello.quic_transport_parameters); in.next(parameter);) ++count;
  auto* ids = arena.make<uint64_t>(count);
  if (ids == nullptr) return facts;
  facts->parameters = {ids, count};
  for (QuicParameterReader in(hello.quic_transport_parameters); in.next(parameter);) {
    *ids++ = parameter.id;
    if (parameter.id == quic_parameter::google_user_agent && facts->user_agent.empty())
      facts->user_agent = arena.copy(as_text(parameter.value));
  }
  return facts;
}

}  // namespace

Reason note_client_hello(const ClientHello& hello, Exchange& ex, uint32_t quic_version) {
  Flow& flow = ex.flow;
  flow.claim_client(ex.direction);
  // The hello that answers a HelloRetryRequest repeats the random of the first (RFC 8446, 4.1.2);
  // this holds too where the server's side was not seen.
  const uint64_t random = fold_random(hello.random);
  const bool second = flow.hello_seen && random == flow.hello_random;
  // Over UDP it is also what a hello is when it is sent anew, or with the cookie of a
  // HelloVerifyRequest (RFC 6347, 4.2.1) or of QUIC's Retry: then it says nothing that is new.
  if (second && hello.transport != HelloTransport::tls && !flow.retry_seen) return Reason::ok;
  DocumentBuilder* document =
      ex.document_without(second ? &Document::tls_client_retry : &Document::tls_client);
  if (!second) {
    flow.hello_seen = true;
    flow.hello_random = random;
    flow.offered_ticket = !hello.session_ticket.empty();
    flow.offered =
        hello.transport == HelloTransport::quic ? offered_protocol(hello) : Protocol::unknown;
    flow.session_id_length =
        static_cast<uint8_t>(std::min(hello.session_id.size(), flow.session_id.size()));
    if (flow.session_id_length != 0)
      std::memcpy(flow.session_id.data(), hello.session_id.data(), flow.session_id_length);
  }
  if (document == nullptr) return Reason::ok;
  TlsClientFacts* facts = client_facts(hello, document->arena);
  if (facts == nullptr) return Reason::too_long;
  if (second) {
    facts->second_after_retry = true;
    document->tls_client_retry = facts;
  } else {
    document->tls_client = facts;
    client_strings(hello, quic_version, ex, *document);
    if (hello.transport == HelloTransport::quic)
      document->quic = quic_facts(hello, quic_version, document->arena);
  }
  return Reason::ok;
}

Reason note_server_hello(const ServerHello& hello, Exchange& ex) {
  Flow& flow = ex.flow;
  flow.claim_client(ex.direction ^ 1);
  const auto strings = [&](DocumentBuilder& document) {
    const auto observe = [&](Kind kind, auto&& write) {
      if (row(kind).shown == Shown::all && !ex.options.all_strings) return;
      document.observe(ex.time, ex.side(), kind, ex.scratch, write);
    };
    Workspace& workspace = ex.scratch.workspace;
    if (hello.transport == HelloTransport::tls) {
      observe(Kind::tls_server,
              [&](Text& out) { return write_pmercury_tls_server(hello, Cut::refuse, out); });
      observe(Kind::mercury_tls_server, [&](Text& out) { return write_mercury_tls_server(hello, out); });
    }
    if (hello.transport == HelloTransport::dtls)
      observe(Kind::dtls_server, [&](Text& out) { return write_mercury_tls_server(hello, out); });
    observe(Kind::ja3s, [&](Text& out) { return write_ja3s(hello, workspace, out); });
    observe(Kind::ja3s_string, [&](Text& out) { return write_ja3s_string(hello, out); });
  };
  DocumentBuilder* document = ex.document_without(&Document::tls_server);
  if (hello.hello_retry_request) {
    // It has the strings of a server's first message; the facts come from the ServerHello.
    flow.retry_seen = true;
    flow.retry_pending = true;
    if (document != nullptr) strings(*document);
    return Reason::ok;
  }
  flow.retry_pending = false;
  if (!hello.alpn.empty()) flow.add_protocol(protocol_of_alpn(hello.alpn));
  // QUIC hides the choice, but where everything that was offered is one protocol, there was none.
  if (hello.transport == HelloTransport::quic) flow.add_protocol(flow.offered);
  if (document == nullptr) return Reason::ok;
  auto* facts = document->arena.make<TlsServerFacts>();
  if (facts == nullptr) return Reason::too_long;
  facts->version = hello.version();
  facts->cipher = hello.cipher_suite;
  facts->group = hello.has_selected_group ? hello.selected_group : uint16_t{0};
  facts->alpn = document->arena.copy(hello.alpn);
  facts->retry = flow.retry_seen;
  if (hello.has_selected_version) {
    facts->resumed = hello.has_pre_shared_key;  // RFC 8446, 4.2.11
    facts->resumed_known = true;
  } else if (flow.hello_seen && flow.session_id_length != 0) {
    // Up to TLS 1.2 a server that resumes gives the offered session id back (RFC 5246, 7.4.1.3),
    // also when it resumes from a ticket (RFC 5077, 3.4).
    facts->resumed =
        hello.session_id.size() == flow.session_id_length &&
        std::memcmp(hello.session_id.data(), flow.session_id.data(), flow.session_id_length) == 0;
    facts->resumed_known = true;
  } else if (flow.hello_seen && !flow.offered_ticket) {
    facts->resumed_known = true;  // nothing was offered to resume
  }
  document->tls_server = facts;
  strings(*document);
  return Reason::ok;
}

void note_certificates(Bytes body, bool tls13, Exchange& ex) {
  constexpr std::size_t most = 32;  // longer chains than any root program accepts
  DocumentBuilder* document = nullptr;
  const bool of_client = ex.side() == Side::client;
  const auto chain = of_client ? &Document::client_certificates : &Document::server_certificates;
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr && document == nullptr; at = at->next)
    if (!at->closed && (at->*chain).empty()) document = at;
  if (document == nullptr) document = ex.begin();
  if (document == nullptr) return;
  std::size_t count = 0;
  Bytes der;
  CertificateMessage all(body, tls13);
  while (count < most && all.next(der)) ++count;
  Arena& arena = document->arena;
  auto* list = arena.make<Bytes>(count);
  std::size_t kept = 0;
  CertificateMessage in(body, tls13);
  for (; list != nullptr && kept < count && in.next(der); ++kept) {
    list[kept] = arena.copy(der);
    if (list[kept].empty() && !der.empty()) break;
  }
  document->*chain = {list, kept};
  if (kept < count) document->note_incomplete("tls.certificate", Reason::too_long);
  if (all.failed())
    document->note_incomplete("tls.certificate", Reason::malformed_certificate);
  Certificate first;
  if (ex.options.all_strings && kept != 0 && parse_certificate(list[0], first) == Reason::ok)
    document->observe(ex.time, ex.side(), Kind::tls_certificate, ex.scratch,
                      [&](Text& out) { return write_pmercury_certificate(first, out); });
}

}  // namespace handprint
