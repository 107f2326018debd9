// SPDX-License-Identifier: Apache-2.0
// Streams in which TLS comes later: which prefix it is, and who reads it.
#include "flow/dissector_prefix.h"

#include <string_view>

namespace handprint {

namespace {

// What a side begins with. The selector took it for a prefix by the same bytes (bpf/prefix.h), and
// less strictly: what nobody reads here is only named.
PrefixKind begins_with(Bytes bytes, const Exchange& ex) {
  const bool server = ex.side() == Side::server;
  const StreamPrefix asked = ex.flow.asked;
  switch (bytes[0]) {
    case 0x00:
      return server ? (ex.flow.socks_version == 4 ? PrefixKind::socks4 : PrefixKind::none)
                    : PrefixKind::postgresql;
    case 0x03:
      return PrefixKind::rdp;
    case 0x04:
      if (asked == StreamPrefix::tds) return PrefixKind::tds;
      return server ? PrefixKind::none : PrefixKind::socks4;
    case 0x05:
      if (server && ex.flow.socks_version != 5) return PrefixKind::none;
      return PrefixKind::socks5;
    case 0x0d:
      return server ? PrefixKind::none : PrefixKind::proxy;
    case 0x12:
      return PrefixKind::tds;
    case 0x30:
      return PrefixKind::ldap;
    case '<':
      return PrefixKind::xmpp;
    case 'N':
    case 'S':
      if (asked == StreamPrefix::postgresql && server) return PrefixKind::postgresql;
      return PrefixKind::lines;
    case 'P':
      return bytes.size() > 4 && as_text(bytes).starts_with("PROXY") ? PrefixKind::proxy
                                                                     : PrefixKind::lines;
    default:
      break;
  }
  if (bytes.size() > 4 && bytes[2] == 0 && bytes[3] <= 1 && (server || bytes[3] == 1))
    return PrefixKind::mysql;
  return PrefixKind::lines;
}

Dissected read(PrefixKind kind, Bytes bytes, Exchange& ex) {
  switch (kind) {
    case PrefixKind::lines:
      return read_lines(bytes, ex);
    case PrefixKind::ldap:
      return read_ldap(bytes, ex);
    case PrefixKind::xmpp:
      return read_xmpp(bytes, ex);
    case PrefixKind::proxy:
      return read_proxy_header(bytes, ex);
    case PrefixKind::socks4:
      return read_socks4(bytes, ex);
    case PrefixKind::socks5:
      return read_socks5(bytes, ex);
    case PrefixKind::postgresql:
      return read_postgresql(bytes, ex);
    case PrefixKind::mysql:
      return read_mysql(bytes, ex);
    case PrefixKind::tds:
      return read_tds(bytes, ex);
    case PrefixKind::rdp:
      return read_rdp(bytes, ex);
    case PrefixKind::none:
      break;
  }
  return dissect_naming(bytes, HP_CONTENT_OTHER, ex);
}

}  // namespace

Dissected dissect_prefix(Bytes bytes, uint8_t content, Exchange& ex) {
  using State = Dissected::State;
  PrefixReader& reader = ex.sender().prefix;
  if (!reader.open) {
    if (as_text(bytes).starts_with("CONNECT ")) {
      reader.seen = true;
      return read_connect(bytes, ex);
    }
    // The side that asks says who it is; before it has spoken the ports must do.
    if (ex.flow.client_known == ClientKnown::no && bytes[0] == 0x0d)
      ex.flow.claim_client(ex.direction);
    reader = {begins_with(bytes, ex), 0, true, true, false};
  }
  Dissected result = read(reader.kind, bytes, ex);
  if (result.state == State::aside && reader.step < 0xff) ++reader.step;
  // Nothing of it could be read: it only began like a prefix.
  if (result.state == State::over && reader.step == 0 && reader.kind != PrefixKind::none &&
      ex.flow.asked == StreamPrefix::none)
    result = dissect_naming(bytes, content, ex);
  if (result.state != State::aside && result.state != State::need_more) reader.open = false;
  return result;
}

}  // namespace handprint
