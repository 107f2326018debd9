// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of a ClientHello. The first byte chooses transport and whether it is cut.
#include "fingerprint/client_hello.h"
#include "fingerprint/ja3.h"
#include "fingerprint/ja4.h"
#include "fingerprint/mercury_tls.h"
#include "fingerprint/pmercury_tls.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Bytes body(data + 1, size - 1);
  const uint32_t declared = static_cast<uint32_t>(body.size()) + (data[0] >> 4);
  const auto transport = static_cast<HelloTransport>(data[0] % 3);
  ClientHello hello;
  if ((data[0] & 8) != 0) {
    HandshakeMessage message;
    message.type = tls_handshake::client_hello;
    message.length = declared;
    message.body = body;
    message.sslv2 = true;
    parse_client_hello(message, hello);
  } else {
    parse_client_hello(body, declared, transport, hello);
  }
  const bool whole = hello.complete && !hello.sslv2;
  for (std::string_view protocol : ProtocolNameList(hello.alpn)) (void)protocol.size();
  for (KeyShare share : KeyShareList(hello.key_shares)) (void)share.key.size();
  fuzz::try_writer([&](Text& out) { return write_ja3_string(hello, out); }, whole);
  fuzz::try_writer([&](Text& out) { return write_ja3(hello, fuzz::workspace(), out); }, whole);
  for (Ja4Form form : {Ja4Form::ja4, Ja4Form::ja4_r, Ja4Form::ja4_o, Ja4Form::ja4_ro, Ja4Form::stable})
    fuzz::try_writer([&](Text& out) { return write_ja4(hello, form, fuzz::workspace(), out); },
                     whole);
  for (MercuryOrder order : {MercuryOrder::wire, MercuryOrder::sorted, MercuryOrder::filtered})
    fuzz::try_writer([&](Text& out) { return write_mercury_tls(hello, order, fuzz::workspace(), out); }, whole);
  fuzz::try_writer([&](Text& out) { return write_pmercury_tls(hello, Cut::refuse, out); }, whole);
  fuzz::try_writer([&](Text& out) { return write_pmercury_tls(hello, Cut::accept, out); }, true);
  return 0;
}
