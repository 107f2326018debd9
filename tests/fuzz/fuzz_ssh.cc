// SPDX-License-Identifier: Apache-2.0
// Any bytes as the start of an SSH stream, and the lists that it holds against each other.
#include "fingerprint/ssh.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes stream(data, size);
  SshBanner banner;
  size_t line = 0;
  if (parse_ssh_banner(stream, banner, line) != Reason::ok) return 0;
  if (line > size || banner.line.size() > line) std::abort();
  const Bytes packets = stream.subspan(line);
  SshKexInit kex;
  size_t needed = 0;
  const Reason reason = parse_ssh_kex_init(packets, kex, needed);
  // What is asked for must be more than what is there, else a stream would wait for ever.
  if (reason == Reason::need_more && needed <= packets.size()) std::abort();
  const bool whole = reason == Reason::ok;
  for (SshSide side : {SshSide::client, SshSide::server})
    fuzz::try_writer([&](Text& out) { return write_hassh(kex, side, fuzz::workspace(), out); }, true);
  fuzz::try_writer([&](Text& out) { return write_pmercury_ssh(banner, kex, out); }, true);
  fuzz::try_writer([&](Text& out) { return write_mercury_ssh(kex, out); }, true);
  if (!whole) return 0;
  const SshAgreement agreed = agree(kex.lists, kex.lists, kex.first_kex_follows);
  if (agreed.guess_wrong) std::abort();
  SshLists turned = kex.lists;
  for (size_t i = 0; i + 1 < turned.size(); i += 2) std::swap(turned[i], turned[i + 1]);
  const SshAgreement other = agree(kex.lists, turned, true);
  if (!other.cipher_to_server.empty() && !ssh_list_has(kex[SshList::cipher_to_server], other.cipher_to_server))
    std::abort();
  return 0;
}
