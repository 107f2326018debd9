// SPDX-License-Identifier: Apache-2.0
// The library allocates nothing while it reads packets and writes strings.
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <cstdlib>
#include <new>

#include "builder.h"
#include "fingerprint/client_hello.h"
#include "fingerprint/http_request.h"
#include "fingerprint/ja3.h"
#include "fingerprint/ja4.h"
#include "fingerprint/mercury_tls.h"
#include "fingerprint/packet.h"
#include "fingerprint/pmercury_tls.h"
#include "fingerprint/server_hello.h"
#include "fingerprint/ssh.h"
#include "fingerprint/tcp_handshake.h"
#include "quic_builder.h"
#include "ssh_builder.h"

// A sanitizer has an allocator of its own; GCC and clang say so in different ways.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(thread_sanitizer)
#define HP_COUNTS_ALLOCATIONS 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HP_COUNTS_ALLOCATIONS 0
#endif
#ifndef HP_COUNTS_ALLOCATIONS
#define HP_COUNTS_ALLOCATIONS 1
#endif

#if HP_COUNTS_ALLOCATIONS
namespace {
unsigned long allocations = 0;
}
// Stands in front of the C library's, and so also counts what libcrypto asks for.
extern "C" void* malloc(size_t size) {
  using Malloc = void* (*)(size_t);
  static const Malloc next = reinterpret_cast<Malloc>(dlsym(RTLD_NEXT, "malloc"));
  ++allocations;
  return next(size);
}

namespace handprint::test {
namespace {

TEST(Allocation, NoneOnThePacketPath) {
  Workspace& scratch = workspace();
  const Buffer stream = record(22, handshake(1, browser_hello().body()));
  const Buffer frame = ethernet(
      0x0800, TestIpv4{}.around(TestTcp{.options = linux_options(), .payload = stream}.bytes()));
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  static std::array<char, 8192> room;
  static HttpRequest request;
  Packet packet;
  TcpHandshake facts;
  ClientHello hello;
  HandshakeMessage message;
  auto run = [&] {
    bool good = decode_packet(link_type::ethernet, frame, 0, packet) == Reason::ok;
    TlsHandshakeReader reader(packet.payload, scratch);
    good = good && parse_tcp_handshake(packet, facts) == Reason::ok;
    good = good && reader.next(message) == Reason::ok &&
           parse_client_hello(message, hello) == Reason::ok;
    Text out(room);
    good = good && write_pmercury_tcp(facts, out) == Reason::ok &&
           write_muonfp(facts, out) == Reason::ok && write_p0f(facts, 0, out) == Reason::ok &&
           write_pmercury_tls(hello, Cut::refuse, out) == Reason::ok &&
           write_ja3(hello, scratch, out) == Reason::ok;
    for (Ja4Form form : {Ja4Form::ja4, Ja4Form::ja4_r, Ja4Form::ja4_o, Ja4Form::ja4_ro})
      good = good && write_ja4(hello, form, scratch, out) == Reason::ok;
    return good && parse_http_request(as_bytes(head), request) == Reason::ok &&
           write_pmercury_http(request, Cut::refuse, out) == Reason::ok;
  };
  ASSERT_TRUE(run());
  const unsigned long before = allocations;
  ASSERT_GT(before, 0ul) << "the counter counts";
  bool good = true;
  for (int i = 0; i < 100; ++i) good = run() && good;
  const unsigned long after = allocations;
  EXPECT_TRUE(good);
  EXPECT_EQ(after - before, 0ul);
}

TEST(Allocation, NoneForQuicAndSsh) {
  Workspace& scratch = workspace();
  static QuicOpener opener;
  TestInitial initial;
  initial.fill = 1162;
  const Buffer first = initial.sealed(crypto_frame(0, rfc9001_client_hello()));
  initial.key_id = initial.destination = hex("0102030405060708");
  const Buffer second = initial.sealed(crypto_frame(0, rfc9001_client_hello()));
  Buffer changed = second;
  changed.back() ^= 1;
  const Buffer kex_packet = TestKexInit{}.packet();
  static std::array<char, 8192> room;
  auto run = [&] {
    bool good = true;
    for (const Buffer* datagram : {&first, &second}) {
      QuicPacket packet;
      Bytes payload;
      good = good && parse_quic_packet(*datagram, packet) == Reason::ok &&
             opener.open(packet, 1, packet.destination_id, QuicSide::client, scratch.digests, payload) == Reason::ok;
      QuicFrameReader reader(payload);
      QuicCrypto frame;
      ClientHello hello;
      good = good && reader.next(frame) == Reason::ok;
      if (!good) return false;
      const Bytes body = frame.data.subspan(4);
      Text out(room);
      good = parse_client_hello(body, static_cast<uint32_t>(body.size()), HelloTransport::quic, hello) == Reason::ok &&
             write_mercury_quic(hello, 1, MercuryOrder::sorted, scratch, out) == Reason::ok;
    }
    QuicPacket packet;
    Bytes payload;
    good = good && parse_quic_packet(changed, packet) == Reason::ok &&
           opener.open(packet, 1, packet.destination_id, QuicSide::client, scratch.digests, payload) == Reason::encrypted;
    SshKexInit kex;
    size_t needed = 0;
    Text out(room);
    return good && parse_ssh_kex_init(kex_packet, kex, needed) == Reason::ok &&
           write_hassh(kex, SshSide::client, scratch, out) == Reason::ok;
  };
  ASSERT_TRUE(run());
  const unsigned long before = allocations;
  bool good = true;
  for (int i = 0; i < 100; ++i) good = run() && good;
  const unsigned long after = allocations;
  EXPECT_TRUE(good);
  EXPECT_EQ(after - before, 0ul);
}

}  // namespace
}  // namespace handprint::test
#endif
