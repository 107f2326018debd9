// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"

namespace handprint {

// A piece of a handshake message as DTLS sends it (RFC 6347 section 4.2.2; RFC 9147 section 5.2 for
// the hellos of DTLS 1.3).
struct DtlsFragment {
  uint8_t type = 0;             // of the message: tls_handshake::client_hello …
  uint32_t length = 0;          // of the whole message, without the 12-byte header
  uint16_t message = 0;         // message_seq: the sender's running number
  uint32_t offset = 0;          // of this piece in the message
  Bytes data;                   // the piece
  uint16_t record_version = 0;  // feff, fefd …
  bool whole() const { return offset == 0 && data.size() == length; }
};

namespace dtls_handshake {
inline constexpr uint8_t hello_verify_request = 3;
}

// Walks the records of one datagram and gives the handshake fragments that are in clear (epoch 0):
//
//   DtlsFragmentReader reader(datagram);
//   while (reader.next(fragment) == Reason::ok) …
class DtlsFragmentReader {
 public:
  explicit DtlsFragmentReader(Bytes datagram) : datagram_(datagram) {}

  //   ok              a fragment
  //   end_of_stream   no record is left
  //   encrypted       a record of a later epoch, or DTLS 1.3's unified header: nothing further is
  //                   readable
  //   malformed_dtls  a record that ends behind the datagram, that is of no known type or version,
  //                   or a fragment that does not lie within its message
  // After anything but ok it answers the same again.
  Reason next(DtlsFragment& out);

  // The last alert in clear that was stepped over (level 0: none).
  uint8_t alert_level() const { return alert_level_; }
  uint8_t alert_description() const { return alert_description_; }

 private:
  Cursor datagram_;
  Cursor record_;  // the rest of the handshake record at hand
  uint16_t version_ = 0;
  uint8_t alert_level_ = 0;
  uint8_t alert_description_ = 0;
  Reason stopped_ = Reason::ok;
};

}  // namespace handprint
