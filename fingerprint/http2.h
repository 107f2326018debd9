// SPDX-License-Identifier: Apache-2.0
// HTTP/2 (RFC 9113): frames, header blocks (RFC 7541, by libnghttp2), and the fingerprint that Akamai
// published at Black Hat EU 2017.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "fingerprint/text.h"

namespace handprint {

inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

namespace http2_frame {
inline constexpr uint8_t data = 0, headers = 1, priority = 2, settings = 4, push_promise = 5,
                         window_update = 8, continuation = 9;
inline constexpr uint8_t ack = 0x01, end_stream = 0x01, end_headers = 0x04, padded = 0x08,
                         has_priority = 0x20;
inline constexpr std::size_t header_size = 9;
}  // namespace http2_frame

struct Http2Frame {
  uint32_t length = 0;  // of the payload, as declared
  uint8_t type = 0, flags = 0;
  uint32_t stream = 0;
  Bytes payload;  // all of it, or what there is of it

  bool whole() const { return payload.size() == length; }
};

// The frame at the front of the bytes. need_more: its header (9 bytes) is not there; ok otherwise, also
// when the payload is cut.
Reason read_http2_frame(Bytes bytes, Http2Frame& out);

// The part of a header block in a whole HEADERS, PUSH_PROMISE or CONTINUATION frame, without padding
// and priority; malformed_http2 when these do not fit into the frame.
Reason http2_header_block(const Http2Frame& frame, Bytes& out);

// Collects "SETTINGS|WINDOW_UPDATE|PRIORITY|pseudo headers" from the client's frames up to its first
// HEADERS.
class Http2Fingerprint {
 public:
  // A whole frame, in order; those behind the first HEADERS count for nothing.
  void frame(const Http2Frame& frame);
  // A name in the first header block, in order.
  void header(std::string_view name);
  // no_fingerprint as long as there was no HEADERS; too_long when the lists do not fit.
  Reason write(Text& out) const;
  bool headers_seen() const { return done_; }

 private:
  static constexpr std::size_t most = 64;
  struct Setting {
    uint16_t id;
    uint32_t value;
  };
  struct Priority {
    uint32_t stream, dependency;
    uint8_t weight;
    bool exclusive;
  };
  std::array<Setting, most> settings_;
  std::array<Priority, most> priorities_;
  std::array<char, 8> pseudo_{};
  std::size_t setting_count_ = 0, priority_count_ = 0, pseudo_count_ = 0;
  uint32_t window_update_ = 0;
  bool settings_seen_ = false, done_ = false, overflow_ = false;
};

// Reads header blocks of one direction, in order, with the table that they build up.
class HeaderInflater {
 public:
  // Who takes the fields of a block.
  class Taker {
   public:
    virtual void header(std::string_view name, std::string_view value) = 0;

   protected:
    ~Taker() = default;
  };

  // memory: null for the heap. Else everything is allocated there, and what does not fit fails: for the
  // packet path, one block of at most some KiB.
  explicit HeaderInflater(std::span<std::byte> memory = {});
  ~HeaderInflater();
  HeaderInflater(const HeaderInflater&) = delete;
  HeaderInflater& operator=(const HeaderInflater&) = delete;

  // A whole block. malformed_http2 when it is none; the table is lost then, and every later block is, too.
  Reason inflate(Bytes block, Taker& taker);
  // The other side allows a larger table (SETTINGS_HEADER_TABLE_SIZE).
  void allow_table(uint32_t bytes);

 private:
  struct State;
  std::unique_ptr<State> own_;
  State* state_ = nullptr;
};

}  // namespace handprint
