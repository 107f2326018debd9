// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/workspace.h"

namespace handprint {

namespace tls_handshake {
inline constexpr uint8_t client_hello = 1;
inline constexpr uint8_t server_hello = 2;
inline constexpr uint8_t new_session_ticket = 4;
inline constexpr uint8_t encrypted_extensions = 8;
inline constexpr uint8_t certificate = 11;
inline constexpr uint8_t server_key_exchange = 12;
inline constexpr uint8_t certificate_request = 13;
inline constexpr uint8_t server_hello_done = 14;
inline constexpr uint8_t certificate_verify = 15;
inline constexpr uint8_t client_key_exchange = 16;
inline constexpr uint8_t finished = 20;
inline constexpr uint8_t certificate_status = 22;
}  // namespace tls_handshake

// One handshake message (RFC 8446 section 4): the body without its 4-byte header.
struct HandshakeMessage {
  uint8_t type = 0;
  uint32_t length = 0;          // of the body, as declared
  Bytes body;                   // all of it, or what there is of it (see next())
  uint16_t record_version = 0;  // of the record that the message begins in
  bool sslv2 = false;           // an SSLv2-style ClientHello; body: from the version field on
  bool complete() const { return body.size() == length; }
};

// Walks the TLS records of one direction of a connection, whose bytes lie contiguous in memory from
// the start of TLS on, and gives the handshake messages one after the other.
//
//   TlsHandshakeReader reader(stream, workspace);
//   HandshakeMessage message;
//   switch (reader.next(message)) {
//     case Reason::ok:            … message.type, message.body
//     case Reason::need_more:     wait for reader.needed() further bytes, then walk again
//     case Reason::encrypted:     what follows is not readable without keys
//     case Reason::end_of_stream: all bytes are used and no message is open
//     default:                    not TLS
//   }
//
// A message inside one record is a view of the stream; one that is split over records is joined in
// workspace.handshake and valid until the next call. ChangeCipherSpec records and alerts between
// the pieces are stepped over (a second ClientHello follows a ChangeCipherSpec after a
// HelloRetryRequest; RFC 8446 appendix D.4), as are empty records.
class TlsHandshakeReader {
 public:
  TlsHandshakeReader(Bytes stream, Workspace& workspace)
      : stream_(stream), workspace_(&workspace) {}

  // The next message.
  //   ok            `out` holds it whole
  //   need_more     the stream ends inside it: if its header is there, `out` has type and declared
  //                 length and, as body, the part that is there
  //   end_of_stream nothing is open
  //   encrypted     an application-data record, or a handshake record after ChangeCipherSpec that
  //                 is not a hello
  //   too_long      a split message longer than handshake_scratch_size
  //   malformed_tls_record   not TLS at this place: unknown content type, version not 3.x, a record
  //                 over 2^14 + 2048 bytes (RFC 5246 section 6.2.3)
  // After anything but ok the reader stays where it is and answers the same again.
  Reason next(HandshakeMessage& out);

  // After need_more: the least number of further stream bytes without which the message cannot be
  // complete; exact when the message lies in the record at hand.
  uint32_t needed() const { return needed_; }
  // Stream offset behind the last record that was read to its end.
  size_t position() const { return position_; }
  // The last alert in clear text, if one was stepped over (level 0: none; RFC 8446 section 6).
  uint8_t alert_level() const { return alert_level_; }
  uint8_t alert_description() const { return alert_description_; }
  bool saw_change_cipher_spec() const { return change_cipher_spec_; }

 private:
  Reason open_record(bool inside_message);
  Reason sslv2(HandshakeMessage& out);
  Reason stop(Reason reason);

  Bytes stream_;
  Workspace* workspace_;
  size_t position_ = 0;          // of the next record header
  Bytes record_;                 // unread bytes of the current handshake record
  uint32_t record_missing_ = 0;  // bytes of that record beyond the end of the stream
  uint16_t record_version_ = 0;
  uint32_t needed_ = 0;
  uint8_t alert_level_ = 0;
  uint8_t alert_description_ = 0;
  bool change_cipher_spec_ = false;
  Reason stopped_ = Reason::ok;
};

// True when these first bytes of a stream are those of TLS: a handshake record of version 3.x whose
// message is a ClientHello (RFC 8446 section 5.1). Needs 6 bytes, false with fewer; looks at 10 if
// they are there.
bool begins_like_client_hello(Bytes stream);
// The same for the server's side: ServerHello, or an alert as its first record.
bool begins_like_server_hello(Bytes stream);
// An SSLv2-style ClientHello (RFC 5246 appendix E.2) that offers version 2 or 3.x.
bool begins_like_sslv2_hello(Bytes stream);

}  // namespace handprint
