// SPDX-License-Identifier: Apache-2.0
// What a record says of a document, one accessor a field: the rules of the record that are more
// than a copy (which process is the local end, what stands beside it, how a target splits) are
// here. Everything returned views the document or the context.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "flow/document.h"
#include "record/certificate_values.h"
#include "record/tls_names.h"
#include "record/values.h"
#include "record/writer.h"

namespace handprint {

// A process: what the agent found out, or at least what the kernel said of the socket's owner.
class ProcessView {
 public:
  ProcessView() = default;
  ProcessView(const ProcessFacts* facts, const hp_owner& owner, const RecordContext& context)
      : facts_(facts), owner_(facts || owner.pid != 0 ? &owner : nullptr), context_(&context) {}

  bool known() const { return owner_ != nullptr; }
  std::optional<uint64_t> pid() const {
    if (!known()) return {};
    return facts_ ? facts_->pid : owner_->pid;
  }
  std::string_view name() const {
    if (!known()) return {};
    if (facts_ && !facts_->name.empty()) return facts_->name;
    const std::string_view comm(owner_->comm, sizeof owner_->comm);
    return comm.substr(0, comm.find('\0'));
  }
  std::string_view executable() const { return text(&ProcessFacts::executable); }
  Instant start() const;
  std::string_view entity_id() const { return text(&ProcessFacts::entity_id); }
  std::optional<bool> executable_deleted() const {
    return facts_ && facts_->executable_deleted ? std::optional<bool>(true) : std::optional<bool>();
  }
  JoinedText command_line() const { return {facts_ ? &facts_->args : nullptr}; }
  TextList args() const { return {facts_ ? &facts_->args : nullptr}; }
  std::string_view sha256() const { return text(&ProcessFacts::sha256); }
  std::optional<uint64_t> parent_pid() const {
    if (!facts_ || facts_->parent_pid == 0) return {};
    return facts_->parent_pid;
  }
  NumberText user_id() const {
    if (facts_) return facts_->has_user ? NumberText{facts_->uid} : NumberText{};
    return known() ? NumberText{owner_->uid} : NumberText{};
  }
  std::string_view user_name() const { return text(&ProcessFacts::user_name); }
  std::string_view container_id() const { return text(&ProcessFacts::container_id); }
  std::string_view container_runtime() const { return text(&ProcessFacts::container_runtime); }
  std::string_view service() const { return text(&ProcessFacts::service); }
  std::string_view pod_uid() const { return text(&ProcessFacts::pod_uid); }
  std::string_view pod_name() const { return text(&ProcessFacts::pod_name); }
  std::string_view pod_namespace() const { return text(&ProcessFacts::pod_namespace); }

 private:
  std::string_view text(std::string ProcessFacts::*member) const {
    return facts_ ? std::string_view(facts_->*member) : std::string_view();
  }

  const ProcessFacts* facts_ = nullptr;
  const hp_owner* owner_ = nullptr;
  const RecordContext* context_ = nullptr;
};

// How an end's process is known.
struct Attribution {
  const hp_owner* owner = nullptr;  // null: the end is not local
  bool peer = false;
  bool known = false;
  Side side = Side::client;
  bool answered = false;  // the flow's SYN+ACK was seen

  std::string_view method() const;
  std::string_view role() const;
};

struct TcpView {
  const TcpFacts* facts = nullptr;

  using Number = std::optional<uint64_t>;
  Number ttl() const { return facts ? Number(facts->ttl) : Number(); }
  Number window() const { return facts ? Number(facts->window) : Number(); }
  Number mss() const { return facts && facts->mss != 0 ? Number(facts->mss) : Number(); }
  Number window_scale() const {
    return facts && facts->window_scale >= 0 ? Number(static_cast<uint64_t>(facts->window_scale))
                                             : Number();
  }
  HexText options() const { return {facts ? facts->options : std::span<const uint8_t>()}; }
};

class Facts {
 public:
  Facts(const Document& document, const RecordContext& context);

  const Document& document() const { return d_; }
  const RecordContext& context() const { return c_; }
  bool all_fields() const { return c_.all_fields; }
  bool first_part() const { return d_.part <= 1; }

