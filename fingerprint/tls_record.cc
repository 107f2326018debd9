// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tls_record.h"

#include <cstring>

namespace handprint {
namespace {

constexpr size_t record_header = 5;
constexpr size_t handshake_header = 4;
// RFC 5246 section 6.2.3: a protected record may be 2048 bytes longer than 2^14.
constexpr size_t max_record = (1u << 14) + 2048;

enum ContentType : uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
  heartbeat = 24
};

uint32_t load_u24(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 16 | static_cast<uint32_t>(at[1]) << 8 | at[2];
}

// Behind a ChangeCipherSpec only a hello is still in clear text: the second one of either side
// after a HelloRetryRequest. Encrypted bytes look like this once in many millions.
bool clear_hello_behind_change_cipher_spec(Bytes fragment) {
  return fragment.size() < 6 || ((fragment[0] == tls_handshake::client_hello ||
                                  fragment[0] == tls_handshake::server_hello) &&
                                 fragment[1] == 0 && fragment[4] == 3 && fragment[5] <= 4);
}

// Behind the type: a length below 2^16 and, if the record goes that far, a version 3.x (7f.. and
// fb.. in drafts of TLS 1.3).
bool hello_follows(Bytes stream) {
  if (stream.size() > 6 && load_u16(&stream[3]) >= 2 && stream[6] != 0) return false;
  if (stream.size() < 10 || load_u16(&stream[3]) < 5) return true;
  return stream[9] == 3 || stream[9] == 0x7f || stream[9] == 0xfb;
}

}  // namespace

Reason TlsHandshakeReader::stop(Reason reason) {
  stopped_ = reason;
  return reason;
}

// Goes to the next handshake record with something in it and sets record_ to what is there.
// Otherwise needed_ becomes the number of bytes that must come before the first of such a record's.
Reason TlsHandshakeReader::open_record(bool inside_message) {
  for (;;) {
    Bytes rest = stream_.subspan(position_);
    if (rest.empty()) {
      needed_ = record_header;
      return Reason::end_of_stream;
    }
    // Judge what is there before asking for more, so that another protocol is not waited for.
    if (rest[0] < change_cipher_spec || rest[0] > heartbeat) return Reason::malformed_tls_record;
    if (rest.size() > 1 && rest[1] != 3) return Reason::malformed_tls_record;
    if (rest.size() > 2 && rest[2] > 4) return Reason::malformed_tls_record;
    if (rest.size() < record_header) {
      needed_ = static_cast<uint32_t>(record_header - rest.size());
      return Reason::need_more;
    }
    size_t length = load_u16(rest.data() + 3);
    if (length > max_record) return Reason::malformed_tls_record;
    if (rest[0] == application_data) return Reason::encrypted;

    Bytes fragment = rest.subspan(record_header);
    size_t missing = 0;
    if (fragment.size() >= length)
      fragment = fragment.first(length);
    else
      missing = length - fragment.size();

    if (rest[0] != handshake || length == 0) {
      if (missing != 0) {
        needed_ = static_cast<uint32_t>(missing + record_header);
        return Reason::need_more;
      }
      if (rest[0] == change_cipher_spec) change_cipher_spec_ = true;
      if (rest[0] == alert) {
        if (length != 2) return Reason::encrypted;
        alert_level_ = fragment[0];
        alert_description_ = fragment[1];
      }
      position_ += record_header + length;
      continue;
    }
    if (change_cipher_spec_ && !inside_message && !clear_hello_behind_change_cipher_spec(fragment))
      return Reason::encrypted;
    if (fragment.empty()) {
      needed_ = 0;
      return Reason::need_more;
    }
    record_version_ = load_u16(rest.data() + 1);
    record_ = fragment;
    record_missing_ = static_cast<uint32_t>(missing);
    position_ += record_header + length - missing;
    return Reason::ok;
  }
}

// RFC 5246 appendix E.2: 15-bit length, message type 1, then version and three lengths.
Reason TlsHandshakeReader::sslv2(HandshakeMessage& out) {
  constexpr size_t least = 11;  // what begins_like_sslv2_hello looks at
  if (stream_.size() < least && (stream_.size() < 3 || stream_[2] == tls_handshake::client_hello) &&
      (stream_.size() < 4 || stream_[3] == 0 || stream_[3] == 3)) {
    needed_ = static_cast<uint32_t>(least - stream_.size());
    return stop(Reason::need_more);
  }
  if (!begins_like_sslv2_hello(stream_)) return stop(Reason::malformed_tls_record);
  size_t length = static_cast<size_t>(load_u16(stream_.data()) & 0x7fff);
  out.type = tls_handshake::client_hello;
  out.length = static_cast<uint32_t>(length - 1);
  out.sslv2 = true;
  out.record_version = 0x0002;
  Bytes body = stream_.subspan(3);
  if (body.size() < length - 1) {
    out.body = body;
    needed_ = static_cast<uint32_t>(length - 1 - body.size());
    return stop(Reason::need_more);
  }
  out.body = body.first(length - 1);
  position_ = length + 2;
  stopped_ = Reason::ok;
  return Reason::ok;
}

