// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "builder.h"

namespace handprint::test {

// A binary packet without MAC (RFC 4253 section 6).
inline Buffer ssh_packet(const Buffer& payload, unsigned padding = 6) {
  return Builder().u32(payload.size() + padding + 1).u8(padding).raw(payload).fill(padding, 0x77);
}

struct TestKexInit {
  std::vector<std::string_view> lists = {
      "mlkem768x25519-sha256,curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com",
      "ssh-ed25519,rsa-sha2-512",
      "chacha20-poly1305@openssh.com,aes128-ctr",
      "aes128-ctr,chacha20-poly1305@openssh.com",
      "umac-64-etm@openssh.com,hmac-sha2-256",
      "hmac-sha2-512,hmac-sha2-256",
      "none,zlib@openssh.com",
      "none",
      "",
      "",
  };
  bool follows = false;

  Buffer payload() const {
    Builder out;
    out.u8(20).fill(16, 0xcc);
    for (std::string_view list : lists) out.u32(list.size()).text(list);
    out.u8(follows ? 1 : 0).u32(0);
    return out;
  }
  Buffer packet() const { return ssh_packet(payload()); }
};

inline TestKexInit server_kex_init() {
  TestKexInit kex;
  kex.lists = {"curve25519-sha256,mlkem768x25519-sha256,ext-info-s,kex-strict-s-v00@openssh.com",
               "rsa-sha2-512,ssh-ed25519",
               "aes128-ctr,chacha20-poly1305@openssh.com",
               "aes128-ctr",
               "hmac-sha2-256,umac-64-etm@openssh.com",
               "hmac-sha2-256",
               "none,zlib@openssh.com",
               "none",
               "",
               ""};
  return kex;
}

}  // namespace handprint::test
