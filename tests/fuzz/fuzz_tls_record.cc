// SPDX-License-Identifier: Apache-2.0
// Any bytes as one direction of a TLS connection: every message is read, and every promise of
// needed() is checked.
#include "fingerprint/client_hello.h"
#include "fingerprint/server_hello.h"
#include "fingerprint/tls_record.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes stream(data, size);
  TlsHandshakeReader reader(stream, fuzz::workspace());
  HandshakeMessage message;
  Reason reason = Reason::ok;
  for (size_t messages = 0; (reason = reader.next(message)) == Reason::ok; ++messages) {
    if (!message.complete() || messages > size) std::abort();
    ClientHello client;
    parse_client_hello(message, client);
    ServerHello server;
    parse_server_hello(message, server);
  }
  if (reader.position() > size) std::abort();
  if (reason == Reason::need_more && reader.needed() == 0) std::abort();
  const uint32_t needed = reader.needed();
  HandshakeMessage again;
  if (reader.next(again) != reason || reader.needed() != needed) std::abort();
  (void)begins_like_client_hello(stream);
  (void)begins_like_server_hello(stream);
  (void)begins_like_sslv2_hello(stream);
  return 0;
}
