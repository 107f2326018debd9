// SPDX-License-Identifier: Apache-2.0
// DTLS through the engine: fragments, HelloVerifyRequest, both hellos.
#include "fixture.h"
#include "tests/unit/fingerprint/dtls_builder.h"

namespace handprint::test {
namespace {

class EngineDtls : public EngineTest {
 protected:
  static Buffer hello(const Buffer& cookie, unsigned random = 0xaa) {
    TestClientHello made;
    made.version = 0xfefd;
    made.session_id = {};
    made.suites = values16({0xc02b, 0xc02f});
    Builder block;
    for (const TestExtension& extension : {TestExtension{0x000a, list16({0x001d})}, TestExtension{0x000d, list16({0x0403})},
                                           TestExtension{0x0000, hex("000f 00 000c 64746c732e6578616d706c65")}})
      block.u16(extension.type).with_u16(extension.data);
    return Builder().u16(made.version).fill(32, random).u8(0).with_u8(cookie).with_u16(made.suites).hex("0100").with_u16(block);
  }
  static Buffer server() {
    return Builder().u16(0xfefd).fill(32, 0xbb).u8(0).u16(0xc02b).u8(0).with_u16(hex("0017 0000"));
  }
  static Buffer verify() { return Builder().u16(0xfeff).with_u8(Buffer(20, 7)); }
  void datagram(const Conversation& c, bool from_client, const Buffer& bytes) {
    Packet packet = packet_of(c, from_client);
    packet.protocol = protocol_udp;
    packet.flags = 0;
    packet.payload = bytes;
    packet.payload_length = static_cast<uint32_t>(bytes.size());
    feed(packet, HP_CONTENT_DTLS);
  }
  static constexpr const char* string = "(fefd)(c02bc02f)((000a00040002001d)(000d000400020403)(0000))";
};

TEST_F(EngineDtls, BothHellosGiveOneDocument) {
  Conversation c;
  datagram(c, true, dtls_record(22, dtls_message(1, 0, hello({}))));
  datagram(c, false, dtls_record(22, dtls_message(3, 0, verify())));
  datagram(c, true, dtls_record(22, dtls_message(1, 1, hello(Buffer(20, 7)))));
  EXPECT_EQ(count(), 0u) << "a HelloVerifyRequest is not the server's hello";
  datagram(c, false, dtls_record(22, dtls_message(2, 1, server()), 0xfefd));
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  EXPECT_EQ(protocols(d), "DTLS");
  EXPECT_EQ(count(d, Kind::ja4), 1) << "the second hello is the first with a cookie";
  EXPECT_TRUE(text(d, Kind::ja4).starts_with("dd2d020300_")) << text(d, Kind::ja4);
  EXPECT_EQ(text(d, Kind::dtls), string);
  EXPECT_EQ(text(d, Kind::dtls_server), "(fefd)(c02b)((0017))");
  EXPECT_EQ(text(d, Kind::ja3_string), "65277,49195-49199,10-13-0,29,");
  EXPECT_EQ(text(d, Kind::ja3s_string), "65277,49195,23");
  EXPECT_EQ(text(d, Kind::tls), "");
  ASSERT_NE(d.tls_client, nullptr);
  EXPECT_EQ(d.tls_client->server_name, "dtls.example");
  ASSERT_NE(d.tls_server, nullptr);
  EXPECT_EQ(d.tls_server->version, 0xfefd);
  EXPECT_EQ(d.tls_client_retry, nullptr);
}

TEST_F(EngineDtls, TheSecondHelloServesWhereTheFirstWasNotSeen) {
  Conversation c;
  datagram(c, true, dtls_record(22, dtls_message(1, 1, hello(Buffer(20, 7)))));
  finish();
  EXPECT_EQ(text(document(), Kind::dtls), string);
}

TEST_F(EngineDtls, FragmentsComeInAnyOrder) {
  const Buffer body = hello({});
  for (size_t cut = 1; cut < body.size(); cut += 5) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(41000 + cut);
    for (int turn = 0; turn < 2; ++turn)  // and twice
      datagram(c, true, dtls_record(22, dtls_fragment(1, 0, body, cut, body.size())));
    EXPECT_EQ(engine().counters().duplicates, cut == 1 ? 1u : engine().counters().duplicates);
    datagram(c, true, dtls_record(22, dtls_fragment(1, 0, body, 0, cut)));
    datagram(c, false, dtls_record(22, dtls_message(2, 0, server())));
    ASSERT_EQ(count(), 1u) << cut;
    EXPECT_EQ(text(document(), Kind::dtls), string) << cut;
    EXPECT_EQ(incomplete(document()), "");
    collector.documents.clear();
  }
}

TEST_F(EngineDtls, FragmentsOfOneDatagramAndOverlapsCount) {
  const Buffer body = hello({});
  Conversation c;
  datagram(c, true, dtls_record(22, dtls_fragment(1, 0, body, 0, 40) + dtls_fragment(1, 0, body, 20, 60)) +
                        dtls_record(22, dtls_fragment(1, 0, body, 50, body.size())));
  finish();
  EXPECT_EQ(text(document(), Kind::dtls), string);
}

TEST_F(EngineDtls, AMissingFragmentIsSaid) {
  const Buffer body = hello({});
  Conversation c;
  datagram(c, true, dtls_record(22, dtls_fragment(1, 0, body, 10, body.size())));
  datagram(c, false, dtls_record(22, dtls_message(2, 0, server())));
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(text(document(), Kind::dtls), "");
  EXPECT_EQ(incomplete(document()), "dtls.client:stream-gap");
  expect_all_written();
}

TEST_F(EngineDtls, MalformedBytesGiveAReason) {
  Conversation c;
  datagram(c, true, hex("16 feff 0000 000000000000 ffff 01 000000"));
  finish();
  EXPECT_EQ(incomplete(document()), "dtls.client:malformed-dtls");
  collector.documents.clear();
  c.client_port = 41000;
  datagram(c, true, dtls_record(22, dtls_message(1, 0, hex("fefd 00"))));
  finish();
  EXPECT_EQ(incomplete(document()), "dtls.client:malformed-client-hello");
}

}  // namespace
}  // namespace handprint::test
