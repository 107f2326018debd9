// SPDX-License-Identifier: Apache-2.0
#include "record/facts.h"

#include <utility>

namespace handprint {
namespace {

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// A request target in absolute form (RFC 9112 section 3.2.2), apart; empty authority otherwise.
struct Target {
  std::string_view authority, path;
};
Target split_target(std::string_view method, std::string_view uri) {
  if (method == "CONNECT") return {uri, {}};
  if (uri.starts_with('/')) return {{}, uri.substr(0, uri.find_first_of("?#"))};
  const size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view rest = uri.substr(scheme + 3);
  const size_t end = rest.find_first_of("/?#");
  if (end == std::string_view::npos) return {rest, {}};
  const std::string_view tail = rest.substr(end);
  return {rest.substr(0, end), tail.substr(0, tail.find_first_of("?#"))};
}

// "host:80" → "host", "[::1]:80" → "[::1]", "user@host" → "host".
std::string_view host_of(std::string_view authority) {
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(0, end + 1);
  }
  return authority.substr(0, authority.find(':'));
}

}  // namespace

Instant ProcessView::start() const {
  if (!known()) return {};
  if (facts_ && facts_->start_wall_ns != 0) return {facts_->start_wall_ns, true};
  const uint64_t boot = facts_ && facts_->start_ns != 0 ? facts_->start_ns : owner_->start_ns;
  if (boot == 0) return {};
  return {static_cast<int64_t>(boot) + context_->wall_offset_ns, true};
}

std::string_view Attribution::method() const {
  if (!owner) return {};
  if (!known) return "unknown";
  if (peer) return "peer";
  if (owner->flags & HP_OWNER_KERNEL) return "kernel";
  switch (owner->role) {
    case HP_ROLE_CLIENT: return "connect";
    case HP_ROLE_LISTENER: return "listen";
    case HP_ROLE_WORKER: return "read";
    case HP_ROLE_CREATOR: return "create";
    case HP_ROLE_HOLDER: return "descriptor";
    default: return "unknown";
  }
}

std::string_view Attribution::role() const {
  if (!owner) return {};
  if (!known) return "unknown";
  // The kernel named only a sender. What sent the server's SYN+ACK is the listening socket's process.
  if (peer && owner->role == HP_ROLE_NONE)
    return side == Side::client ? "client" : answered ? "listener" : "worker";
  switch (owner->role) {
    case HP_ROLE_CLIENT: return "client";
    case HP_ROLE_LISTENER: return "listener";
    case HP_ROLE_WORKER: return "worker";
    case HP_ROLE_CREATOR: return "creator";
    case HP_ROLE_HOLDER: return "holder";
    default: return "unknown";
  }
}

Facts::Facts(const Document& document, const RecordContext& context)
    : d_(document),
      c_(context),
      client_certificate_(document.client_certificates),
      server_certificate_(document.server_certificates) {
  const auto view = [&context](const ProcessRef& process, const hp_owner& owner) {
    return ProcessView(process && process->pid != 0 ? process.get() : nullptr, owner, context);
  };
  const Ownership& client = d_.client.ownership;
  const Ownership& server = d_.server.ownership;
  client_ = view(client.process, client.owner);
  server_ = view(server.process, server.owner);
  listener_ = view(server.listener_process, server.listener);
  if (!server_.known() && listener_.known()) std::swap(server_, listener_);
  if (listener_.known() && listener_.pid() == server_.pid() &&
      listener_.start().ns == server_.start().ns)
    listener_ = ProcessView();

  main_ = local(d_.client, client_) ? &client_ : &server_;
  if (!d_.observed.empty() && first_part())
    interface_ = interface_text(context, d_.observed.front().interface);
}

std::string_view Facts::direction() const {
  const bool from = local(d_.client, client_), to = local(d_.server, server_);
  if (from) return to ? "internal" : "egress";
  return to ? "ingress" : "";
}

std::optional<bool> Facts::tls_established() const {
  for (const TlsAlert& alert : d_.tls_alerts)
    if (alert.level == 2) return false;
  return d_.established ? std::optional<bool>(true) : std::optional<bool>();
}

std::string_view Facts::http_version() const {
  const std::string_view version = d_.http_request    ? d_.http_request->version
                                   : d_.http_response ? d_.http_response->version
                                                      : std::string_view();
  return without_prefix(version, "HTTP/");
}

std::string_view Facts::url_domain() const {
  if (!d_.http_request) return {};
  const Target target = split_target(d_.http_request->method, d_.http_request->uri);
  return host_of(target.authority.empty() ? d_.http_request->host : target.authority);
}

std::string_view Facts::url_path() const {
  if (!d_.http_request) return {};
  return split_target(d_.http_request->method, d_.http_request->uri).path;
}

std::string interface_text(const RecordContext& context, uint32_t interface) {
  return context.interface_name ? context.interface_name(context.interface_user, interface)
                                : std::string();
}

}  // namespace handprint