  Instant first() const { return {d_.first + c_.wall_offset_ns, true}; }
  Instant last() const { return {d_.last + c_.wall_offset_ns, true}; }
  EventTypes event_type() const { return {!d_.protocols.empty()}; }
  HexText event_id() const { return {d_.id}; }
  std::string_view host_name() const { return d_.from_file ? std::string_view() : c_.host_name; }
  std::string_view host_id() const { return d_.from_file ? std::string_view() : c_.host_id; }
  std::string_view agent_name() const {
    return c_.agent_name == host_name() ? std::string_view() : c_.agent_name;
  }
  const std::string& interface() const { return interface_; }
  LabelObject labels() const { return {&c_.labels}; }

  const Endpoint& client() const { return d_.client; }
  const Endpoint& server() const { return d_.server; }
  std::optional<uint64_t> source_port() const { return port(d_.client); }
  std::optional<uint64_t> destination_port() const { return port(d_.server); }
  std::optional<uint64_t> nat_port(const Endpoint& end) const {
    if (!end.nat_address.present()) return {};
    return end.nat_port;
  }
  MacText mac(const Endpoint& end) const { return {end.has_mac ? &end.mac : nullptr}; }
  std::string_view transport() const {
    return d_.transport == 6 ? "tcp" : d_.transport == 17 ? "udp" : "";
  }
  std::string_view network_type() const {
    return d_.client.address.v4() ? "ipv4" : d_.client.address.v6() ? "ipv6" : "";
  }
  LowerText network_protocol() const {
    if (d_.protocols.empty()) return {};
    const std::string_view innermost = d_.protocols.back();
    return {innermost.substr(0, innermost.find_first_of("/ "))};
  }
  std::string_view direction() const;
  CommunityText community() const {
    const Address& a = d_.client.address;
    return {a.present() && a.version == d_.server.address.version ? &d_ : nullptr};
  }
  NumberText vlan() const { return d_.has_vlan ? NumberText{d_.vlan} : NumberText{}; }

  TlsVersionName tls_version() const {
    return d_.tls_server ? tls_version_name(d_.tls_server->version) : TlsVersionName();
  }
  CodeText tls_cipher() const {
    return d_.tls_server ? CodeText{tls_cipher_name, d_.tls_server->cipher} : CodeText();
  }
  CodeText tls_group() const {
    return d_.tls_server && d_.tls_server->group != 0
               ? CodeText{tls_group_name, d_.tls_server->group}
               : CodeText();
  }
  std::string_view tls_next_protocol() const {
    return d_.tls_server && !d_.tls_server->alpn.empty() ? d_.tls_server->alpn : d_.decrypted_alpn;
  }
  std::optional<bool> tls_resumed() const {
    if (!d_.tls_server || !d_.tls_server->resumed_known) return {};
    return d_.tls_server->resumed;
  }
  std::optional<bool> tls_established() const;
  std::optional<bool> tls_pq() const {
    if (!d_.tls_server) return {};
    return tls_group_is_post_quantum(d_.tls_server->group);
  }
  std::optional<bool> tls_retry() const { return only_true(d_.tls_server && d_.tls_server->retry); }
  std::optional<bool> tls_early_data() const {
    return only_true(d_.tls_client && d_.tls_client->early_data);
  }
  std::optional<bool> tls_ech() const { return only_true(d_.tls_client && d_.tls_client->ech); }
  // Of the first hello's string.
  Months implementation_months() const {
    for (const Observation& seen : d_.observations)
      if (seen.kind == Kind::tls || seen.kind == Kind::quic || seen.kind == Kind::dtls)
        return handprint::implementation_months(seen.text);
    return {};
  }
  std::string_view server_name() const {
    return d_.tls_client ? d_.tls_client->server_name : std::string_view();
  }
  CodeList offered_ciphers() const { return ciphers(d_.tls_client); }
  CodeList offered_groups() const { return groups(d_.tls_client); }
  CodeList key_shares() const { return shares(d_.tls_client); }
  CodeList retry_offered_ciphers() const { return ciphers(d_.tls_client_retry); }
  CodeList retry_offered_groups() const { return groups(d_.tls_client_retry); }
  CodeList retry_key_shares() const { return shares(d_.tls_client_retry); }
  std::string_view retry_server_name() const {
    if (!d_.tls_client_retry || d_.tls_client_retry->server_name == server_name()) return {};
    return d_.tls_client_retry->server_name;
  }

