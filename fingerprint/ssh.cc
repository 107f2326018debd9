// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/ssh.h"

namespace handprint {
namespace {

constexpr size_t longest_banner = 255;      // RFC 4253 section 4.2
constexpr uint32_t longest_packet = 35000;  // section 6.1
constexpr uint8_t message_ignore = 2, message_debug = 4, message_kex_init = 20;

// The first name of a list; the list goes on behind it.
std::string_view next_name(std::string_view& list) {
  const size_t comma = list.find(',');
  const std::string_view name = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return name;
}

// Names that stand in the list of key exchanges and are none: they announce an extension
// (RFC 8308 section 2.1; OpenSSH PROTOCOL section 1.10).
bool announces(std::string_view name) {
  return name.starts_with("ext-info-") || name.starts_with("kex-strict-");
}

std::string_view first_common(std::string_view client, std::string_view server) {
  while (!client.empty()) {
    const std::string_view name = next_name(client);
    if (!name.empty() && !announces(name) && ssh_list_has(server, name)) return name;
  }
  return {};
}

// Ciphers that authenticate by themselves; the MAC lists then say nothing (RFC 5647 section 5.1,
// OpenSSH PROTOCOL sections 1.6 and 1.7).
bool authenticates(std::string_view cipher) {
  return cipher.starts_with("chacha20-poly1305") || cipher.find("-gcm") != std::string_view::npos ||
         cipher.starts_with("AEAD_");
}

std::string_view first_of(std::string_view list) { return list.substr(0, list.find(',')); }

}  // namespace

bool ssh_list_has(std::string_view list, std::string_view name) {
  while (!list.empty())
    if (next_name(list) == name) return true;
  return false;
}

bool ssh_kex_is_post_quantum(std::string_view name) {
  for (std::string_view part :
       {"mlkem", "sntrup", "kyber", "frodokem", "ntru", "classic-mceliece", "bike", "hqc", "saber"})
    if (name.find(part) != std::string_view::npos) return true;
  return false;
}

Reason parse_ssh_banner(Bytes stream, SshBanner& out, size_t& size) {
  constexpr std::string_view start = "SSH-";
  out = SshBanner{};
  size = 0;
  const std::string_view text = as_text(stream);
  const size_t known = text.size() < start.size() ? text.size() : start.size();
  if (text.substr(0, known) != start.substr(0, known)) return Reason::not_this_protocol;
  if (known < start.size()) return Reason::need_more;
  const size_t end = text.substr(0, longest_banner).find('\n');
  if (end == std::string_view::npos)
    return text.size() < longest_banner ? Reason::need_more : Reason::malformed_ssh;
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t dash = line.find('-', start.size());
  if (dash == std::string_view::npos || dash == start.size()) return Reason::malformed_ssh;
  out.line = line;
  out.version = line.substr(start.size(), dash - start.size());
  const std::string_view rest = line.substr(dash + 1);
  const size_t blank = rest.find(' ');
  out.software = rest.substr(0, blank);
  if (blank != std::string_view::npos) out.comment = rest.substr(blank + 1);
  size = end + 1;
  return Reason::ok;
}

Reason parse_ssh_kex_init(Bytes packets, SshKexInit& out, size_t& needed) {
  out = SshKexInit{};
  size_t at = 0;
  for (;;) {
    Cursor in(packets.subspan(at));
    const uint32_t length = in.u32();
    const uint8_t padding = in.u8();
    const uint8_t message = in.u8();
    if (in.failed()) {
      needed = at + 6;
      return Reason::need_more;
    }
    const bool sound = length >= 2 && length <= longest_packet && padding <= length - 2;
    if (!sound) return Reason::malformed_ssh;
    if (message == message_ignore || message == message_debug) {
      at += size_t{4} + length;
      if (at > packets.size()) {
        needed = at + 6;
        return Reason::need_more;
      }
      continue;
    }
    if (message != message_kex_init) return Reason::malformed_ssh;
    Cursor body = in.sub(length - 2 - padding);
    if (body.failed() || in.left() < padding) {
      needed = at + 4 + length;
      return Reason::need_more;
    }
    out.cookie = body.take(16);
    for (std::string_view& list : out.lists) list = as_text(body.take(body.u32()));
    out.first_kex_follows = body.u8() != 0;
    body.skip(4);
    if (!body.failed() && body.empty()) return Reason::ok;
    out = SshKexInit{};
    return Reason::malformed_ssh;
  }
}

Reason write_hassh(const SshKexInit& kex, SshSide side, Workspace& workspace, Text& out) {
  const bool client = side == SshSide::client;
  Text scratch(workspace.text);
  scratch.put(kex[SshList::kex]);
  scratch.put(';');
  scratch.put(kex[client ? SshList::cipher_to_server : SshList::cipher_to_client]);
  scratch.put(';');
  scratch.put(kex[client ? SshList::mac_to_server : SshList::mac_to_client]);
  scratch.put(';');
  scratch.put(kex[client ? SshList::compression_to_server : SshList::compression_to_client]);
  if (scratch.truncated()) return Reason::too_long;
  Md5 digest;
  if (!workspace.digests.md5(as_bytes(scratch.view()), digest)) return Reason::digest_unavailable;
  const size_t start = out.size();
  out.hex(digest);
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

Reason write_pmercury_ssh(const SshBanner& banner, const SshKexInit& kex, Text& out) {
  const size_t start = out.size();
  out.put('(');
  out.hex(banner.line);
  out.put(')');
  for (std::string_view list : kex.lists) {
    out.put('(');
    out.hex(list);
    out.put(')');
  }
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

Reason write_mercury_ssh(const SshKexInit& kex, Text& out) {
  const size_t start = out.size();
  for (std::string_view list : kex.lists) {
    out.put('(');
    out.hex(list);
    out.put(')');
  }
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

SshAgreement agree(const SshLists& client, const SshLists& server, bool guessed) {
  const auto common = [&](SshList list) {
    return first_common(client[static_cast<size_t>(list)], server[static_cast<size_t>(list)]);
  };
  const auto mac = [&](std::string_view cipher, SshList list) {
    return authenticates(cipher) ? std::string_view("implicit") : common(list);
  };
  const auto kex_of = [](const SshLists& lists) {
    return lists[static_cast<size_t>(SshList::kex)];
  };
  const auto host_key_of = [](const SshLists& lists) {
    return lists[static_cast<size_t>(SshList::host_key)];
  };
  SshAgreement out;
  out.kex = common(SshList::kex);
  out.host_key = common(SshList::host_key);
  out.cipher_to_server = common(SshList::cipher_to_server);
  out.cipher_to_client = common(SshList::cipher_to_client);
  out.mac_to_server = mac(out.cipher_to_server, SshList::mac_to_server);
  out.mac_to_client = mac(out.cipher_to_client, SshList::mac_to_client);
  out.compression_to_server = common(SshList::compression_to_server);
  out.compression_to_client = common(SshList::compression_to_client);
  out.strict_kex = ssh_list_has(kex_of(client), "kex-strict-c-v00@openssh.com") &&
                   ssh_list_has(kex_of(server), "kex-strict-s-v00@openssh.com");
  out.post_quantum = ssh_kex_is_post_quantum(out.kex);
  // A guess is right when both sides put the same methods first.
  out.guess_wrong = guessed && (first_of(kex_of(client)) != first_of(kex_of(server)) ||
                                first_of(host_key_of(client)) != first_of(host_key_of(server)));
  return out;
}

}  // namespace handprint
