// SPDX-License-Identifier: Apache-2.0
// TLS that does not start the stream: every prefix, cut at every byte, through the selector and the
// engine.
#include <cstring>
#include <functional>

#include "fixture.h"

namespace handprint::test {
namespace {

Buffer raw(std::string_view text) { return text_bytes(text); }

Buffer tds(unsigned type, const Buffer& inside, unsigned status = 1) {
  return Builder()
      .u8(type)
      .u8(status)
      .u16(static_cast<unsigned>(inside.size() + 8))
      .u16(0)
      .u8(1)
      .u8(0)
      .raw(inside);
}

Buffer mysql_packet(unsigned number, const Buffer& body) {
  return Builder()
      .u8(body.size() & 0xff)
      .u8(static_cast<unsigned>(body.size()) >> 8)
      .u8(0)
      .u8(number)
      .raw(body);
}

Buffer mysql_greeting() {
  return mysql_packet(0, Builder()
                             .u8(10)
                             .raw(raw(std::string_view("5.5.5-10.11.6-MariaDB\0", 22)))
                             .raw(Buffer(4, 7))
                             .raw(Buffer(8, 'x'))
                             .u8(0)
                             .u8(0xff)
                             .u8(0xff)
                             .raw(Buffer(30, 0)));
}

Buffer mysql_ssl_request() {
  return mysql_packet(1, Builder().raw(hex("05 ae 3f 20 00 00 00 01 2d")).raw(Buffer(23, 0)));
}

Buffer proxy2(const Buffer& behind = {}) {
  return Builder()
      .raw(hex("0d0a0d0a000d0a515549540a 21 11"))
      .u16(static_cast<unsigned>(12 + behind.size()))
      .raw(hex("c0a80001 0a000002 d431 01bb"))
      .raw(behind);
}

const Buffer ldap_start = hex("301d02010177188016") + raw("1.3.6.1.4.1.1466.20037");
const Buffer ldap_answer = hex("300c02010178070a010004000400");
const Buffer rdp_request = hex("030000130ee000000000000100080003000000");
const Buffer rdp_confirm = hex("030000130ed000001234000200080002000000");

// What both sides say in turn before the hellos; the client's first where it begins.
struct Prefix {
  std::string_view name;  // in records
  std::string_view protocols;
  std::vector<std::pair<bool, Buffer>> said;  // by the client?
  std::function<Buffer(const Buffer&)> wrap = [](const Buffer& bytes) { return bytes; };
};

std::vector<Prefix> all_prefixes() {
  const auto identity = [](const Buffer& bytes) { return bytes; };
  return {
      {"connect",
       "HTTP/1 TLS",
       {{true, raw("CONNECT www.example.org:443 HTTP/1.1\r\nHost: www.example.org:443\r\n"
                   "Proxy-Authorization: Basic c2VjcmV0\r\n\r\n")},
        {false, raw("HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy\r\n\r\n")}},
       identity},
      {"socks4",
       "SOCKS4 TLS",
       {{true, hex("040101bb c6336407") + raw(std::string_view("me\0", 3))},
        {false, hex("005a000000000000")}},
       identity},
      {"socks4",
       "SOCKS4 TLS",
       {{true, hex("040101bb 00000001") + raw(std::string_view("\0www.example.org\0", 17))},
        {false, hex("005a000000000000")}},
       identity},
      {"socks5",
       "SOCKS5 TLS",
       {{true, hex("05020002")},
        {false, hex("0502")},
        {true, hex("0102") + raw("me") + hex("06") + raw("secret")},
        {false, hex("0100")},
        {true, hex("050100030f") + raw("www.example.org") + hex("01bb")},
        {false, hex("05000001 7f000001 1234")}},
       identity},
      {"proxy1",
       "PROXY v1 TLS",
       {{true, raw("PROXY TCP4 192.168.0.1 10.0.0.2 54321 443\r\n")}},
       identity},
      {"proxy2", "PROXY v2 TLS", {{true, proxy2()}}, identity},
      {"proxy2", "PROXY v2 TLS", {{true, proxy2(Buffer(300, 4))}}, identity},
      {"starttls-smtp",
       "SMTP TLS",
       {{false, raw("220 mail.example.org ESMTP Postfix\r\n")},
        {true, raw("EHLO client\r\n")},
        {false, raw("250-mail.example.org\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n")},
        {true, raw("STARTTLS\r\n")},
        {false, raw("220 2.0.0 Ready to start TLS\r\n")}},
       identity},
      {"starttls-imap",
       "IMAP TLS",
       {{false, raw("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready.\r\n")},
        {true, raw(". CAPABILITY\r\n")},
        {false, raw("* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK done\r\n")},
        {true, raw(". STARTTLS\r\n")},
        {false, raw(". OK Begin TLS negotiation now.\r\n")}},
       identity},
      {"starttls-pop3",
       "POP3 TLS",
       {{false, raw("+OK Dovecot ready.\r\n")},
        {true, raw("STLS\r\n")},
        {false, raw("+OK Begin TLS negotiation now.\r\n")}},
       identity},
      {"starttls-ftp",
       "FTP TLS",
       {{false, raw("220 (vsFTPd 3.0.3)\r\n")},
        {true, raw("AUTH TLS\r\n")},
        {false, raw("234 Proceed with negotiation.\r\n")}},
       identity},
      {"starttls-ldap", "LDAP TLS", {{true, ldap_start}, {false, ldap_answer}}, identity},
      {"starttls-xmpp",
       "XMPP TLS",
       {{true, raw("<?xml version='1.0'?><stream:stream to='example.org' xmlns='jabber:client' "
                   "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")},
        {false, raw("<?xml version='1.0'?><stream:stream id='1' xmlns='jabber:client' "
                    "xmlns:stream='http://etherx.jabber.org/streams'>"
                    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
                    "</stream:features>")},
        {true, raw("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")},
        {false, raw("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")}},
       identity},
      {"postgresql",
       "PostgreSQL TLS",
       {{true, hex("0000000804d2162f")}, {false, raw("S")}},
       identity},
      {"postgresql",
       "PostgreSQL TLS",
       {{true, hex("0000000804d21630")},
        {false, raw("N")},
        {true, hex("0000000804d2162f")},
        {false, raw("S")}},
       identity},
      {"mysql", "MySQL TLS", {{false, mysql_greeting()}, {true, mysql_ssl_request()}}, identity},
      {"tds",
       "TDS TLS",
       {{true, tds(0x12, hex("00001a0006 010020000102002100") + Buffer(20, 1))},
        {false, tds(0x04, hex("00001a0006 010020000102002100") + Buffer(20, 1))}},
       [](const Buffer& bytes) { return tds(0x12, bytes); }},
      {"rdp", "RDP TLS", {{true, rdp_request}, {false, rdp_confirm}}, identity},
  };
}

class EnginePrefix : public EngineTest {
 protected:
  // A packet as it stands on the wire: the selector decides what of it the engine sees.
  void send(Conversation& of, bool from_client, uint32_t offset, const Buffer& bytes) {
    Packet packet = packet_of(of, from_client);
    packet.sequence = (from_client ? of.client_isn : of.server_isn) + 1 + offset;
    packet.payload = bytes;
    packet.payload_length = static_cast<uint32_t>(bytes.size());
    pass(packet);
  }
  void pass(Packet packet) {
    hp_decision decision;
    ++packets;
    if (!selection->select(packet, now, 0, decision)) return;
    copied += decision.copy_len;
    packet.payload = packet.payload.subspan(decision.copy_off, decision.copy_len);
    feed(packet, decision.content, {},
         decision.by_content ? static_cast<uint16_t>(HP_PACKET_NO_WINDOW) : uint16_t{0},
         decision.copy_off);
  }
  void shake(Conversation& of) {
    for (bool client : {true, false}) {
      Packet packet = packet_of(of, client);
      const Buffer options = linux_options();
      packet.flags = client ? tcp_flag::syn : tcp_flag::syn | tcp_flag::ack;
      packet.sequence = client ? of.client_isn : of.server_isn;
      packet.acknowledgement = client ? 0 : of.client_isn + 1;
      packet.tcp_options = options;
      packet.transport_header_length = static_cast<uint16_t>(20 + options.size());
      pass(packet);
    }
  }
  void say(Conversation& of, bool client, const Buffer& bytes) {
    uint32_t& sent = client ? of.client_sent : of.server_sent;
    send(of, client, sent, bytes);
    sent += static_cast<uint32_t>(bytes.size());
  }
  static std::string prefixes(const Document& d) {
    std::string out;
    for (std::string_view prefix : d.prefixes)
      out += (out.empty() ? "" : " ") + std::string(prefix);
    return out;
  }
  void fresh() {
    collector.documents.clear();
    selection = std::make_unique<Selection>(live_policy(), 7);
  }
  // The one document of a connection with this prefix: complete, at once.
  void expect_complete(const Prefix& prefix, const std::string& where) {
    ASSERT_EQ(count(), 1u) << where;
    const Document& d = document();
    EXPECT_EQ(prefixes(d), prefix.name) << where;
    EXPECT_EQ(protocols(d), prefix.protocols) << where;
    EXPECT_EQ(incomplete(d), "") << where;
    ASSERT_NE(d.tls_client, nullptr) << where;
    EXPECT_EQ(d.tls_client->server_name, "inner.example.org") << where;
    EXPECT_NE(text(d, Kind::tls), "") << where;
    EXPECT_NE(d.tls_server, nullptr) << where;
    EXPECT_NE(text(d, Kind::tls_server), "") << where;
    EXPECT_NE(text(d, Kind::tcp), "") << where;
  }

