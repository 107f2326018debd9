// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/ssh.h"

#include <gtest/gtest.h>

#include "ssh_builder.h"

namespace handprint::test {
namespace {

Buffer line(std::string_view text) { return Builder().text(text); }

TEST(SshBanner, IsReadToItsLineEnd) {
  SshBanner banner;
  size_t size = 0;
  const Buffer bytes = line("SSH-2.0-OpenSSH_9.6p1 Debian-1 x\r\nrest");
  ASSERT_EQ(parse_ssh_banner(bytes, banner, size), Reason::ok);
  EXPECT_EQ(banner.line, "SSH-2.0-OpenSSH_9.6p1 Debian-1 x");
  EXPECT_EQ(banner.version, "2.0");
  EXPECT_EQ(banner.software, "OpenSSH_9.6p1");
  EXPECT_EQ(banner.comment, "Debian-1 x");
  EXPECT_EQ(size, bytes.size() - 4);
  EXPECT_TRUE(banner.version_2());
  const Buffer both = line("SSH-1.99-dropbear_2020\n"), old = line("SSH-1.5-old\n");
  ASSERT_EQ(parse_ssh_banner(both, banner, size), Reason::ok);
  EXPECT_EQ(banner.line, "SSH-1.99-dropbear_2020") << "a line feed alone ends it too";
  EXPECT_TRUE(banner.version_2());
  ASSERT_EQ(parse_ssh_banner(old, banner, size), Reason::ok);
  EXPECT_FALSE(banner.version_2());
}

TEST(SshBanner, WaitsAndRefuses) {
  SshBanner banner;
  size_t size = 0;
  const Buffer bytes = line("SSH-2.0-x\r\n");
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_EQ(parse_ssh_banner(prefix(bytes, n), banner, size), Reason::need_more) << n;
  EXPECT_EQ(parse_ssh_banner(line("HTTP/1.1 200"), banner, size), Reason::not_this_protocol);
  EXPECT_EQ(parse_ssh_banner(line("SSH-2.0\r\n"), banner, size), Reason::malformed_ssh);
  EXPECT_EQ(parse_ssh_banner(line("SSH--x\r\n"), banner, size), Reason::malformed_ssh);
  EXPECT_EQ(parse_ssh_banner(line("SSH-2.0-" + std::string(300, 'a')), banner, size), Reason::malformed_ssh);
}

TEST(SshKexInit, IsReadListByList) {
  SshKexInit kex;
  size_t needed = 0;
  TestKexInit made;
  made.follows = true;
  const Buffer packet = made.packet();
  ASSERT_EQ(parse_ssh_kex_init(packet, kex, needed), Reason::ok);
  for (size_t i = 0; i < ssh_list_count; ++i) EXPECT_EQ(kex.lists[i], made.lists[i]) << i;
  EXPECT_TRUE(kex.first_kex_follows);
  EXPECT_EQ(kex.cookie.size(), 16u);
}

TEST(SshKexInit, AsksForExactlyWhatIsMissing) {
  SshKexInit kex;
  const Buffer packet = TestKexInit{}.packet();
  for (size_t n = 0; n < packet.size(); ++n) {
    size_t needed = 0;
    ASSERT_EQ(parse_ssh_kex_init(prefix(packet, n), kex, needed), Reason::need_more) << n;
    EXPECT_EQ(needed, n < 6 ? 6 : packet.size()) << n;
  }
}

TEST(SshKexInit, MayStandBehindDebugMessages) {
  SshKexInit kex;
  size_t needed = 0;
  const Buffer noise = ssh_packet(Builder().u8(2).u32(3).text("abc"));
  const Buffer bytes = Builder().raw(noise).raw(noise).raw(TestKexInit{}.packet());
  EXPECT_EQ(parse_ssh_kex_init(bytes, kex, needed), Reason::ok);
  EXPECT_EQ(parse_ssh_kex_init(prefix(bytes, noise.size() + 3), kex, needed), Reason::need_more);
}

TEST(SshKexInit, RefusesWhatContradictsItself) {
  SshKexInit kex;
  size_t needed = 0;
  const Buffer payload = TestKexInit{}.payload();
  EXPECT_EQ(parse_ssh_kex_init(ssh_packet(prefix(payload, payload.size() - 1)), kex, needed), Reason::malformed_ssh);
  EXPECT_TRUE(kex[SshList::kex].empty());
  EXPECT_EQ(parse_ssh_kex_init(ssh_packet(Builder().raw(payload).u8(0)), kex, needed), Reason::malformed_ssh);
  EXPECT_EQ(parse_ssh_kex_init(ssh_packet(hex("15")), kex, needed), Reason::malformed_ssh);
  EXPECT_EQ(parse_ssh_kex_init(hex("ffffffff 06 14"), kex, needed), Reason::malformed_ssh);
  EXPECT_EQ(parse_ssh_kex_init(hex("00000010 ff 14"), kex, needed), Reason::malformed_ssh);
}

SshKexInit parsed(const TestKexInit& made) {
  static std::vector<Buffer> kept;
  kept.reserve(64);
  kept.push_back(made.packet());
  SshKexInit kex;
  size_t needed = 0;
  EXPECT_EQ(parse_ssh_kex_init(kept.back(), kex, needed), Reason::ok);
  return kex;
}

TEST(Hassh, TakesTheDirectionThatASideSendsIn) {
  TestKexInit made;
  made.lists = {"k", "h", "ec", "es", "mc", "ms", "cc", "cs", "", ""};
  const SshKexInit kex = parsed(made);
  // MD5 of "k;ec;mc;cc" and "k;es;ms;cs", by md5sum.
  EXPECT_EQ(written([&](Text& out) { return write_hassh(kex, SshSide::client, workspace(), out); }),
            "ba7bcc61072b89a905e69eecc52631c6");
  EXPECT_EQ(written([&](Text& out) { return write_hassh(kex, SshSide::server, workspace(), out); }),
            "8640d7f51fd0a6d6f1a94a6c4f03f4ea");
  EXPECT_EQ(written([&](Text& out) { return write_hassh(kex, SshSide::server, workspace(), out); }, 31), "<too-long>");
}

TEST(PmercurySsh, HasElevenLeaves) {
  TestKexInit made;
  made.lists = {"k", "h", "a", "b", "c", "d", "e", "f", "", "z"};
  const SshKexInit kex = parsed(made);
  SshBanner banner;
  banner.line = "SSH-2.0-x";
  const std::string expected = "(5353482d322e302d78)(6b)(68)(61)(62)(63)(64)(65)(66)()(7a)";
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_ssh(banner, kex, out); }), expected);
  EXPECT_EQ(written([&](Text& out) { return write_pmercury_ssh(banner, kex, out); }, expected.size() - 1), "<too-long>");
}

