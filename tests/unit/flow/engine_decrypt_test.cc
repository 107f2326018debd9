// SPDX-License-Identifier: Apache-2.0
// Decryption, beside OpenSSL's own TLS: it talks to itself here, in memory, and writes the key log. What
// its two ends said to each other must stand in the documents, whatever became of the segments.
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <random>

#include "fingerprint/http2.h"
#include "fixture.h"
#include "flow/key_log.h"
#include "tests/unit/fingerprint/openssl_pointer.h"

namespace handprint::test {
namespace {

using Context = OpensslPointer<SSL_CTX, SSL_CTX_free>;
using Connection = OpensslPointer<SSL, SSL_free>;

struct Said {
  bool by_client;
  Buffer bytes;
};

std::string key_log;  // of the conversation that is being made; OpenSSL's callback has no other place

// One TLS connection between two ends of this process.
class Talk {
 public:
  Talk(int version, const char* suites, bool encrypt_then_mac = true, const char* groups = nullptr,
       SSL_SESSION* session = nullptr, Context server = {}) {
    key_log.clear();
    client_context_.reset(SSL_CTX_new(TLS_client_method()));
    server_context_ = std::move(server);  // one that has made tickets, or a new one
    if (!server_context_) server_context_.reset(SSL_CTX_new(TLS_server_method()));
    static const OpensslKey key(EVP_RSA_gen(2048));  // it takes long
    const OpensslCertificate certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    SSL_CTX_use_certificate(server_context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(server_context_.get(), key.get());
    for (SSL_CTX* context : {client_context_.get(), server_context_.get()}) {
      SSL_CTX_set_security_level(context, 0);
      SSL_CTX_set_min_proto_version(context, version);
      SSL_CTX_set_max_proto_version(context, version);
      EXPECT_EQ(version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(context, suites)
                                          : SSL_CTX_set_cipher_list(context, suites),
                1)
          << suites;
      if (!encrypt_then_mac) SSL_CTX_set_options(context, SSL_OP_NO_ENCRYPT_THEN_MAC);
    }
    SSL_CTX_set_keylog_callback(client_context_.get(), [](const SSL*, const char* line) {
      key_log += line;
      key_log += '\n';
    });
    SSL_CTX_set_options(server_context_.get(), SSL_OP_ALLOW_CLIENT_RENEGOTIATION | SSL_OP_NO_ANTI_REPLAY);
    SSL_CTX_set_max_early_data(server_context_.get(), 16384);
    if (groups != nullptr) SSL_CTX_set1_groups_list(server_context_.get(), groups);
    client_.reset(SSL_new(client_context_.get()));
    server_.reset(SSL_new(server_context_.get()));
    for (SSL* end : {client_.get(), server_.get()}) SSL_set_bio(end, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client_.get());
    SSL_set_accept_state(server_.get());
    SSL_set_tlsext_host_name(client_.get(), "www.example.org");
    if (session != nullptr) SSL_set_session(client_.get(), session);
  }

  void offer(std::string_view alpn) {
    SSL_set_alpn_protos(client_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
    SSL_CTX_set_alpn_select_cb(
        server_context_.get(),
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned, void*) {
          *out = in + 1;
          *size = in[0];
          return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
    SSL_set_SSL_CTX(server_.get(), server_context_.get());
  }
  void shake_hands() {
    for (int i = 0; i < 20 && (!SSL_is_init_finished(client_.get()) || !SSL_is_init_finished(server_.get())); ++i) {
      SSL_do_handshake(client_.get());
      carry();
      SSL_do_handshake(server_.get());
      carry();
    }
    ASSERT_TRUE(SSL_is_init_finished(client_.get()) && SSL_is_init_finished(server_.get()));
  }
  void say(bool by_client, const std::string& text) {
    SSL* from = by_client ? client_.get() : server_.get();
    SSL* to = by_client ? server_.get() : client_.get();
    ASSERT_EQ(SSL_write(from, text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
    carry();
    std::string heard(text.size(), 0);
    for (std::size_t at = 0; at < heard.size();) {
      const int n = SSL_read(to, heard.data() + at, static_cast<int>(heard.size() - at));
      ASSERT_GT(n, 0);
      at += static_cast<std::size_t>(n);
    }
    ASSERT_EQ(heard, text);
  }
  // What waits in either end goes to the other one.
  void carry() {
    for (const bool by_client : {true, false}) {
      SSL* from = by_client ? client_.get() : server_.get();
      SSL* to = by_client ? server_.get() : client_.get();
      Buffer bytes(65536);
      const int n = BIO_read(SSL_get_wbio(from), bytes.data(), static_cast<int>(bytes.size()));
      if (n <= 0) continue;
      bytes.resize(static_cast<std::size_t>(n));
      BIO_write(SSL_get_rbio(to), bytes.data(), n);
      said.push_back({by_client, bytes});
    }
  }
  SSL* client() { return client_.get(); }
  SSL* server() { return server_.get(); }
  Context take_server() { return std::move(server_context_); }

  std::vector<Said> said;

 private:
  Context client_context_, server_context_;
  Connection client_, server_;
};

class Decrypting : public EngineTest {
 protected:
  Decrypting() {
    options.keys = &keys;
    options.certificates = true;
  }
  void learn() {
    keys.add(as_bytes(key_log));
    keys.finish();
  }
  // As a file is read: the selector chooses, and the stream goes along.
  void segment(const Conversation& c, bool from_client, uint32_t offset, Bytes bytes, uint32_t acknowledged = 0) {
    Packet packet = packet_of(c, from_client);
    packet.acknowledgement = (from_client ? c.server_isn : c.client_isn) + 1 + acknowledged;
    packet.sequence = (from_client ? c.client_isn : c.server_isn) + 1 + offset;
    packet.payload = bytes;
    packet.payload_length = static_cast<uint32_t>(bytes.size());
    hp_decision decision;
    const bool selected = selection_.select(packet, now, 0, decision);
    Segment out;
    out.time = now;
    out.packet = &packet;
    out.stream = bytes;
    if (selected && decision.by_content != 0) out.flags |= HP_PACKET_NO_WINDOW;
    if (!selected) decision = {};
    packet.payload = bytes.subspan(decision.copy_off, std::min<std::size_t>(decision.copy_len, bytes.size()));
    out.content = decision.content;
    engine().segment(out);
    now += ms;
  }
  void handshake(const Conversation& c) {
    for (const bool answer : {false, true}) {
      Packet packet = packet_of(c, !answer);
      packet.flags = answer ? tcp_flag::syn | tcp_flag::ack : tcp_flag::syn;
      packet.sequence = answer ? c.server_isn : c.client_isn;
      packet.acknowledgement = answer ? c.client_isn + 1 : 0;
      hp_decision decision;
      selection_.select(packet, now, 0, decision);
      feed(packet, answer ? HP_CONTENT_SYN_ACK : HP_CONTENT_SYN);
    }
  }
  // Plays a conversation in segments of at most `most` bytes; those that `lost` names do not come, and
  // neighbours of one side change places where `shuffled`.
  void play(const std::vector<Said>& said, std::size_t most = 1400, std::vector<std::size_t> lost = {},
            bool shuffled = false) {
    Conversation c;
    c.client_port = port_++;
    handshake(c);
    struct Piece {
      bool by_client;
      uint32_t offset, acknowledged;
      Bytes bytes;
    };
    std::vector<Piece> pieces;
    uint32_t sent[2] = {0, 0};
    for (const Said& one : said) {
      for (std::size_t at = 0; at < one.bytes.size(); at += most) {
        const Bytes bytes = Bytes(one.bytes).subspan(at, std::min(most, one.bytes.size() - at));
        pieces.push_back({one.by_client, sent[one.by_client], sent[!one.by_client], bytes});
        sent[one.by_client] += static_cast<uint32_t>(bytes.size());
      }
    }
    if (shuffled)
      for (std::size_t i = 0; i + 1 < pieces.size(); i += 2)
        if (pieces[i].by_client == pieces[i + 1].by_client) std::swap(pieces[i], pieces[i + 1]);
    for (std::size_t i = 0; i < pieces.size(); ++i)
      if (std::find(lost.begin(), lost.end(), i) == lost.end())
        segment(c, pieces[i].by_client, pieces[i].offset, pieces[i].bytes, pieces[i].acknowledged);
    engine().finish();
  }
  // "GET /a 200, GET /b -"
  std::string requests() {
    std::string out;
    for (const DocumentPtr& d : collector.documents) {
      if (d->http_request == nullptr && d->http_response == nullptr) continue;
      if (!out.empty()) out += ", ";
      out += d->http_request != nullptr
                 ? std::string(d->http_request->method) + " " + std::string(d->http_request->uri)
                 : std::string("?");
      out += d->http_response != nullptr ? " " + std::to_string(d->http_response->status) : std::string(" -");
    }
    return out;
  }
  template <class Value>
  bool any(Value Document::*member) {
    return std::any_of(collector.documents.begin(), collector.documents.end(),
                       [&](const DocumentPtr& d) { return (*d).*member; });
  }

  KeyLog keys;
  Selection selection_{file_policy(), 0};
  uint16_t port_ = 42000;
};

const std::string get_a = "GET /a HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: tested\r\n\r\n";
const std::string ok_a = "HTTP/1.1 200 OK\r\nServer: tested\r\nContent-Length: 3000\r\n\r\n" + std::string(3000, 'x');
const std::string post_b =
    "POST /b HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 30\r\n\r\nGET /no HTTP/1.1\r\nNo: no\r\n\r\n!!";
const std::string ok_b =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    "1f\r\nHTTP/1.1 500 No\r\nServer: no\r\n\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n";
const std::string head_c = "HEAD /c HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
const std::string ok_c = "HTTP/1.1 404 Not Found\r\nContent-Length: 77\r\n\r\n";

const std::string get_d = "GET /d HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
const std::string ok_d = "HTTP/1.1 204 No Content\r\n\r\n";

void talk_http(Talk& talk) {
  talk.shake_hands();
  talk.say(true, get_a);
  talk.say(false, ok_a);
  talk.say(true, post_b);
  talk.say(false, ok_b);
  talk.say(true, head_c);
  talk.say(false, ok_c);
  talk.say(true, get_d);
  talk.say(false, ok_d);
}
const std::string all_of_it = "GET /a 200, POST /b 201, HEAD /c 404, GET /d 204";

struct Row {
  int version;
  const char* suite;
};

TEST_F(Decrypting, EverySuiteOfEveryVersion) {
  const Row rows[] = {
      {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
      {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
      {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
      {TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256"},
      {TLS1_3_VERSION, "TLS_AES_128_CCM_8_SHA256"},
      {TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256"},
      {TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384"},
      {TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305"},
      {TLS1_2_VERSION, "AES128-CCM"},
      {TLS1_2_VERSION, "AES256-CCM8"},
      {TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA"},
      {TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256"},
      {TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA384"},
      {TLS1_2_VERSION, "AES256-SHA256"},
      {TLS1_2_VERSION, "CAMELLIA128-SHA"},
      {TLS1_1_VERSION, "ECDHE-RSA-AES256-SHA"},
      {TLS1_VERSION, "ECDHE-RSA-AES128-SHA"},
      {TLS1_VERSION, "AES256-SHA"},
  };
  for (const Row& row : rows) {
    for (const bool encrypt_then_mac : {true, false}) {
      SCOPED_TRACE(std::string(row.suite) + (encrypt_then_mac ? "" : ", MAC then encrypt"));
      Talk talk(row.version, row.suite, encrypt_then_mac);
      talk_http(talk);
      learn();
      collector.documents.clear();
      play(talk.said);
      EXPECT_EQ(requests(), all_of_it);
      EXPECT_TRUE(any(&Document::established));
      EXPECT_EQ(document().server_certificates.size(), 1u);
      EXPECT_TRUE(incomplete(document()).empty());
    }
  }
  expect_balanced();
}

TEST_F(Decrypting, WhateverTheSegmentsAre) {
  for (const Row& row : {Row{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"}, Row{TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA"}}) {
    Talk talk(row.version, row.suite);
    talk_http(talk);
    learn();
    for (const std::size_t most : {std::size_t{30}, std::size_t{100}, std::size_t{536}, std::size_t{9000}}) {
      for (const bool shuffled : {false, true}) {
        SCOPED_TRACE(std::string(row.suite) + " " + std::to_string(most) + (shuffled ? " shuffled" : ""));
        collector.documents.clear();
        play(talk.said, most, {}, shuffled);
        EXPECT_EQ(requests(), all_of_it);
      }
    }
  }
}

TEST_F(Decrypting, BehindALostSegmentTheNextRecordsAreFound) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk.shake_hands();
  for (int i = 0; i < 8; ++i) {
    talk.say(true, "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    talk.say(false, "HTTP/1.1 " + std::to_string(400 + i) + " Fine\r\nContent-Length: 3000\r\n\r\n" + std::string(3000, 'x'));
  }
  learn();
  std::size_t pieces = 0;
  for (const Said& one : talk.said) pieces += (one.bytes.size() + 1399) / 1400;
  // Any one segment behind the handshake and the first exchange may be missing: at most one request or
  // answer goes with it, and no answer is given to another request.
  std::size_t behind_handshake = pieces - 7 * 4;
  for (std::size_t lost = behind_handshake; lost < pieces; ++lost) {
    collector.documents.clear();
    play(talk.said, 1400, {lost});
    const std::string seen = requests();
    std::size_t right = 0;
    for (int i = 0; i < 8; ++i) {
      const std::string whole = "GET /" + std::to_string(i) + " " + std::to_string(400 + i);
      right += seen.find(whole) != std::string::npos;
      for (int k = 0; k < 8; ++k)
        EXPECT_EQ(k != i && seen.find("GET /" + std::to_string(i) + " " + std::to_string(400 + k)) != std::string::npos, false)
            << lost << ": " << seen;
    }
    EXPECT_GE(right, 7u) << lost << ": " << seen;
  }
}

TEST_F(Decrypting, AfterAHelloRetryRequest) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", true, "P-521");
  talk_http(talk);
  learn();
  play(talk.said);
  EXPECT_EQ(requests(), all_of_it);
  EXPECT_TRUE(document().tls_server->retry);
}

TEST_F(Decrypting, AfterKeyUpdatesOfBothSides) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk.shake_hands();
  talk.say(true, get_a);
  talk.say(false, ok_a);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(SSL_key_update(talk.client(), SSL_KEY_UPDATE_REQUESTED), 1);
    talk.say(true, post_b);
    talk.say(false, ok_b);
  }
  learn();
  play(talk.said);
  EXPECT_EQ(requests(), "GET /a 200, POST /b 201, POST /b 201, POST /b 201");
}

TEST_F(Decrypting, ASecondHandshakeInsideTheFirst) {
  Talk talk(TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256");
  talk.shake_hands();
  talk.say(true, get_a);
  talk.say(false, ok_a);
  ASSERT_EQ(SSL_renegotiate(talk.client()), 1);
  char unread;
  for (int i = 0; i < 8; ++i) {
    SSL_do_handshake(talk.client());
    talk.carry();
    SSL_read(talk.server(), &unread, 0);
    SSL_peek(talk.server(), &unread, 1);
    talk.carry();
  }
  ASSERT_TRUE(SSL_is_init_finished(talk.client()) && SSL_is_init_finished(talk.server()));
  talk.say(true, post_b);
  talk.say(false, ok_b);
  learn();
  play(talk.said);
  EXPECT_EQ(requests(), "GET /a 200, POST /b 201");
}

// Early data of a resumed session: read where it is taken, stepped over where it is not.
TEST_F(Decrypting, EarlyDataThatTheServerTakesOrRefuses) {
  for (const bool taken : {true, false}) {
    SCOPED_TRACE(taken ? "taken" : "refused");
    static SSL_SESSION* session;
    session = nullptr;
    Talk first(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", true, nullptr, nullptr);
    SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(first.client()), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(first.client()), [](SSL*, SSL_SESSION* fresh) {
      if (session != nullptr) SSL_SESSION_free(session);
      session = fresh;
      return 1;
    });
    first.shake_hands();
    first.say(false, "ticket");
    ASSERT_NE(session, nullptr);
    ASSERT_GT(SSL_SESSION_get_max_early_data(session), 0u);
    // The server that made the ticket, or one that does not know it.
    Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", true, nullptr, session,
              taken ? first.take_server() : Context());
    std::size_t written = 0;
    ASSERT_EQ(SSL_write_early_data(talk.client(), get_a.data(), get_a.size(), &written), 1);
    talk.carry();
    std::string early(4096, 0);
    for (int i = 0; i < 4; ++i) {
      std::size_t got = 0;
      if (SSL_read_early_data(talk.server(), early.data(), early.size(), &got) == SSL_READ_EARLY_DATA_FINISH) break;
      talk.carry();
      SSL_do_handshake(talk.client());
      talk.carry();
    }
    talk.shake_hands();
    ASSERT_EQ(SSL_get_early_data_status(talk.client()), taken ? SSL_EARLY_DATA_ACCEPTED : SSL_EARLY_DATA_REJECTED);
    if (taken) talk.say(false, ok_a);
    talk.say(true, post_b);
    talk.say(false, ok_b);
    learn();
    collector.documents.clear();
    play(talk.said);
    EXPECT_EQ(requests(), taken ? "GET /a 200, POST /b 201" : "POST /b 201");
    // Without its secret it is stepped over, too.
    std::string log = key_log;
    const std::size_t early_line = log.find("CLIENT_EARLY");
    ASSERT_NE(early_line, std::string::npos);
    log.erase(early_line, log.find('\n', early_line) - early_line + 1);
    keys = KeyLog();
    keys.add(as_bytes(log));
    collector.documents.clear();
    play(talk.said);
    EXPECT_EQ(requests(), taken ? "? 200, POST /b 201" : "POST /b 201");
    SSL_SESSION_free(session);
  }
}

TEST_F(Decrypting, WhatIsNoHttpIsNotCalledSo) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk.shake_hands();
  talk.say(false, "* OK IMAP4rev1 ready\r\n");
  talk.say(true, "a1 LOGIN me secret\r\n");
  talk.say(false, "a1 OK\r\n");
  learn();
  play(talk.said);
  EXPECT_EQ(requests(), "");
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(protocols(document()), "TLS");
  EXPECT_TRUE(document().established);
}

TEST_F(Decrypting, OnlyTheSideWhoseSecretsAreThere) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk_http(talk);
  std::string half;
  for (std::size_t at = 0, end; at < key_log.size(); at = end + 1) {
    end = key_log.find('\n', at);
    if (key_log.compare(at, 6, "CLIENT") == 0) half += key_log.substr(at, end - at + 1);
  }
  keys.add(as_bytes(half));
  play(talk.said);
  EXPECT_EQ(requests(), "GET /a -, POST /b -, HEAD /c -, GET /d -");
  EXPECT_FALSE(any(&Document::established));
}

TEST_F(Decrypting, SecretsOfAnotherConnectionOpenNothing) {
  Talk other(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk_http(other);
  learn();
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk_http(talk);
  // The right label and random, the wrong secret.
  std::string wrong = key_log;
  for (std::size_t at = 0; (at = wrong.find('\n', at)) != std::string::npos; ++at)
    if (at >= 4) wrong[at - 1] = wrong[at - 1] == '0' ? '1' : '0';
  keys.add(as_bytes(wrong));
  play(talk.said);
  EXPECT_EQ(requests(), "");
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(document().tls_client->server_name, "www.example.org");
}

TEST_F(Decrypting, SecretsThatComeLaterThanTheirPackets) {
  options.keys_grow = true;
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk_http(talk);
  Conversation c;
  handshake(c);
  uint32_t sent[2] = {0, 0};
  for (const Said& one : talk.said) {
    segment(c, one.by_client, sent[one.by_client], one.bytes);
    sent[one.by_client] += static_cast<uint32_t>(one.bytes.size());
  }
  EXPECT_EQ(requests(), "");
  EXPECT_EQ(count(), 1u);  // the handshake does not wait for what may never come
  learn();
  engine().secrets_came();
  engine().finish();
  EXPECT_EQ(requests(), all_of_it);
}

// --- HTTP/2 -------------------------------------------------------------------------------------

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  const Buffer head = Builder().u24(static_cast<unsigned>(payload.size())).u8(type).u8(flags).u32(stream);
  return std::string(head.begin(), head.end()) + payload;
}

class Deflater {
 public:
  Deflater() { nghttp2_hd_deflate_new(&deflater_, 65536); }
  // The other side allows it: the next block begins with the new size.
  void grow(std::size_t table) { nghttp2_hd_deflate_change_table_size(deflater_, table); }
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }
  std::string block(std::initializer_list<std::pair<std::string, std::string>> fields) {
    std::vector<std::pair<std::string, std::string>> own(fields);
    std::vector<nghttp2_nv> list;
    list.reserve(own.size());
    for (auto& [name, value] : own)
      list.push_back({reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
    std::string out(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), 0);
    const ssize_t n = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(out.data()), out.size(),
                                            list.data(), list.size());
    out.resize(static_cast<std::size_t>(n));
    return out;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

std::string settings(std::initializer_list<std::pair<unsigned, unsigned>> list) {
  Builder out;
  for (const auto& [id, value] : list) out.u16(id).u32(value);
  return std::string(out.bytes().begin(), out.bytes().end());
}

TEST_F(Decrypting, Http2StreamsFindTheirAnswersInAnyOrder) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk.offer("\x02h2");
  talk.shake_hands();
  Deflater ask, answer;
  const auto request = [&](uint32_t stream, const std::string& path) {
    const std::string block = ask.block({{":method", "GET"}, {":authority", "www.example.org"}, {":scheme", "https"},
                                         {":path", path}, {"user-agent", "tested"}, {"x-n", path}});
    // In three frames, the first with padding and a priority.
    std::string padded = std::string("\x04") + std::string("\x80\0\0\0\x07", 5) + block.substr(0, 5) + std::string(4, 0);
    return frame(1, 0x28 | 0x01, stream, padded) + frame(9, 0, stream, block.substr(5, 3)) +
           frame(9, 4, stream, block.substr(8));
  };
  const auto response = [&](uint32_t stream, const std::string& status) {
    const std::string head = answer.block({{":status", status}, {"server", "tested"}, {"x-s", status}});
    const std::string trailer = answer.block({{"trailer", "x"}});
    return frame(1, 4, stream, head) + frame(0, 0, stream, std::string(5000, 'z')) + frame(1, 5, stream, trailer);
  };
  talk.say(true, std::string(http2_preface) + frame(4, 0, 0, settings({{1, 65536}, {3, 100}, {0x1a2a, 7}})) +
                     frame(8, 0, 0, std::string("\0\xef\0\1", 4)) + frame(2, 0, 3, std::string("\0\0\0\0\xc8", 5)));
  talk.say(false, frame(4, 0, 0, settings({{1, 8192}})) + frame(4, 1, 0, ""));
  ask.grow(8192);
  answer.grow(65536);
  // A block after the other, as the tables of both ends have it.
  std::string asked = request(1, "/one");
  asked += request(3, "/two");
  asked += request(5, "/three");
  talk.say(true, asked);
  talk.say(false, response(5, "205"));
  talk.say(false, response(1, "201"));
  talk.say(false, frame(1, 4, 3, answer.block({{":status", "103"}})));
  talk.say(false, response(3, "203"));
  learn();
  play(talk.said);
  ASSERT_EQ(requests(), "GET /one 201, GET /two 203, GET /three 205") << engine().decryption_counters().records;
  EXPECT_EQ(document().decrypted_alpn, "h2");
  const Document& first = document(1);
  EXPECT_EQ(text(first, Kind::akamai_h2), "1:65536;3:100;6698:7|15663105|3:0:0:201|m,a,s,p");
  EXPECT_EQ(text(first, Kind::akamai_h2_hash).size(), 32u);
  EXPECT_EQ(first.http_request->host, "www.example.org");
  EXPECT_EQ(first.http_request->user_agent, "tested");
  EXPECT_EQ(first.http_request->version, "HTTP/2");
  ASSERT_EQ(first.http_request->headers.size(), 2u);
  EXPECT_EQ(first.http_request->headers[1].line, "x-n: /one");
  EXPECT_EQ(text(first, Kind::tls_decrypt_h2_server).substr(0, 28), "(3a7374617475733a20323031)(7");
  EXPECT_EQ(text(document(2), Kind::akamai_h2), "");
  EXPECT_EQ(protocols(document()), "TLS HTTP/2");
}

TEST_F(Decrypting, Http2WhoseHeaderBlocksAreBrokenGivesNoFields) {
  Talk talk(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
  talk.shake_hands();
  talk.say(true, std::string(http2_preface) + frame(4, 0, 0, "") + frame(1, 4, 1, std::string(20, '\xff')) +
                     frame(1, 4, 3, std::string(3, '\x80')));
  learn();
  play(talk.said);
  EXPECT_EQ(requests(), "");
}

TEST_F(Decrypting, Http2InTheClearIsReadUpToTheFirstRequestHoweverItIsCut) {
  Deflater ask;
  const std::string block = ask.block({{":method", "POST"}, {":path", "/x"}, {":scheme", "http"},
                                       {":authority", "h2.example"}, {"user-agent", "tested"}});
  const Buffer flight = text_bytes(std::string(http2_preface) + frame(4, 0, 0, settings({{4, 5}})) +
                                   frame(1, 4, 1, block) + frame(0, 1, 1, "body"));
  for (std::size_t cut = 1; cut < flight.size(); cut += 3) {
    SCOPED_TRACE(cut);
    collector.documents.clear();
    play({{true, prefix(flight, cut)}, {true, slice(flight, cut, flight.size())}});
    ASSERT_EQ(count(), 1u);
    EXPECT_EQ(requests(), "POST /x -");
    EXPECT_EQ(text(document(), Kind::akamai_h2), "4:5|00|0|m,p,s,a");
    EXPECT_EQ(protocols(document()), "HTTP/2");
    EXPECT_TRUE(incomplete(document()).empty());
  }
}

// --- key logs -----------------------------------------------------------------------------------

TEST(KeyLogs, AreReadInAnyPieces) {
  const std::string random(64, 'a'), secret(64, 'B'), master(96, 'c');
  const std::string log = "# comment\r\n\nCLIENT_RANDOM " + random + " " + master + "\r\nCLIENT_TRAFFIC_SECRET_0 " +
                          random + " " + secret + "\nEXPORTER_SECRET " + random + " " + secret + "\nnonsense\nCLIENT_RANDOM " +
                          random + " 00\nSERVER_TRAFFIC_SECRET_0 " + random + " " + master;
  TlsRandom key;
  key.fill(0xaa);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}, log.size()}) {
    KeyLog keys;
    for (std::size_t at = 0; at < log.size(); at += piece) keys.add(as_bytes(std::string_view(log).substr(at, piece)));
    EXPECT_EQ(keys.counters().secrets, 2u);
    EXPECT_TRUE(keys.finish());
    const TlsSecrets* secrets = keys.find(key);
    ASSERT_NE(secrets, nullptr);
    EXPECT_EQ(secrets->master.size, 48);
    EXPECT_EQ(secrets->client_traffic.size, 32);
    EXPECT_EQ(secrets->client_traffic.bytes[0], 0xbb);
    EXPECT_EQ(secrets->server_traffic.size, 48);
    EXPECT_FALSE(secrets->client_handshake.known());
    EXPECT_EQ(keys.counters().malformed, 2u);
    EXPECT_EQ(keys.counters().other, 1u);
    key.fill(0xab);
    EXPECT_EQ(keys.find(key), nullptr);
    key.fill(0xaa);
  }
}

}  // namespace
}  // namespace handprint::test
