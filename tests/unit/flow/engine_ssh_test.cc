// SPDX-License-Identifier: Apache-2.0
// SSH through the engine: both sides, any segmentation.
#include "fixture.h"
#include "tests/unit/fingerprint/ssh_builder.h"

namespace handprint::test {
namespace {

class EngineSsh : public EngineTest {
 protected:
  const Buffer client = text_bytes("SSH-2.0-OpenSSH_9.9 x\r\n") + TestKexInit{}.packet();
  const Buffer server = text_bytes("SSH-2.0-dropbear_2024\n") + server_kex_init().packet();

  void expect_all(const Document& d) {
    EXPECT_EQ(protocols(d), "SSH");
    ASSERT_NE(d.ssh_client, nullptr);
    ASSERT_NE(d.ssh_server, nullptr);
    EXPECT_EQ(d.ssh_client->banner, "SSH-2.0-OpenSSH_9.9 x");
    EXPECT_EQ(d.ssh_server->banner, "SSH-2.0-dropbear_2024");
    EXPECT_EQ(d.ssh_client->lists[1], "ssh-ed25519,rsa-sha2-512");
    ASSERT_NE(d.ssh_agreement, nullptr);
    EXPECT_EQ(d.ssh_agreement->kex, "mlkem768x25519-sha256");
    EXPECT_TRUE(d.ssh_agreement->strict_kex);
    EXPECT_EQ(text(d, Kind::hassh).size(), 32u);
    EXPECT_EQ(text(d, Kind::hassh_server).size(), 32u);
    EXPECT_NE(text(d, Kind::hassh), text(d, Kind::hassh_server));
    EXPECT_TRUE(text(d, Kind::ssh).starts_with("(5353482d322e302d4f70656e5353485f392e392078)"));
    EXPECT_TRUE(text(d, Kind::ssh_server).starts_with("(5353482d322e302d64726f70626561725f32303234)"));
    EXPECT_EQ(incomplete(d), "");
  }
};

TEST_F(EngineSsh, BothSidesGiveOneDocument) {
  Conversation c;
  c.server_port = 22;
  open(c);
  server_says(c, server);
  EXPECT_EQ(count(), 0u);
  client_says(c, client);
  ASSERT_EQ(count(), 1u);
  expect_all(document());
}

TEST_F(EngineSsh, SegmentationChangesNothing) {
  for (size_t cut : {size_t{1}, size_t{3}, size_t{24}, size_t{100}, client.size() - 1}) {
    Conversation c;
    c.client_port = static_cast<uint16_t>(41000 + cut);
    open(c);
    for (const auto& [bytes, from_client] : {std::pair{&client, true}, std::pair{&server, false}})
      for (size_t at = 0; at < bytes->size(); at += cut)
        bytes_at(c, from_client, static_cast<uint32_t>(at),
                 slice(*bytes, at, std::min(at + cut, bytes->size())));
    ASSERT_EQ(count(), 1u) << cut;
    expect_all(document());
    collector.documents.clear();
  }
}

TEST_F(EngineSsh, OrderChangesNothing) {
  Conversation c;
  open(c);
  const size_t half = client.size() / 2;
  bytes_at(c, true, static_cast<uint32_t>(half), slice(client, half, client.size()));
  bytes_at(c, true, 0, slice(client, 0, half));
  server_says(c, server);
  ASSERT_EQ(count(), 1u);
  expect_all(document());
}

TEST_F(EngineSsh, ABannerAloneIsWorthARecord) {
  Conversation c;
  open(c);
  client_says(c, slice(client, 0, 40));
  server_says(c, slice(server, 0, 22));
  finish();
  ASSERT_EQ(count(), 1u);
  const Document& d = document();
  ASSERT_NE(d.ssh_client, nullptr);
  ASSERT_NE(d.ssh_server, nullptr);
  EXPECT_EQ(d.ssh_client->banner, "SSH-2.0-OpenSSH_9.9 x");
  EXPECT_EQ(d.ssh_server->banner, "SSH-2.0-dropbear_2024");
  EXPECT_FALSE(d.ssh_client->key_exchange);
  EXPECT_EQ(d.ssh_agreement, nullptr);
  EXPECT_EQ(text(d, Kind::hassh), "");
  EXPECT_EQ(incomplete(d), "ssh.client:stream-end ssh.server:stream-end");
  expect_all_written();
}

TEST_F(EngineSsh, EveryPrefixGivesNothingOrTheSame) {
  Conversation whole;
  open(whole);
  client_says(whole, client);
  server_says(whole, server);
  const std::string expected = text(document(), Kind::hassh);
  for (size_t n = 1; n < client.size(); n += 7) {
    collector.documents.clear();
    Conversation c;
    c.client_port = static_cast<uint16_t>(42000 + n);
    open(c);
    client_says(c, slice(client, 0, n));
    server_says(c, server);
    wait(6 * second);
    ASSERT_EQ(count(), 1u) << n;
    EXPECT_EQ(text(document(), Kind::hassh), "") << n;
  }
}

TEST_F(EngineSsh, AnnouncementsTellTheClient) {
  Conversation c;
  c.client_port = 22;  // the guess by ports would be wrong
  c.server_port = 50000;
  client_says(c, client);
  server_says(c, server);
  finish();
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().client.port, 22);
  EXPECT_TRUE(document().client_certain);
}

TEST_F(EngineSsh, VersionOneHasOnlyItsBanner) {
  Conversation c;
  open(c);
  server_says(c, text_bytes("SSH-1.5-1.2.27\n"));
  client_says(c, text_bytes("SSH-1.5-old\n"));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(document().ssh_server->banner, "SSH-1.5-1.2.27");
  EXPECT_EQ(incomplete(document()), "");
}

TEST_F(EngineSsh, AnotherMessageIsMalformed) {
  Conversation c;
  open(c);
  client_says(c, text_bytes("SSH-2.0-x\r\n") + ssh_packet(hex("15")));
  server_says(c, server);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(incomplete(document()), "ssh.client:malformed-ssh");
  EXPECT_EQ(document().ssh_client->banner, "SSH-2.0-x");
}

}  // namespace
}  // namespace handprint::test
