// SPDX-License-Identifier: Apache-2.0
// Any bytes as a DTLS datagram; whole hellos in it are read and written.
#include "fingerprint/client_hello.h"
#include "fingerprint/dtls_record.h"
#include "fingerprint/mercury_tls.h"
#include "fingerprint/server_hello.h"
#include "fingerprint/tls_record.h"
#include "fuzz_room.h"

using namespace handprint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  DtlsFragmentReader reader(Bytes(data, size));
  DtlsFragment fragment;
  size_t given = 0;
  while (reader.next(fragment) == Reason::ok) {
    if (fragment.offset + fragment.data.size() > fragment.length) std::abort();
    if (++given > size) std::abort();
    if (!fragment.whole()) continue;
    if (fragment.type == tls_handshake::client_hello) {
      ClientHello hello;
      parse_client_hello(fragment.data, fragment.length, HelloTransport::dtls, hello);
      for (MercuryOrder order : {MercuryOrder::wire, MercuryOrder::sorted})
        fuzz::try_writer([&](Text& out) { return write_mercury_tls(hello, order, fuzz::workspace(), out); },
                         hello.complete);
    } else if (fragment.type == tls_handshake::server_hello) {
      ServerHello hello;
      parse_server_hello(fragment.data, fragment.length, HelloTransport::dtls, hello);
      fuzz::try_writer([&](Text& out) { return write_mercury_tls_server(hello, out); }, hello.complete);
    }
  }
  return 0;
}
