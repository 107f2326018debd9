// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/protocol.h"

#include <gtest/gtest.h>

#include "builder.h"

namespace handprint::test {
namespace {

struct Case {
  Protocol protocol;
  Buffer bytes;
};
Buffer text(std::string_view text) { return Builder().text(text); }

const std::vector<Case>& client_cases() {
  static const std::vector<Case> cases = {
      {Protocol::tls, record(22, handshake(1, browser_hello().body()))},
      {Protocol::http1, text("GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
      {Protocol::http1, text("OPTIONS * HTTP/1.0\n")},
      {Protocol::http1, text("CONNECT example.org:443 HTTP/1.1\r\n\r\n")},
      {Protocol::http1, text("GET /" + std::string(100, 'a'))},
      {Protocol::http2, text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
      {Protocol::ssh, text("SSH-2.0-OpenSSH_9.2p1\r\n")},
      {Protocol::proxy1, text("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
      {Protocol::proxy2, hex("0d0a0d0a000d0a515549540a 21 11 000c")},
      {Protocol::socks5, hex("05 01 00")},
      {Protocol::socks5, hex("05 02 00 02")},
      {Protocol::socks5, hex("05 01 00 05 01 00 03 0b")},
      {Protocol::socks4, hex("04 01 0050 c0000201 726f6f74 00")},
      {Protocol::socks4, hex("04 01 01bb 00000001 00 65782e6f7267 00")},
      {Protocol::postgresql, hex("00000008 04d2162f")},
      {Protocol::postgresql,
       Builder().u32(0x20).u32(196608).text(std::string_view("user\0bob\0", 9))},
      {Protocol::rdp, Builder().hex("0300 0013 0e e0 0000 0000 00 01 00 0800 03000000")},
      {Protocol::rdp,
       Builder().hex("0300 0023 1e e0 0000 0000 00").text("Cookie: mstshash=alice\r\n")},
      {Protocol::ldap, hex("30 0c 02 01 01 60 07 02 01 03 04 00 80 00")},
      {Protocol::ldap,
       hex("30 1d 02 01 01 77 18 80 16 312e332e362e312e342e312e313436362e3230303337")},
      {Protocol::telnet, hex("fffd18 fffd20 fffd23")},
      {Protocol::dns,
       hex("0021 1234 0100 0001 0000 0000 0000 03777777 07 6578616d706c65 03 6f7267 00 0001 0001")},
      {Protocol::smtp, text("EHLO mail.example.org\r\n")},
      {Protocol::pop3, text("CAPA\r\n")},
      {Protocol::imap, text("a001 CAPABILITY\r\n")},
      {Protocol::ftp, text("AUTH TLS\r\n")},
  };
  return cases;
}

const std::vector<Case>& server_cases() {
  static const std::vector<Case> cases = {
      {Protocol::tls, record(22, handshake(2, Builder().u16(0x0303).fill(40)))},
      {Protocol::http1, text("HTTP/1.1 200 OK\r\n")},
      {Protocol::http2, hex("000012 04 00 00000000 0003 00000064")},
      {Protocol::ssh, text("SSH-2.0-dropbear\r\n")},
      {Protocol::ftp, text("220 (vsFTPd 3.0.3)\r\n")},
      {Protocol::ftp, text("220---------- Welcome to Pure-FTPd ----------\r\n")},
      {Protocol::smtp, text("220 mail.example.org ESMTP Postfix\r\n")},
      {Protocol::imap, text("* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n")},
      {Protocol::pop3, text("+OK Dovecot ready.\r\n")},
      {Protocol::mysql,
       Builder().hex("4a 00 00 00 0a").text(std::string_view("8.0.36\0", 7)).fill(40, 1)},
      {Protocol::postgresql, hex("52 00000008 00000000")},
      {Protocol::postgresql, hex("52 0000000c 00000005 aabbccdd")},
      {Protocol::postgresql, Builder().u8('E').u32(80).text("SFATAL")},
      {Protocol::rdp, hex("0300 0013 0e d0 0000 1234 00 02 00 0800 02000000")},
      {Protocol::ldap, hex("30 0c 02 01 01 61 07 0a 01 00 04 00 04 00")},
      {Protocol::telnet, hex("fffd18 fffd20")},
  };
  return cases;
}

TEST(Protocol, OfTheClientIsRecognised) {
  for (const Case& c : client_cases())
    EXPECT_EQ(name(recognise_client(c.bytes)), name(c.protocol)) << as_text(c.bytes);
}

TEST(Protocol, OfTheServerIsRecognised) {
  for (const Case& c : server_cases())
    EXPECT_EQ(name(recognise_server(c.bytes)), name(c.protocol)) << as_text(c.bytes);
}

// With fewer bytes there may be no name yet, but never another one.
TEST(Protocol, IsNeverNamedWronglyFromItsFirstBytes) {
  for (const Case& c : client_cases())
    for (size_t n = 0; n <= c.bytes.size(); ++n) {
      Protocol got = recognise_client(prefix(c.bytes, n));
      ASSERT_TRUE(got == Protocol::unknown || got == c.protocol)
          << name(c.protocol) << " taken for " << name(got) << " at " << n;
    }
  for (const Case& c : server_cases())
    for (size_t n = 0; n <= c.bytes.size(); ++n) {
      Protocol got = recognise_server(prefix(c.bytes, n));
      ASSERT_TRUE(got == Protocol::unknown || got == c.protocol)
          << name(c.protocol) << " taken for " << name(got) << " at " << n;
    }
}

TEST(Protocol, SharedWordsAreNoName) {
  for (std::string_view bytes :
       {"USER anonymous\r\n", "220 ready\r\n", "220 mail.ftp.example ESMTP\r\n", "HELP\r\n",
        "+PONG\r\n", "+OK\r\n", "OPTIONS rtsp://a/b RTSP/1.0\r\n", "NOTIFY sip:a SIP/2.0\r\n",
        "PRI * HTTP/1.0\r\n\r\n"}) {
    EXPECT_EQ(recognise_client(as_bytes(bytes)), Protocol::unknown) << bytes;
    EXPECT_EQ(recognise_server(as_bytes(bytes)), Protocol::unknown) << bytes;
  }
}

TEST(Protocol, NeighboursAreNotTakenForIt) {
  EXPECT_EQ(recognise_client(hex("30 26 02 01 01 04 06 7075626c6963 a0 19")), Protocol::unknown)
      << "SNMP is not LDAP";
  EXPECT_EQ(recognise_client(hex("0300 0016 11 e0 0000 0001 00 c0010a c1020100 c2020102")),
            Protocol::unknown)
      << "S7 is not RDP";
  EXPECT_EQ(recognise_client(hex("fffe 6800 6500 6c00")), Protocol::unknown)
      << "UTF-16 is not Telnet";
  EXPECT_EQ(recognise_client(hex("fffb 9064 0000 0000")), Protocol::unknown) << "MP3 is not Telnet";
  EXPECT_EQ(recognise_client(Buffer(64, 0)), Protocol::unknown);
  EXPECT_EQ(recognise_server(Buffer(64, 0)), Protocol::unknown);
  EXPECT_EQ(recognise_client(Buffer(64, 5)), Protocol::unknown) << "all fives are not SOCKS5";
}

TEST(Protocol, OfADatagram) {
  EXPECT_EQ(
      recognise_datagram(Builder().u8(0xc3).u32(1).with_u8(Buffer(8, 1)).with_u8({}).fill(100)),
      Protocol::quic);
  EXPECT_EQ(recognise_datagram(
                Builder().u8(0xd3).u32(0x6b3343cf).with_u8(Buffer(8, 1)).with_u8({}).fill(100)),
            Protocol::quic);
  EXPECT_EQ(recognise_datagram(Builder().u8(0x80).u32(0).with_u8(Buffer(8, 1)).with_u8({}).u32(1)),
            Protocol::quic)
      << "version negotiation";
  EXPECT_EQ(recognise_datagram(
                Builder().u8(0xc3).u32(0x12345678).with_u8(Buffer(8, 1)).with_u8({}).fill(100)),
            Protocol::unknown);
  EXPECT_EQ(recognise_datagram(hex("16 fefd 0000 000000000000 0004 01020304")), Protocol::dtls);
  EXPECT_EQ(recognise_datagram(hex("16 fefd 0000 000000000000 0005 01020304")), Protocol::unknown);
  EXPECT_EQ(recognise_datagram(hex("1234 0100 0001 0000 0000 0000 03 6f7267 00 0001 0001")),
            Protocol::dns);
  EXPECT_EQ(recognise_datagram({}), Protocol::unknown);
}

TEST(Protocol, OfAnAlpnName) {
  EXPECT_EQ(protocol_of_alpn("h2"), Protocol::http2);
  EXPECT_EQ(protocol_of_alpn("http/1.1"), Protocol::http1);
  EXPECT_EQ(protocol_of_alpn("h3"), Protocol::http3);
  EXPECT_EQ(protocol_of_alpn("h3-29"), Protocol::http3);
  EXPECT_EQ(protocol_of_alpn("dot"), Protocol::dot);
  EXPECT_EQ(protocol_of_alpn("doq"), Protocol::doq);
  EXPECT_EQ(protocol_of_alpn("mqtt"), Protocol::unknown);
  EXPECT_EQ(protocol_of_alpn(""), Protocol::unknown);
}

TEST(Protocol, WebSocketIsAskedForByUpgrade) {
  EXPECT_TRUE(is_websocket_upgrade("websocket"));
  EXPECT_TRUE(is_websocket_upgrade("h2c, WebSocket"));
  EXPECT_FALSE(is_websocket_upgrade("h2c"));
  EXPECT_FALSE(is_websocket_upgrade("websocket2"));
  EXPECT_FALSE(is_websocket_upgrade(""));
}

}  // namespace
}  // namespace handprint::test
