// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tls_record.h"

#include <gtest/gtest.h>

#include "builder.h"
#include "fingerprint/client_hello.h"

namespace handprint::test {
namespace {

constexpr unsigned change_cipher_spec = 20, alert = 21, handshake_record = 22,
                   application_data = 23;

Buffer join(std::initializer_list<Buffer> parts) {
  Builder out;
  for (const Buffer& part : parts) out.raw(part);
  return out;
}

// A message cut into records of at most n bytes.
Buffer in_records_of(size_t n, const Buffer& message) {
  Builder out;
  for (size_t at = 0; at < message.size(); at += n) {
    size_t end = std::min(at + n, message.size());
    out.raw(record(handshake_record, Buffer(message.begin() + static_cast<std::ptrdiff_t>(at),
                                            message.begin() + static_cast<std::ptrdiff_t>(end))));
  }
  return out;
}

const Buffer& hello_body() {
  static const Buffer body = browser_hello().body();
  return body;
}
Buffer hello_message() { return handshake(1, hello_body()); }
bool same(Bytes a, const Buffer& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

TEST(TlsHandshakeReader, GivesAMessageInOneRecordWithoutCopying) {
  Buffer stream = record(handshake_record, hello_message());
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, tls_handshake::client_hello);
  EXPECT_TRUE(message.complete());
  EXPECT_TRUE(same(message.body, hello_body()));
  EXPECT_EQ(message.body.data(), stream.data() + 9) << "a view into the stream";
  EXPECT_EQ(message.record_version, 0x0301);
  EXPECT_EQ(reader.next(message), Reason::end_of_stream);
  EXPECT_EQ(reader.position(), stream.size());
}

// RFC 8446 section 5.1: a handshake message may span any number of records.
TEST(TlsHandshakeReader, JoinsAMessageFromRecordsOfEverySize) {
  for (size_t size : {1u, 2u, 3u, 4u, 5u, 7u, 100u, 1000u, 1500u}) {
    Buffer stream = in_records_of(size, hello_message());
    TlsHandshakeReader reader(stream, workspace());
    HandshakeMessage message;
    ASSERT_EQ(reader.next(message), Reason::ok) << size;
    ASSERT_TRUE(same(message.body, hello_body())) << size;
    ASSERT_EQ(reader.next(message), Reason::end_of_stream) << size;
  }
}

TEST(TlsHandshakeReader, GivesSeveralMessagesOfOneRecord) {
  Buffer stream =
      record(handshake_record,
             join({handshake(2, Buffer(10, 1)), handshake(14, {}), handshake(11, Buffer(5, 2))}));
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, 2);
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, 14);
  EXPECT_TRUE(message.body.empty());
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, 11);
  EXPECT_EQ(message.body.size(), 5u);
  EXPECT_EQ(reader.next(message), Reason::end_of_stream);
}

TEST(TlsHandshakeReader, AMessageMayBeginInARecordAndEndInTheNext) {
  Buffer certificate = handshake(11, Buffer(300, 7));
  Buffer both = join({handshake(2, Buffer(10, 1)), certificate});
  Buffer stream = in_records_of(50, both);
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, 2);
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, 11);
  EXPECT_TRUE(same(message.body, Buffer(300, 7)));
}

TEST(TlsHandshakeReader, StepsOverAlertsChangeCipherSpecsAndEmptyRecordsBetweenThePieces) {
  Buffer message_bytes = hello_message();
  Buffer first = prefix(message_bytes, 700);
  Buffer second(message_bytes.begin() + 700, message_bytes.end());
  Buffer stream = join({record(handshake_record, first), record(change_cipher_spec, Buffer{1}),
                        record(handshake_record, {}), record(alert, hex("015a")),
                        record(handshake_record, second)});
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_TRUE(same(message.body, hello_body()));
  EXPECT_TRUE(reader.saw_change_cipher_spec());
  EXPECT_EQ(reader.alert_level(), 1);
  EXPECT_EQ(reader.alert_description(), 90);
}

// RFC 8446 appendix D.4: after a HelloRetryRequest the client may send a ChangeCipherSpec first.
TEST(TlsHandshakeReader, ReadsTheSecondClientHelloBehindAChangeCipherSpec) {
  Buffer stream =
      join({record(handshake_record, hello_message()),
            record(change_cipher_spec, Buffer{1}, 0x0303), in_records_of(600, hello_message())});
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_EQ(message.type, tls_handshake::client_hello);
  EXPECT_TRUE(same(message.body, hello_body()));
}

TEST(TlsHandshakeReader, StopsWhereTheStreamIsEncrypted) {
  HandshakeMessage message;
  Buffer finished =
      join({record(handshake_record, hello_message()), record(change_cipher_spec, Buffer{1}),
            record(handshake_record, hex("8f3a77c1d2e4f500112233445566778899aabbcc"))});
  TlsHandshakeReader tls12(finished, workspace());
  ASSERT_EQ(tls12.next(message), Reason::ok);
  EXPECT_EQ(tls12.next(message), Reason::encrypted);
  EXPECT_EQ(tls12.next(message), Reason::encrypted) << "and says so again";

  Buffer data =
      join({record(handshake_record, hello_message()), record(application_data, Buffer(40, 3))});
  TlsHandshakeReader tls13(data, workspace());
  ASSERT_EQ(tls13.next(message), Reason::ok);
  EXPECT_EQ(tls13.next(message), Reason::encrypted);
}