  std::unique_ptr<Selection> selection = std::make_unique<Selection>(live_policy(), 7);
  const Buffer hello = client_hello("inner.example.org", 1900);
  uint64_t copied = 0, packets = 0;
};

TEST_F(EnginePrefix, EachIsSteppedOver) {
  for (const Prefix& prefix : all_prefixes()) {
    fresh();
    Conversation c;
    shake(c);
    for (const auto& [client, bytes] : prefix.said) say(c, client, bytes);
    EXPECT_EQ(count(), 0u) << prefix.name;
    say(c, true, prefix.wrap(hello));
    say(c, false, prefix.wrap(server_hello()));
    expect_complete(prefix, std::string(prefix.name));
    finish();
  }
}

// All that a side says as one stream, cut into two segments at every byte.
TEST_F(EnginePrefix, EachIsSteppedOverWhereverItIsCut) {
  for (const Prefix& prefix : all_prefixes()) {
    Buffer client, server;
    for (const auto& [from_client, bytes] : prefix.said)
      (from_client ? client : server) = (from_client ? client : server) + bytes;
    const std::size_t client_prefix = client.size(), server_prefix = server.size();
    client = client + prefix.wrap(hello);
    server = server + prefix.wrap(server_hello());
    const bool server_first = !prefix.said.front().first;
    uint16_t port = 20000;
    for (bool cut_client : {true, false}) {
      const Buffer& whole = cut_client ? client : server;
      for (std::size_t cut = 1;
           cut < std::min(whole.size(), (cut_client ? client_prefix : server_prefix) + 40); ++cut) {
        fresh();
        Conversation c;
        c.client_port = port++;
        shake(c);
        const auto say_all = [&](bool from_client) {
          const Buffer& stream = from_client ? client : server;
          if (from_client != cut_client) {
            say(c, from_client, stream);
            return;
          }
          say(c, from_client, slice(stream, 0, cut));
          say(c, from_client, slice(stream, cut, stream.size()));
        };
        if (server_first) say(c, false, slice(server, 0, server_prefix));
        if (server_first) {
          // Its hello comes behind the client's.
          say_all(true);
          if (cut_client) {
            say(c, false, slice(server, server_prefix, server.size()));
          } else if (cut > server_prefix) {
            say(c, false, slice(server, server_prefix, cut));
            say(c, false, slice(server, cut, server.size()));
          } else {
            say(c, false, slice(server, server_prefix, server.size()));
          }
        } else {
          say_all(true);
          say_all(false);
        }
        expect_complete(prefix, std::string(prefix.name) +
                                    (cut_client ? " client cut " : " server cut ") +
                                    std::to_string(cut));
        if (HasFatalFailure()) return;
        finish();
      }
    }
  }
}

TEST_F(EnginePrefix, EachIsSteppedOverWithAHelloInManySegments) {
  for (const Prefix& prefix : all_prefixes()) {
    fresh();
    Conversation c;
    shake(c);
    for (const auto& [client, bytes] : prefix.said) say(c, client, bytes);
    const Buffer wrapped = prefix.wrap(hello), answer = prefix.wrap(server_hello());
    for (std::size_t at = 0; at < wrapped.size(); at += 300)
      say(c, true, slice(wrapped, at, std::min(at + 300, wrapped.size())));
    for (std::size_t at = 0; at < answer.size(); at += 8)
      say(c, false, slice(answer, at, std::min(at + 8, answer.size())));
    expect_complete(prefix, std::string(prefix.name));
    finish();
  }
}

TEST_F(EnginePrefix, ProxyAnnouncesTheClient) {
  for (const Buffer& header : {raw("PROXY TCP4 192.168.0.1 10.0.0.2 54321 443\r\n"), proxy2()}) {
    fresh();
    Conversation c;
    shake(c);
    say(c, true, header + hello);
    say(c, false, server_hello());
    ASSERT_EQ(count(), 1u);
    const Document& d = document();
    EXPECT_EQ(d.client.address, Address::from(hex("c0a80001")));
    EXPECT_EQ(d.client.port, 54321);
    EXPECT_EQ(d.server.address, Address::from(hex("0a000002")));
    EXPECT_EQ(d.server.port, 443);
    EXPECT_EQ(d.client.nat_address, Address::from(hex(c.client_address)));
    EXPECT_EQ(d.client.nat_port, c.client_port);
    EXPECT_EQ(d.server.nat_address, Address::from(hex(c.server_address)));
    EXPECT_EQ(d.server.nat_port, c.server_port);
    finish();
  }
}

TEST_F(EnginePrefix, ALocalProxyHeaderAnnouncesNobody) {
  for (const Buffer& header :
       {raw("PROXY UNKNOWN\r\n"), hex("0d0a0d0a000d0a515549540a 20 00 0000")}) {
    fresh();
    Conversation c;
    shake(c);
    say(c, true, header);
    say(c, true, hello);
    say(c, false, server_hello());
    ASSERT_EQ(count(), 1u);
    EXPECT_EQ(document().client.port, c.client_port);
    EXPECT_FALSE(document().client.nat_address.present());
    EXPECT_TRUE(prefixes(document()).starts_with("proxy"));
    finish();
  }
}

TEST_F(EnginePrefix, HttpAndSshStandBehindProxyToo) {
  for (bool together : {true, false}) {
    fresh();
    Conversation c;
    shake(c);
    if (together) {
      say(c, true, proxy2() + request("/behind"));
    } else {
      say(c, true, proxy2());
      say(c, true, request("/behind"));
    }
    say(c, false, response());
    ASSERT_EQ(count(), 1u) << together;
    EXPECT_EQ(protocols(document()), "PROXY v2 HTTP/1");
    EXPECT_EQ(prefixes(document()), "proxy2");
    ASSERT_NE(document().http_request, nullptr);
    EXPECT_EQ(document().http_request->uri, "/behind");
    finish();

    fresh();
    Conversation s;
    s.client_port = 40001;
    shake(s);
    if (!together) say(s, true, raw("PROXY TCP4 192.168.0.1 10.0.0.2 54321 22\r\n"));
    say(s, true,
        (together ? raw("PROXY TCP4 192.168.0.1 10.0.0.2 54321 22\r\n") : Buffer{}) +
            raw("SSH-2.0-OpenSSH_9.9\r\n"));
    say(s, false, raw("SSH-2.0-dropbear\r\n"));
    finish();
    ASSERT_EQ(count(), 1u);
    EXPECT_EQ(protocols(document()), "PROXY v1 SSH");
    ASSERT_NE(document().ssh_client, nullptr);
    EXPECT_EQ(document().ssh_client->banner, "SSH-2.0-OpenSSH_9.9");
  }
}

TEST_F(EnginePrefix, PrefixesNest) {
  Conversation c;
  shake(c);
  say(c, true, proxy2());
  say(c, false, raw("220 mail.example.org ESMTP\r\n"));
  say(c, true, raw("EHLO me\r\n"));
  say(c, false, raw("250 STARTTLS\r\n"));
  say(c, true, raw("STARTTLS\r\n"));
  say(c, false, raw("220 go\r\n"));
  say(c, true, hello);
  say(c, false, server_hello());
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(prefixes(document()), "proxy2 starttls-smtp");
  EXPECT_EQ(protocols(document()), "PROXY v2 SMTP TLS");
}

TEST_F(EnginePrefix, WhatWasAskedOfTheProxyIsAFact) {
  for (const Prefix& prefix : all_prefixes()) {
    if (prefix.name != "connect" && !prefix.name.starts_with("socks")) continue;
    fresh();
    Conversation c;
    shake(c);
    for (const auto& [client, bytes] : prefix.said) say(c, client, bytes);
    say(c, true, hello);
    say(c, false, server_hello());
    ASSERT_EQ(count(), 1u);
    ASSERT_NE(document().proxy, nullptr) << prefix.name;
    const ProxyFacts& facts = *document().proxy;
    EXPECT_EQ(name(facts.kind), prefix.name);
    EXPECT_EQ(facts.port, 443);
    if (facts.host.empty()) {
      EXPECT_EQ(facts.address, Address::from(hex("c6336407")));
    } else {
      EXPECT_EQ(facts.host, "www.example.org");
    }
    finish();
  }
}

TEST_F(EnginePrefix, ARefusedConnectIsAnHttpRequest) {
  Conversation c;
  shake(c);
  say(c, true, raw("CONNECT a.example:443 HTTP/1.1\r\n\r\n"));
  say(c, false, raw("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(prefixes(document()), "");
  EXPECT_EQ(document().http_request->method, "CONNECT");
  EXPECT_EQ(document().http_response->status, 407);
  // The client tries again on the same connection.
  say(c, true, raw("CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\n"));
  say(c, false, raw("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_EQ(count(), 1u);
  say(c, true, hello);
  say(c, false, server_hello());
  finish();
  ASSERT_GE(count(), 2u);
  EXPECT_EQ(prefixes(document(1)), "connect");
  ASSERT_NE(document(1).tls_client, nullptr);
  EXPECT_NE(document(1).tls_server, nullptr);
}

TEST_F(EnginePrefix, WithoutTlsTheRecordComesAtOnceAndLittleIsCopied) {
  Conversation c;
  shake(c);
  say(c, false, raw("220 mail.example.org ESMTP\r\n"));
  say(c, true, raw("EHLO me\r\n"));
  say(c, false, raw("250 SIZE\r\n"));
  EXPECT_EQ(count(), 0u);
  say(c, true, raw("MAIL FROM:<a@example.org>\r\n"));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "SMTP");
  EXPECT_EQ(prefixes(document()), "");
  for (int i = 0; i < 200; ++i) say(c, true, Buffer(1400, 'x'));
  for (int i = 0; i < 200; ++i) say(c, false, raw("250 2.0.0 Ok: queued as 1234567890\r\n"));
  EXPECT_LE(copied, 2u * HP_PREFIX_LIMIT);
  // A hello that comes late all the same is a further part.
  say(c, true, hello);
  say(c, false, server_hello());
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(prefixes(document(1)), "starttls-smtp");
  EXPECT_EQ(document(1).part, 2u);
  EXPECT_NE(document(1).tls_server, nullptr);
}

TEST_F(EnginePrefix, WithoutTlsADatabaseIsNamedAtOnce) {
  Conversation c;
  shake(c);
  say(c, true, hex("0000000804d2162f"));
  say(c, false, raw("N"));
  say(c, true, Builder().u32(40).u32(196608).raw(Buffer(32, 'a')));
  say(c, false, Builder().raw(raw("R")).u32(8).u32(3));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "PostgreSQL");
  EXPECT_EQ(prefixes(document()), "");
  finish();

  fresh();
  Conversation m;
  m.client_port = 40002;
  shake(m);
  say(m, false, mysql_greeting());
  say(m, true, mysql_packet(1, Buffer(90, 'a')));
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "MySQL");
}

TEST_F(EnginePrefix, APrefixThatStopsIsWrittenInTime) {
  Conversation c;
  shake(c);
  say(c, false, raw("220 mail.example.org ESMTP\r\n"));
  wait(6 * second);
  ASSERT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "SMTP");
  say(c, true, raw("STARTTLS\r\n"));
  say(c, false, raw("220 go\r\n"));
  say(c, true, hello);
  say(c, false, server_hello());
  ASSERT_EQ(count(), 2u);
  EXPECT_EQ(prefixes(document(1)), "starttls-smtp");
}

// The agent started in the middle: no SYN, no prefix, only the hellos, cut in their first bytes.
TEST_F(EnginePrefix, ALaterHelloOfAnOlderFlowIsFoundWhereverItIsCut) {
  for (std::size_t cut = 1; cut < 60; ++cut) {
    fresh();
    Conversation c;
    c.client_port = static_cast<uint16_t>(30000 + cut);
    c.client_sent = 5000;
    c.server_sent = 9000;
    const Buffer answer = server_hello();
    say(c, true, slice(hello, 0, cut));
    say(c, true, slice(hello, cut, hello.size()));
    say(c, false, slice(answer, 0, cut));
    say(c, false, slice(answer, cut, answer.size()));
    finish();
    ASSERT_EQ(count(), 1u) << cut;
    ASSERT_NE(document().tls_client, nullptr) << cut;
    EXPECT_NE(document().tls_server, nullptr) << cut;
    EXPECT_EQ(incomplete(document()), "") << cut;
  }
}

TEST_F(EnginePrefix, HostileBytesBehindAPrefixDoNoHarm) {
  unsigned seed = 1;
  for (const Prefix& prefix : all_prefixes()) {
    for (int round = 0; round < 20; ++round) {
      fresh();
      Conversation c;
      shake(c);
      for (const auto& [client, bytes] : prefix.said) {
        Buffer damaged = bytes;
        seed = seed * 1103515245 + 12345;
        damaged[(seed >> 8) % damaged.size()] ^= static_cast<uint8_t>(1u << (seed >> 20 & 7));
        say(c, client, damaged);
      }
      say(c, true, prefix.wrap(hello));
      say(c, false, prefix.wrap(server_hello()));
      finish();
      EXPECT_GE(count(), 1u);
    }
  }
}

}  // namespace
}  // namespace handprint::test
