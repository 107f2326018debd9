// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"

namespace handprint {

// The identification line that opens an SSH stream (RFC 4253 section 4.2). Views into the stream.
struct SshBanner {
  std::string_view line;      // without its line end: "SSH-2.0-OpenSSH_9.6 comment"
  std::string_view version;   // "2.0"
  std::string_view software;  // "OpenSSH_9.6"
  std::string_view comment;   // what stands behind the first blank; "" for none
  // Protocol 2 is spoken; "1.99" is a server that would speak 1 as well (RFC 4253 section 5.1).
  bool version_2() const { return version == "2.0" || version == "1.99"; }
};

// Reads the line from the start of a stream. `size`: its bytes with the line end.
//   ok, need_more        the line end is not there yet
//   not_this_protocol    the stream does not begin with "SSH-"
//   malformed_ssh        no line end within 255 bytes, or no version and software in it
Reason parse_ssh_banner(Bytes stream, SshBanner& out, size_t& size);

// The name-lists of a KEXINIT in its order (RFC 4253 section 7.1).
enum class SshList : uint8_t {
  kex,
  host_key,
  cipher_to_server,
  cipher_to_client,
  mac_to_server,
  mac_to_client,
  compression_to_server,
  compression_to_client,
  language_to_server,
  language_to_client,
};
inline constexpr size_t ssh_list_count = 10;
using SshLists = std::array<std::string_view, ssh_list_count>;

// What one side offers. Lists are as sent: names joined by commas, pseudo-algorithms included.
struct SshKexInit {
  Bytes cookie;  // 16 bytes
  SshLists lists{};
  bool first_kex_follows = false;  // a guessed key exchange message comes next

  std::string_view operator[](SshList list) const { return lists[static_cast<size_t>(list)]; }
};

// Reads KEXINIT from `packets`, the bytes behind the banner. IGNORE and DEBUG messages in front of
// it are stepped over (RFC 4253 section 11).
//   ok             `out` holds it
//   need_more      `needed` bytes, counted from the start of `packets`, are wanted at least
//   malformed_ssh  no binary packet, another message, or lists that do not fill it
Reason parse_ssh_kex_init(Bytes packets, SshKexInit& out, size_t& needed);

// Who sent the lists: each side's fingerprint is made of the direction that it sends in.
enum class SshSide : uint8_t { client, server };

// HASSH and HASSHServer (Salesforce 2018): MD5 of "kex;ciphers;macs;compressions", as sent.
Reason write_hassh(const SshKexInit& kex, SshSide side, Workspace& workspace, Text& out);
// pmercury's string: "(banner)(kex)(host key)…", eleven leaves in hexadecimal.
Reason write_pmercury_ssh(const SshBanner& banner, const SshKexInit& kex, Text& out);

// mercury's string, without the prefix "ssh/" or "ssh_server/": the ten lists, and not the banner. too_long
// when `out` has no room.
Reason write_mercury_ssh(const SshKexInit& kex, Text& out);

// What two KEXINITs agree on (RFC 4253 section 7.1): in each list the client's first name that the
// server has too; "" where they have none in common. Names are views of the client's lists. That a
// key exchange may ask for a certain capability of the host key is not looked at: every method in
// use wants one that signs, and all host keys in use do.
struct SshAgreement {
  std::string_view kex, host_key;
  std::string_view cipher_to_server, cipher_to_client;
  std::string_view mac_to_server, mac_to_client;  // "implicit" with a cipher that authenticates
  std::string_view compression_to_server, compression_to_client;
  bool strict_kex = false;    // both sides offer it (OpenSSH PROTOCOL section 1.10)
  bool post_quantum = false;  // of the key exchange
  bool guess_wrong = false;   // a side guessed the key exchange, and the guess is to be dropped
};
SshAgreement agree(const SshLists& client, const SshLists& server, bool guessed);

// The list holds this name.
bool ssh_list_has(std::string_view list, std::string_view name);
// Whether a key exchange method holds against a quantum computer, told by its name.
bool ssh_kex_is_post_quantum(std::string_view name);

}  // namespace handprint
