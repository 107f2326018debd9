// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/client_hello.h"

#include "fingerprint/grease.h"

namespace handprint {
namespace {

// The content of an extension that is one list with a length in front; empty when the length and
// the data disagree.
Bytes list16(Bytes data) {
  Cursor in(data);
  Bytes list = in.take(in.u16());
  return in.failed() ? Bytes{} : list;
}

Bytes list8(Bytes data) {
  Cursor in(data);
  Bytes list = in.take(in.u8());
  return in.failed() ? Bytes{} : list;
}

// RFC 6066 section 3: a list of (type, name); the first host name counts.
std::string_view host_name(Bytes data) {
  Cursor list = Cursor(list16(data));
  while (!list.empty()) {
    uint8_t type = list.u8();
    Bytes host = list.take(list.u16());
    if (list.failed()) return {};
    if (type == 0) return as_text(host);
  }
  return {};
}

void read_extensions(ClientHello& out) {
  for (const Extension& extension : out.extensions) {
    switch (extension.type) {
      case tls_extension::server_name:
        if (out.has_server_name) break;
        out.has_server_name = true;
        out.server_name = host_name(extension.data);
        break;
      case tls_extension::alpn:
        if (out.has_alpn) break;
        out.has_alpn = true;
        out.alpn = list16(extension.data);
        break;
      case tls_extension::supported_versions:
        if (out.has_supported_versions) break;
        out.has_supported_versions = true;
        out.supported_versions = list8(extension.data);
        break;
      case tls_extension::supported_groups:
        if (out.supported_groups.empty()) out.supported_groups = list16(extension.data);
        break;
      case tls_extension::ec_point_formats:
        if (out.ec_point_formats.empty()) out.ec_point_formats = list8(extension.data);
        break;
      case tls_extension::signature_algorithms:
        if (out.signature_algorithms.empty()) out.signature_algorithms = list16(extension.data);
        break;
      case tls_extension::key_share:
        if (out.has_key_share) break;
        out.has_key_share = true;
        out.key_shares = list16(extension.data);
        break;
      case tls_extension::psk_key_exchange_modes:
        if (out.psk_modes.empty()) out.psk_modes = list8(extension.data);
        break;
      case tls_extension::pre_shared_key:
        out.has_pre_shared_key = true;
        break;
      case tls_extension::early_data:
        out.has_early_data = true;
        break;
      case tls_extension::encrypted_client_hello:
        out.has_encrypted_client_hello = true;
        break;
      case tls_extension::extended_master_secret:
        out.has_extended_master_secret = true;
        break;
      case tls_extension::session_ticket:
        if (out.has_session_ticket) break;
        out.has_session_ticket = true;
        out.session_ticket = extension.data;
        break;
      case tls_extension::quic_transport_parameters:
      case tls_extension::quic_transport_parameters_draft:
        if (out.quic_transport_parameters.empty()) out.quic_transport_parameters = extension.data;
        break;
      default:
        break;
    }
  }
}

// SSLv2-style (RFC 5246 appendix E.2), from the version field on.
Reason parse_sslv2(const HandshakeMessage& message, ClientHello& out) {
  Cursor in(message.body);
  out.sslv2 = true;
  out.legacy_version = in.u16();
  size_t specs = in.u16();
  size_t session = in.u16();
  size_t challenge = in.u16();
  out.cipher_suites = in.take(specs);
  out.has_cipher_suites = !in.failed() && specs != 0;
  out.session_id = in.take(session);
  out.random = in.take(challenge);
  if (in.failed()) return message.complete() ? Reason::malformed_client_hello : Reason::truncated;
  if (specs % 3 != 0 || specs == 0) return Reason::malformed_client_hello;
  out.complete = true;
  out.well_formed = true;
  return Reason::ok;
}

}  // namespace

std::string_view ClientHello::first_alpn() const {
  for (std::string_view protocol : ProtocolNameList(alpn)) return protocol;
  return {};
}

uint16_t ClientHello::version() const {
  uint16_t best = 0;
  for (uint16_t offered : U16List(supported_versions)) {
    if (is_grease(offered)) continue;
    // DTLS counts downwards: 1.0 is feff, 1.2 fefd, 1.3 fefc.
    bool newer = transport == HelloTransport::dtls ? offered < best : offered > best;
    if (best == 0 || newer) best = offered;
  }
  return best != 0 ? best : legacy_version;
}

Reason parse_client_hello(Bytes body, uint32_t declared_length, HelloTransport transport,
                          ClientHello& out) {
  out = ClientHello{};
  out.transport = transport;
  const bool all_there = body.size() >= declared_length;
  // What a read beyond the end means: the capture is cut, or the message lies about itself.
  const Reason ended = all_there ? Reason::malformed_client_hello : Reason::truncated;
  Cursor in(all_there ? body.first(declared_length) : body);

  out.legacy_version = in.u16();
  out.random = in.take(32);
  out.session_id = in.take(in.u8());
  if (transport == HelloTransport::dtls) out.cookie = in.take(in.u8());
  out.cipher_suites = in.take(in.u16());
  if (in.failed()) return ended;
  out.has_cipher_suites = true;
  out.compression_methods = in.take(in.u8());
  if (in.failed()) return ended;
  if (out.session_id.size() > 32 || out.cipher_suites.size() % 2 != 0)
    return Reason::malformed_client_hello;
  out.complete = all_there;
  if (in.empty()) {  // no extension block: allowed before TLS 1.3
    out.well_formed = all_there;
    return all_there ? Reason::ok : Reason::truncated;
  }
  size_t block_length = in.u16();
  if (in.failed()) return ended;
  out.has_extensions = true;
  out.extensions = ExtensionList(in.take_up_to(block_length));
  read_extensions(out);
  if (!all_there) return Reason::truncated;
  if (out.extensions.block().size() != block_length || !in.empty() ||
      !out.extensions.remainder().empty())
    return Reason::malformed_client_hello;
  out.well_formed = true;
  return Reason::ok;
}

Reason parse_client_hello(const HandshakeMessage& message, ClientHello& out) {
  if (message.type != tls_handshake::client_hello) {
    out = ClientHello{};
    return Reason::not_this_protocol;
  }
  if (!message.sslv2)
    return parse_client_hello(message.body, message.length, HelloTransport::tls, out);
  out = ClientHello{};
  return parse_sslv2(message, out);
}

}  // namespace handprint
