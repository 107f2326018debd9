// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/server_hello.h"

#include <algorithm>
#include <array>

namespace handprint {
namespace {

// SHA-256 of "HelloRetryRequest", RFC 8446 section 4.1.3.
constexpr std::array<uint8_t, 32> retry_random = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

void read_extensions(ServerHello& out) {
  for (const Extension& extension : out.extensions) {
    Cursor in(extension.data);
    switch (extension.type) {
      case tls_extension::supported_versions:
        if (out.has_selected_version || extension.data.size() != 2) break;
        out.has_selected_version = true;
        out.selected_version = in.u16();
        break;
      case tls_extension::key_share:
        // A HelloRetryRequest names only the group, a ServerHello gives a key with it.
        if (out.has_selected_group || extension.data.size() < 2) break;
        out.has_selected_group = true;
        out.selected_group = in.u16();
        break;
      case tls_extension::alpn: {
        if (!out.alpn.empty()) break;
        Cursor list = in.sub(in.u16());
        Bytes protocol = list.take(list.u8());
        if (!list.failed()) out.alpn = as_text(protocol);
        break;
      }
      case tls_extension::pre_shared_key:
        out.has_pre_shared_key = true;
        break;
      case tls_extension::session_ticket:
        out.has_session_ticket = true;
        break;
      case tls_extension::extended_master_secret:
        out.has_extended_master_secret = true;
        break;
      case tls_extension::encrypt_then_mac:
        out.has_encrypt_then_mac = true;
        break;
      default:
        break;
    }
  }
}

}  // namespace

Reason parse_server_hello(Bytes body, uint32_t declared_length, HelloTransport transport,
                          ServerHello& out) {
  out = ServerHello{};
  out.transport = transport;
  const bool all_there = body.size() >= declared_length;
  const Reason ended = all_there ? Reason::malformed_server_hello : Reason::truncated;
  Cursor in(all_there ? body.first(declared_length) : body);

  out.legacy_version = in.u16();
  out.random = in.take(32);
  const bool early_draft = out.legacy_version >= 0x7f00 && out.legacy_version <= 0x7f15;
  if (!early_draft) out.session_id = in.take(in.u8());
  out.cipher_suite = in.u16();
  if (!early_draft) out.compression_method = in.u8();
  if (in.failed()) {
    out.cipher_suite = 0;
    return ended;
  }
  out.hello_retry_request = std::ranges::equal(out.random, retry_random);
  if (out.session_id.size() > 32) return Reason::malformed_server_hello;
  out.complete = all_there;
  if (in.empty()) {
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
    return Reason::malformed_server_hello;
  out.well_formed = true;
  return Reason::ok;
}

Reason parse_server_hello(const HandshakeMessage& message, ServerHello& out) {
  if (message.type != tls_handshake::server_hello) {
    out = ServerHello{};
    return Reason::not_this_protocol;
  }
  return parse_server_hello(message.body, message.length, HelloTransport::tls, out);
}

}  // namespace handprint