TEST(SshAgreement, TakesTheClientsFirstThatTheServerHas) {
  const SshKexInit client = parsed(TestKexInit{}), server = parsed(server_kex_init());
  const SshAgreement agreed = agree(client.lists, server.lists, false);
  EXPECT_EQ(agreed.kex, "mlkem768x25519-sha256");
  EXPECT_EQ(agreed.host_key, "ssh-ed25519");
  EXPECT_EQ(agreed.cipher_to_server, "chacha20-poly1305@openssh.com");
  EXPECT_EQ(agreed.mac_to_server, "implicit") << "the cipher authenticates";
  EXPECT_EQ(agreed.cipher_to_client, "aes128-ctr");
  EXPECT_EQ(agreed.mac_to_client, "hmac-sha2-256");
  EXPECT_EQ(agreed.compression_to_server, "none");
  EXPECT_TRUE(agreed.strict_kex);
  EXPECT_TRUE(agreed.post_quantum);
  EXPECT_FALSE(agreed.guess_wrong);
  EXPECT_TRUE(agree(client.lists, server.lists, true).guess_wrong) << "the first names differ";
  EXPECT_FALSE(agree(client.lists, client.lists, true).guess_wrong);
}

TEST(SshAgreement, SaysNothingWhereThereIsNone) {
  TestKexInit other = server_kex_init();
  other.lists[0] = "ext-info-c,diffie-hellman-group14-sha1";
  other.lists[1] = "ssh-dss";
  other.lists[4] = "hmac-md5";
  const SshKexInit client = parsed(TestKexInit{}), server = parsed(other);
  const SshAgreement agreed = agree(client.lists, server.lists, false);
  EXPECT_EQ(agreed.kex, "") << "an announcement is no method, whoever repeats it";
  EXPECT_EQ(agreed.host_key, "");
  EXPECT_FALSE(agreed.strict_kex);
  EXPECT_FALSE(agreed.post_quantum);
}

TEST(SshKex, IsPostQuantumByName) {
  for (const char* name : {"sntrup761x25519-sha512@openssh.com", "mlkem768x25519-sha256", "mlkem768nistp256-sha256",
                           "x25519-kyber-512r3-sha256-d00@amazon.com", "sntrup4591761x25519-sha512@tinyssh.org"})
    EXPECT_TRUE(ssh_kex_is_post_quantum(name)) << name;
  for (const char* name : {"curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group16-sha512", ""})
    EXPECT_FALSE(ssh_kex_is_post_quantum(name)) << name;
}

}  // namespace
}  // namespace handprint::test