  const LeafCertificate& server_certificate() const { return server_certificate_; }
  const LeafCertificate& client_certificate() const { return client_certificate_; }
  CertificateChain server_chain() const { return {d_.server_certificates, first().ns / 1'000'000'000}; }
  CertificateChain client_chain() const { return {d_.client_certificates, first().ns / 1'000'000'000}; }

  QuicVersionText quic_version() const {
    return {d_.quic ? std::optional<uint32_t>(d_.quic->version) : std::nullopt};
  }
  QuicParameterList quic_parameters() const {
    return {d_.quic ? d_.quic->parameters : std::span<const uint64_t>()};
  }
  std::string_view quic_user_agent() const {
    return d_.quic ? d_.quic->user_agent : std::string_view();
  }

  std::string_view ssh_client_banner() const { return banner(d_.ssh_client); }
  std::string_view ssh_server_banner() const { return banner(d_.ssh_server); }
  std::string_view ssh_agreed(std::string_view SshAgreement::*member) const {
    return d_.ssh_agreement ? d_.ssh_agreement->*member : std::string_view();
  }
  // The other direction's, where it is another.
  std::string_view ssh_agreed_else(std::string_view SshAgreement::*member,
                                   std::string_view SshAgreement::*usual) const {
    const std::string_view value = ssh_agreed(member);
    return value == ssh_agreed(usual) ? std::string_view() : value;
  }
  std::optional<bool> ssh_strict_kex() const { return ssh_agreed_flag(&SshAgreement::strict_kex); }
  std::optional<bool> ssh_pq() const { return ssh_agreed_flag(&SshAgreement::post_quantum); }
  std::optional<bool> ssh_guess_wrong() const {
    return only_true(d_.ssh_agreement && d_.ssh_agreement->guess_wrong);
  }
  std::optional<bool> ssh_client_guesses() const { return guesses(d_.ssh_client); }
  std::optional<bool> ssh_server_guesses() const { return guesses(d_.ssh_server); }
  std::optional<bool> ssh_client_ext_info() const { return announces(d_.ssh_client, "ext-info-c"); }
  std::optional<bool> ssh_server_ext_info() const { return announces(d_.ssh_server, "ext-info-s"); }
  CommaList ssh_client_list(SshList list) const { return ssh_list(d_.ssh_client, list); }
  CommaList ssh_server_list(SshList list) const { return ssh_list(d_.ssh_server, list); }

  std::string_view http_version() const;
  std::string_view http_method() const { return request(&HttpRequestFacts::method); }
  std::string_view http_referrer() const { return request(&HttpRequestFacts::referrer); }
  std::optional<uint64_t> http_status() const {
    if (!d_.http_response) return {};
    return d_.http_response->status;
  }
  std::string_view url_original() const { return request(&HttpRequestFacts::uri); }
  std::string_view url_domain() const;
  std::string_view url_path() const;
  std::string_view user_agent() const { return request(&HttpRequestFacts::user_agent); }

  // The local end: the client if it is local, else the worker, else the listener.
  const ProcessView& main() const { return *main_; }
  const ProcessView& client_process() const { return client_; }
  const ProcessView& server_process() const { return server_; }
  const ProcessView& listener_process() const { return listener_; }
  // What main() does not say already; with all fields everything.
  const ProcessView& client_details() const { return details(client_); }
  const ProcessView& server_details() const { return details(server_); }
  Attribution client_attribution() const { return attribution(d_.client, client_); }
  Attribution server_attribution() const { return attribution(d_.server, server_); }
  TcpView client_tcp() const { return {d_.tcp_client}; }
  TcpView server_tcp() const { return {d_.tcp_server}; }

  std::optional<uint64_t> stream() const { return d_.stream; }
  std::optional<uint64_t> part() const { return d_.part; }
  std::optional<uint64_t> packets() const { return d_.packets; }
  std::optional<bool> client_uncertain() const {
    return d_.client_certain ? std::optional<bool>() : std::optional<bool>(false);
  }
  ObservedList observed() const {
    if (d_.observed.size() < 2 && !all_fields()) return {};
    return {d_.observed, &c_};
  }

  std::string_view proxy_type() const { return d_.proxy ? name(d_.proxy->kind) : ""; }
  Address proxy_address() const { return d_.proxy ? d_.proxy->address : Address(); }
  std::string_view proxy_host() const { return d_.proxy ? d_.proxy->host : std::string_view(); }
  std::optional<uint64_t> proxy_port() const {
    return d_.proxy && d_.proxy->port != 0 ? std::optional<uint64_t>(d_.proxy->port)
                                           : std::optional<uint64_t>();
  }
  std::optional<bool> proxy_user() const { return only_true(d_.proxy && d_.proxy->user); }

  std::string_view tunnel_kind() const { return d_.tunnel ? d_.tunnel->kind : std::string_view(); }
  std::optional<uint64_t> tunnel_id() const {
    if (!d_.tunnel || !d_.tunnel->has_id) return {};
    return d_.tunnel->id;
  }
  Address tunnel_source() const { return d_.tunnel ? d_.tunnel->source : Address(); }
  Address tunnel_destination() const { return d_.tunnel ? d_.tunnel->destination : Address(); }

 private:
  static std::optional<bool> only_true(bool value) {
    return value ? std::optional<bool>(true) : std::optional<bool>();
  }
  // Only TCP and UDP have documents, and both have ports; 0 is one.
  static std::optional<uint64_t> port(const Endpoint& end) {
    return end.address.present() ? std::optional<uint64_t>(end.port) : std::optional<uint64_t>();
  }
  static bool local(const Endpoint& end, const ProcessView& process) {
    return end.ownership.local || end.ownership.peer || process.known();
  }
  const ProcessView& details(const ProcessView& end) const {
    return &end == main_ && !all_fields() ? nobody_ : end;
  }
  Attribution attribution(const Endpoint& end, const ProcessView& process) const {
    const Ownership& is = end.ownership;
    const hp_owner* owner = is.owner.pid == 0 && is.listener.pid != 0 ? &is.listener : &is.owner;
    return {local(end, process) ? owner : nullptr, is.peer, process.known(),
            &end == &d_.client ? Side::client : Side::server, d_.tcp_server != nullptr};
  }
  CodeList ciphers(const TlsClientFacts* hello) const {
    return {tls_cipher_name, hello ? hello->ciphers : std::span<const uint16_t>()};
  }
  CodeList groups(const TlsClientFacts* hello) const {
    return {tls_group_name, hello ? hello->groups : std::span<const uint16_t>()};
  }
  CodeList shares(const TlsClientFacts* hello) const {
    return {tls_group_name, hello ? hello->key_shares : std::span<const uint16_t>(), all_fields()};
  }
  static std::string_view banner(const SshFacts* side) {
    return side ? side->banner : std::string_view();
  }
  static CommaList ssh_list(const SshFacts* side, SshList list) {
    return {side ? side->lists[static_cast<size_t>(list)] : std::string_view()};
  }
  static std::optional<bool> guesses(const SshFacts* side) {
    return only_true(side && side->first_kex_follows);
  }
  static std::optional<bool> announces(const SshFacts* side, std::string_view name) {
    return only_true(side && ssh_list_has(side->lists[static_cast<size_t>(SshList::kex)], name));
  }
  std::optional<bool> ssh_agreed_flag(bool SshAgreement::*member) const {
    return d_.ssh_agreement ? std::optional<bool>(d_.ssh_agreement->*member) : std::nullopt;
  }
  std::string_view request(std::string_view HttpRequestFacts::*member) const {
    return d_.http_request ? d_.http_request->*member : std::string_view();
  }

  const Document& d_;
  const RecordContext& c_;
  LeafCertificate client_certificate_, server_certificate_;
  ProcessView nobody_, client_, server_, listener_;
  const ProcessView* main_ = nullptr;
  std::string interface_;
};

}  // namespace handprint
