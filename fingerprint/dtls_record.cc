// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/dtls_record.h"

namespace handprint {
namespace {

constexpr uint8_t change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23,
                  heartbeat = 24, connection_id = 25, acknowledgement = 26;

// DTLS counts downwards from 1.0 = feff; 0100 is OpenSSL's form of before the standard.
bool known_version(uint16_t version) {
  return version == 0xfeff || version == 0xfefd || version == 0xfefc || version == 0x0100;
}

}  // namespace

Reason DtlsFragmentReader::next(DtlsFragment& out) {
  out = DtlsFragment{};
  if (stopped_ != Reason::ok) return stopped_;
  while (record_.empty()) {
    if (datagram_.empty()) return stopped_ = Reason::end_of_stream;
    const uint8_t type = datagram_.u8();
    if ((type & 0xe0) == 0x20) return stopped_ = Reason::encrypted;  // RFC 9147 section 4
    version_ = datagram_.u16();
    const uint16_t epoch = datagram_.u16();
    datagram_.skip(6);  // sequence number
    Cursor body = datagram_.sub(datagram_.u16());
    if (datagram_.failed() || body.failed() || !known_version(version_))
      return stopped_ = Reason::malformed_dtls;
    if (epoch != 0) return stopped_ = Reason::encrypted;
    switch (type) {
      case handshake:
        record_ = body;
        break;
      case alert:
        if (body.left() == 2) {
          alert_level_ = body.u8();
          alert_description_ = body.u8();
        }
        break;
      case change_cipher_spec:
      case application_data:
      case heartbeat:
      case connection_id:
      case acknowledgement:
        break;
      default:
        return stopped_ = Reason::malformed_dtls;
    }
  }
  out.record_version = version_;
  out.type = record_.u8();
  out.length = record_.u24();
  out.message = record_.u16();
  out.offset = record_.u24();
  out.data = record_.take(record_.u24());
  if (!record_.failed() && out.offset <= out.length && out.data.size() <= out.length - out.offset)
    return Reason::ok;
  out = DtlsFragment{};
  return stopped_ = Reason::malformed_dtls;
}

}  // namespace handprint