Reason TlsHandshakeReader::next(HandshakeMessage& out) {
  out = HandshakeMessage{};
  if (stopped_ != Reason::ok && stopped_ != Reason::need_more) return stopped_;
  if (position_ == 0 && !stream_.empty() && (stream_[0] & 0x80) != 0) return sslv2(out);

  // A message that is not complete leaves the reader where the message begins.
  const size_t position_then = position_;
  const Bytes record_then = record_;
  const uint32_t missing_then = record_missing_;
  const bool change_cipher_spec_then = change_cipher_spec_;
  auto give_up = [&](Reason reason) {
    position_ = position_then;
    record_ = record_then;
    record_missing_ = missing_then;
    change_cipher_spec_ = change_cipher_spec_then;
    stopped_ = reason;
    return reason;
  };
  // `missing` bytes of the message are still to come.
  auto cut = [&](size_t missing) {
    bool in_this_record = record_missing_ >= missing;
    needed_ = static_cast<uint32_t>(in_this_record ? missing : missing + record_header);
    return give_up(Reason::need_more);
  };

  if (record_.empty()) {
    if (record_missing_ != 0) return cut(handshake_header);
    if (Reason reason = open_record(false); reason != Reason::ok) {
      if (reason == Reason::need_more) needed_ += handshake_header;
      return give_up(reason);
    }
  }
  out.record_version = record_version_;

  // The usual case: header and body lie in one record, and no copy is made.
  if (record_.size() >= handshake_header) {
    out.type = record_[0];
    out.length = load_u24(&record_[1]);
    Bytes after = record_.subspan(handshake_header);
    if (after.size() >= out.length) {
      out.body = after.first(out.length);
      record_ = after.subspan(out.length);
      stopped_ = Reason::ok;
      return Reason::ok;
    }
    if (record_missing_ != 0) {  // cut inside its first record: still one piece
      out.body = after;
      return cut(out.length - after.size());
    }
  }

  // Join the pieces. The header's four bytes may be split as well.
  uint8_t* const joined = workspace_->handshake.data();
  size_t have = 0;
  size_t want = handshake_header;
  for (;;) {
    size_t piece = record_.size() < want - have ? record_.size() : want - have;
    std::memcpy(joined + have, record_.data(), piece);
    have += piece;
    record_ = record_.subspan(piece);
    if (have == handshake_header && want == handshake_header) {
      out.type = joined[0];
      out.length = load_u24(joined + 1);
      want += out.length;
      if (want > handshake_scratch_size) return give_up(Reason::too_long);
    }
    if (have > handshake_header)
      out.body = Bytes(joined + handshake_header, have - handshake_header);
    if (have == want) {
      stopped_ = Reason::ok;
      return Reason::ok;
    }
    if (!record_.empty()) continue;
    if (record_missing_ != 0) return cut(want - have);
    Reason reason = open_record(true);
    if (reason == Reason::ok) continue;
    if (reason == Reason::end_of_stream || reason == Reason::need_more) {
      needed_ += static_cast<uint32_t>(want - have);
      reason = Reason::need_more;
    }
    return give_up(reason);
  }
}

bool begins_like_client_hello(Bytes stream) {
  return stream.size() >= 6 && stream[0] == handshake && stream[1] == 3 && stream[2] <= 4 &&
         stream[5] == tls_handshake::client_hello && hello_follows(stream);
}

bool begins_like_server_hello(Bytes stream) {
  if (stream.size() < 6 || stream[1] != 3 || stream[2] > 4) return false;
  if (stream[0] == handshake)
    return stream[5] == tls_handshake::server_hello && hello_follows(stream);
  // A plain alert: two bytes, warning or fatal.
  return stream[0] == alert && stream[3] == 0 && stream[4] == 2 &&
         (stream[5] == 1 || stream[5] == 2);
}

bool begins_like_sslv2_hello(Bytes stream) {
  if (stream.size() < 11 || (stream[0] & 0x80) == 0 || stream[2] != tls_handshake::client_hello)
    return false;
  size_t length = static_cast<size_t>(load_u16(stream.data()) & 0x7fff);
  uint16_t version = load_u16(&stream[3]);
  size_t specs = load_u16(&stream[5]);
  size_t session = load_u16(&stream[7]);
  size_t challenge = load_u16(&stream[9]);
  return (version == 0x0002 || (version >= 0x0300 && version <= 0x0304)) && specs != 0 &&
         specs % 3 == 0 && (session == 0 || session == 16) && challenge >= 16 && challenge <= 32 &&
         length == 9 + specs + session + challenge;
}

}  // namespace handprint
