// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/quic_initial.h"

#include <gtest/gtest.h>

#include "quic_builder.h"

namespace handprint::test {
namespace {

const Buffer first_id = hex("8394c8f03e515708");

QuicInitialKeys keys_of(uint32_t version, QuicSide side) {
  QuicInitialKeys keys{};
  EXPECT_TRUE(derive_quic_initial_keys(quic_version(version), first_id, side, workspace().digests, keys));
  return keys;
}
template <class Array>
Buffer buffer(const Array& bytes) {
  return Buffer(bytes.begin(), bytes.end());
}

// RFC 9001 appendix A.1, RFC 9369 appendix A.1, draft-ietf-quic-tls-29 appendix A.1.
TEST(QuicInitialKeys, AreThoseOfTheStandards) {
  const QuicInitialKeys client = keys_of(1, QuicSide::client);
  EXPECT_EQ(buffer(client.secret), hex("c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea"));
  EXPECT_EQ(buffer(client.key), hex("1f369613dd76d5467730efcbe3b1a22d"));
  EXPECT_EQ(buffer(client.iv), hex("fa044b2f42a3fd3b46fb255c"));
  EXPECT_EQ(buffer(client.header), hex("9f50449e04a0e810283a1e9933adedd2"));
  const QuicInitialKeys server = keys_of(1, QuicSide::server);
  EXPECT_EQ(buffer(server.secret), hex("3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b"));
  EXPECT_EQ(buffer(server.key), hex("cf3a5331653c364c88f0f379b6067e37"));
  EXPECT_EQ(buffer(server.iv), hex("0ac1493ca1905853b0bba03e"));
  EXPECT_EQ(buffer(server.header), hex("c206b8d9b9f0f37644430b490eeaa314"));
  const QuicInitialKeys second = keys_of(0x6b3343cf, QuicSide::client);
  EXPECT_EQ(buffer(second.secret), hex("14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b"));
  EXPECT_EQ(buffer(second.key), hex("8b1a0bc121284290a29e0971b5cd045d"));
  EXPECT_EQ(buffer(second.iv), hex("91f73e2351d8fa91660e909f"));
  EXPECT_EQ(buffer(second.header), hex("45b95e15235d6f45a6b19cbcb0294ba9"));
  const QuicInitialKeys draft = keys_of(0xff00001d, QuicSide::client);
  EXPECT_EQ(buffer(draft.secret), hex("0088119288f1d866733ceeed15ff9d50902cf82952eee27e9d4d4918ea371d87"));
  EXPECT_EQ(buffer(draft.key), hex("175257a31eb09dea9366d8bb79ad80ba"));
  EXPECT_EQ(buffer(draft.iv), hex("6b26114b9cba2b63a9e8dd4f"));
  EXPECT_EQ(buffer(draft.header), hex("9ddd12c994c0698b89374a9c077a3077"));
}

TEST(QuicInitialKeys, ExistForKnownVersionsOnly) {
  QuicInitialKeys keys{};
  for (uint32_t version : {0u, 2u, 0xff000014u, 0xff000023u, 0x51303433u, 0x0a0a0a0au})
    EXPECT_FALSE(derive_quic_initial_keys(quic_version(version), first_id, QuicSide::client,
                                          workspace().digests, keys)) << version;
}

struct Opened {
  Reason reason;
  Buffer payload;
};
Opened open(const Buffer& datagram, QuicSide side = QuicSide::client, uint32_t version = 1) {
  static const auto opener = std::make_unique<QuicOpener>();
  QuicPacket packet;
  const Reason parsed = parse_quic_packet(datagram, packet);
  if (parsed != Reason::ok) return {parsed, {}};
  Bytes payload;
  const Reason reason = opener->open(packet, version, first_id, side, workspace().digests, payload);
  return {reason, Buffer(payload.begin(), payload.end())};
}

// RFC 9001 appendix A.2: header and first bytes of the protected packet.
TEST(QuicCipher, OpensTheClientsPacketOfTheStandard) {
  TestInitial initial;
  initial.fill = 1162;
  const Buffer packet = initial.sealed(crypto_frame(0, rfc9001_client_hello()));
  ASSERT_EQ(packet.size(), 1200u);
  EXPECT_EQ(prefix(packet, 38), hex("c000000001088394c8f03e5157080000449e7b9aec34"
                                    "d1b1c98dd7689fb8ec11d242b123dc9b"));
  const Opened opened = open(packet);
  EXPECT_EQ(opened.reason, Reason::ok);
  EXPECT_EQ(opened.payload.size(), 1162u);
  EXPECT_EQ(prefix(opened.payload, 245), crypto_frame(0, rfc9001_client_hello()));
}

// RFC 9001 appendix A.3, whole.
TEST(QuicCipher, OpensTheServersPacketOfTheStandard) {
  const Buffer packet = hex(
      "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554"
      "780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b"
      "562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee");
  const Opened opened = open(packet, QuicSide::server);
  ASSERT_EQ(opened.reason, Reason::ok);
  EXPECT_EQ(opened.payload, Builder().hex("0200000000").raw(crypto_frame(0, rfc9001_server_hello())).bytes());
  EXPECT_EQ(open(packet, QuicSide::client).reason, Reason::encrypted);
}

TEST(QuicCipher, OpensEveryKnownVersion) {
  for (uint32_t version : {1u, 0x6b3343cfu, 0xff000016u, 0xff000017u, 0xff00001cu, 0xff00001du,
                           0xff000020u, 0xff000021u, 0xff000022u, 0xfaceb001u, 0xfaceb002u,
                           0xfaceb00eu, 0x54303530u, 0x54303531u}) {
    TestInitial initial;
    initial.version = version;
    EXPECT_EQ(open(initial.sealed(Buffer(64, 1)), QuicSide::client, version).reason, Reason::ok) << version;
  }
}

TEST(QuicCipher, OpensPacketNumbersOfAnyLength) {
  for (int size = 1; size <= 4; ++size) {
    TestInitial initial;
    initial.number_size = size;
    initial.number = 0x7f;
    EXPECT_EQ(open(initial.sealed(Buffer(40, 0))).payload, Buffer(40, 0)) << size;
  }
}

TEST(QuicCipher, RefusesWhatWasChangedAnywhere) {
  const Buffer good = TestInitial{}.sealed(Buffer(20, 1));
  ASSERT_EQ(open(good).reason, Reason::ok);
  for (size_t i = 0; i < good.size(); ++i) {
    Buffer bad = good;
    bad[i] ^= 0x04;
    const Opened opened = open(bad);
    EXPECT_NE(opened.reason, Reason::ok) << i;
    EXPECT_TRUE(opened.payload.empty());
  }
}

TEST(QuicCipher, RefusesEveryPrefix) {
  const Buffer good = TestInitial{}.sealed(Buffer(20, 1));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_EQ(open(prefix(good, n)).reason, Reason::truncated) << n;
}

TEST(QuicCipher, RefusesHeadersThatAreTooLong) {
  TestInitial initial;
  initial.token = Buffer(3000, 1);
  EXPECT_EQ(open(initial.sealed(Buffer(20, 1))).reason, Reason::too_long);
}

}  // namespace
}  // namespace handprint::test
