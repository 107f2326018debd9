// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of a ServerHello. The first byte chooses how much of it is cut off.
#include "fingerprint/ja3.h"
#include "fingerprint/pmercury_tls.h"
#include "fingerprint/server_hello.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Bytes body(data + 1, size - 1);
  ServerHello hello;
  parse_server_hello(body, static_cast<uint32_t>(body.size()) + (data[0] >> 4),
                     static_cast<HelloTransport>(data[0] % 3), hello);
  fuzz::try_writer([&](Text& out) { return write_ja3s_string(hello, out); }, hello.complete);
  fuzz::try_writer([&](Text& out) { return write_ja3s(hello, fuzz::workspace(), out); },
                   hello.complete);
  fuzz::try_writer([&](Text& out) { return write_pmercury_tls_server(hello, Cut::refuse, out); },
                   hello.complete);
  fuzz::try_writer([&](Text& out) { return write_pmercury_tls_server(hello, Cut::accept, out); },
                   true);
  return 0;
}
