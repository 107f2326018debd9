// SPDX-License-Identifier: Apache-2.0
// SSH: the identification line and the key exchange's first message, of both sides.
#include "fingerprint/ssh.h"

#include "flow/exchange.h"

namespace handprint {

namespace {

using State = Dissected::State;

// Which side can send these lists: some names announce what only one side may (RFC 8308
// section 2.1).
void claim(const SshKexInit& kex, Exchange& ex) {
  const std::string_view list = kex[SshList::kex];
  if (ssh_list_has(list, "ext-info-c") || ssh_list_has(list, "kex-strict-c-v00@openssh.com"))
    ex.flow.claim_client(ex.direction);
  if (ssh_list_has(list, "ext-info-s") || ssh_list_has(list, "kex-strict-s-v00@openssh.com"))
    ex.flow.claim_client(ex.direction ^ 1);
}

// The document that the facts of this side go into: the one that has its banner already, else one
// that has none.
DocumentBuilder* document_of(const SshFacts* Document::*side, Exchange& ex) {
  for (DocumentBuilder* at = ex.flow.pending; at != nullptr; at = at->next)
    if (at->*side != nullptr && !(at->*side)->key_exchange) return at;
  return ex.document_without(side);
}

SshFacts* facts_of(const SshBanner& banner, Arena& arena) {
  auto* facts = arena.make<SshFacts>();
  if (facts != nullptr) facts->banner = arena.copy(banner.line);
  return facts;
}

// Facts may have been begun by the banner alone.
SshFacts* begin_facts(const SshBanner& banner, const SshFacts* Document::*side, Exchange& ex,
                      DocumentBuilder*& document) {
  document = document_of(side, ex);
  if (document == nullptr) return nullptr;
  SshFacts* facts = facts_of(banner, document->arena);
  if (facts != nullptr) document->*side = facts;
  return facts;
}

void note_agreement(DocumentBuilder& document) {
  const SshFacts *client = document.ssh_client, *server = document.ssh_server;
  if (client == nullptr || server == nullptr || !client->key_exchange || !server->key_exchange)
    return;
  auto* agreed = document.arena.make<SshAgreement>();
  if (agreed == nullptr) return;
  *agreed =
      agree(client->lists, server->lists, client->first_kex_follows || server->first_kex_follows);
  document.ssh_agreement = agreed;
}

void on_kex_init(const SshBanner& banner, const SshKexInit& kex, Exchange& ex) {
  claim(kex, ex);
  const bool client = ex.side() == Side::client;
  DocumentBuilder* document = nullptr;
  SshFacts* facts =
      begin_facts(banner, client ? &Document::ssh_client : &Document::ssh_server, ex, document);
  if (facts == nullptr) return;
  for (std::size_t i = 0; i < facts->lists.size(); ++i)
    facts->lists[i] = document->arena.copy(kex.lists[i]);
  facts->first_kex_follows = kex.first_kex_follows;
  facts->key_exchange = true;
  const auto observe = [&](Kind kind, auto&& write) {
    if (row(kind).shown == Shown::all && !ex.options.all_strings) return;
    document->observe(ex.time, ex.side(), kind, ex.scratch, write);
  };
  observe(client ? Kind::hassh : Kind::hassh_server, [&](Text& out) {
    return write_hassh(kex, client ? SshSide::client : SshSide::server, ex.scratch.workspace, out);
  });
  observe(client ? Kind::ssh : Kind::ssh_server,
          [&](Text& out) { return write_pmercury_ssh(banner, kex, out); });
  observe(client ? Kind::mercury_ssh : Kind::mercury_ssh_server,
          [&](Text& out) { return write_mercury_ssh(kex, out); });
  note_agreement(*document);
}

}  // namespace

Dissected dissect_ssh(Bytes bytes, uint8_t, Exchange& ex) {
  const auto size = static_cast<uint32_t>(bytes.size());
  SshBanner banner;
  std::size_t line = 0;
  Reason reason = parse_ssh_banner(bytes, banner, line);
  if (reason == Reason::need_more) return {State::need_more, 0, size + 1, Reason::ok};
  if (reason != Reason::ok) return {State::broken, size, 0, reason};
  ex.flow.add_protocol(Protocol::ssh);
  if (!banner.version_2()) {  // version 1 has no lists
    DocumentBuilder* document = nullptr;
    begin_facts(banner, ex.side() == Side::client ? &Document::ssh_client : &Document::ssh_server,
                ex, document);
    return {State::over, size, 0, Reason::ok};
  }
  SshKexInit kex;
  std::size_t needed = 0;
  reason = parse_ssh_kex_init(bytes.subspan(line), kex, needed);
  if (reason == Reason::ok) {
    on_kex_init(banner, kex, ex);
    return {State::over, size, 0, Reason::ok};
  }
  // The banner is worth having, whatever becomes of the rest. It is noted once, before the lists.
  if (!ex.sender().banner_noted) {
    ex.sender().banner_noted = true;
    DocumentBuilder* document = nullptr;
    begin_facts(banner, ex.side() == Side::client ? &Document::ssh_client : &Document::ssh_server,
                ex, document);
  }
  if (reason == Reason::need_more)
    return {State::need_more, 0, static_cast<uint32_t>(line + needed), Reason::ok};
  return {State::broken, size, 0, reason};
}

}  // namespace handprint