TEST(TlsHandshakeReader, SaysExactlyHowManyBytesAreMissingInsideTheRecordAtHand) {
  Buffer stream = record(handshake_record, hello_message());
  for (size_t n = 9; n < stream.size(); ++n) {
    Buffer cut = prefix(stream, n);
    TlsHandshakeReader reader(cut, workspace());
    HandshakeMessage message;
    ASSERT_EQ(reader.next(message), Reason::need_more) << n;
    ASSERT_EQ(reader.needed(), stream.size() - n) << n;
    ASSERT_EQ(message.type, tls_handshake::client_hello);
    ASSERT_EQ(message.length, hello_body().size());
    ASSERT_EQ(message.body.size(), n - 9) << "the part that is there";
    ASSERT_EQ(reader.next(message), Reason::need_more) << "asking again changes nothing";
    ASSERT_EQ(reader.needed(), stream.size() - n) << n;
  }
}

// However a message is split, with needed() bytes more it can be complete and with fewer it cannot.
TEST(TlsHandshakeReader, NeverAsksForMoreThanItNeeds) {
  for (size_t size : {1u, 3u, 4u, 6u, 500u, 1800u}) {
    Buffer stream = in_records_of(size, hello_message());
    for (size_t n = 0; n < stream.size(); n += (n < 40 ? 1 : 37)) {
      Buffer cut = prefix(stream, n);
      TlsHandshakeReader reader(cut, workspace());
      HandshakeMessage message;
      Reason reason = reader.next(message);
      ASSERT_EQ(reason, n == 0 ? Reason::end_of_stream : Reason::need_more) << size << ' ' << n;
      ASSERT_GT(reader.needed(), 0u) << size << ' ' << n;
      ASSERT_LE(n + reader.needed(), stream.size()) << size << ' ' << n;
    }
  }
}

// Found by fuzzing: a ChangeCipherSpec inside an open message must not make its first record look
// encrypted when the reader is asked again.
TEST(TlsHandshakeReader, AsksForTheSameAgainWithAChangeCipherSpecInsideAnOpenMessage) {
  Buffer stream = join({record(handshake_record, prefix(handshake(2, Buffer(300, 9)), 40)),
                        record(change_cipher_spec, Buffer{1})});
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::need_more);
  const uint32_t needed = reader.needed();
  EXPECT_EQ(needed, 5u + 304 - 40);
  EXPECT_EQ(reader.next(message), Reason::need_more);
  EXPECT_EQ(reader.needed(), needed);
}

TEST(TlsHandshakeReader, RefusesOtherProtocolsAtOnce) {
  for (std::string_view text : {"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\x05\x01", "\x16\x04\x01",
                                "\x16\x03\x09", "\x19\x03\x03"}) {
    Buffer stream = Builder().text(text);
    TlsHandshakeReader reader(stream, workspace());
    HandshakeMessage message;
    EXPECT_EQ(reader.next(message), Reason::malformed_tls_record) << text;
  }
  Buffer too_long_a_record = hex("16 0301 4801 01");
  TlsHandshakeReader reader(too_long_a_record, workspace());
  HandshakeMessage message;
  EXPECT_EQ(reader.next(message), Reason::malformed_tls_record);
}

TEST(TlsHandshakeReader, RefusesSplitMessagesBeyondItsScratch) {
  Buffer header = Builder().u8(11).u24(handshake_scratch_size).fill(100);
  Buffer stream = record(handshake_record, header);
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  EXPECT_EQ(reader.next(message), Reason::too_long);
}

TEST(TlsHandshakeReader, JoinsUpToItsScratch) {
  Buffer body(handshake_scratch_size - 4, 0x42);
  Buffer stream = in_records_of(16384, handshake(11, body));
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_TRUE(same(message.body, body));
}

TEST(TlsHandshakeReader, ReadsAnSslv2StyleHello) {
  Buffer body = Builder().u16(0x0301).u16(6).u16(0).u16(16).hex("00002f 010080").fill(16, 1);
  Buffer stream = Builder().u16(static_cast<unsigned>(0x8000 | (body.size() + 1))).u8(1).raw(body);
  EXPECT_TRUE(begins_like_sslv2_hello(stream));
  TlsHandshakeReader reader(stream, workspace());
  HandshakeMessage message;
  ASSERT_EQ(reader.next(message), Reason::ok);
  EXPECT_TRUE(message.sslv2);
  ClientHello hello;
  EXPECT_EQ(parse_client_hello(message, hello), Reason::ok);
  for (size_t n = 1; n < stream.size(); ++n) {
    Buffer cut = prefix(stream, n);
    TlsHandshakeReader again(cut, workspace());
    ASSERT_EQ(again.next(message), Reason::need_more) << n;
    ASSERT_LE(n + again.needed(), stream.size()) << n;
  }
}

TEST(TlsBeginnings, AreToldFromOtherBytes) {
  Buffer client = record(handshake_record, hello_message());
  Buffer server = record(handshake_record, handshake(2, Builder().u16(0x0303).fill(40)));
  EXPECT_TRUE(begins_like_client_hello(client));
  EXPECT_FALSE(begins_like_client_hello(server));
  EXPECT_TRUE(begins_like_server_hello(server));
  EXPECT_FALSE(begins_like_server_hello(client));
  EXPECT_TRUE(begins_like_server_hello(hex("15 0303 0002 02 28"))) << "an alert as the answer";
  EXPECT_FALSE(begins_like_server_hello(hex("15 0303 0020 02 28"))) << "an encrypted alert";
  for (size_t n = 0; n < 6; ++n) EXPECT_FALSE(begins_like_client_hello(prefix(client, n))) << n;
  EXPECT_FALSE(begins_like_client_hello(hex("16 0303 0080 01 9a 55 33 21")))
      << "an encrypted message that begins with 1";
  EXPECT_FALSE(begins_like_sslv2_hello(client));
}

}  // namespace
}  // namespace handprint::test
