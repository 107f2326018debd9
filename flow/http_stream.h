// SPDX-License-Identifier: Apache-2.0
// A whole stream of HTTP, both sides in order, as decryption gives it: where each message begins and
// ends is known, so that bodies are stepped over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fingerprint/http2.h"
#include "flow/http_message.h"

namespace handprint {

class HttpStream {
 public:
  // The next bytes of the exchange's side. What is no HTTP, or breaks it, ends the reading of that side.
  void add(Bytes bytes, Carrier carrier, Exchange& exchange);
  // Bytes of the exchange's side are missing between what was added and what will be. A message that
  // begins with a record is found again; with HTTP/2 nothing can be read behind them.
  void lose(Exchange& exchange);

 private:
  enum class Spoken : uint8_t { unknown, http1, http2, other };
  enum class Body : uint8_t { none, counted, chunk_size, chunk, trailer, to_the_end, lost };
  struct Direction {
    std::vector<uint8_t> bytes;  // not read yet
    std::size_t read = 0;
    bool over = false;
    // HTTP/1
    Body body = Body::none;
    uint64_t left = 0;  // of the body or chunk
    // HTTP/2
    bool preface = false;
    std::unique_ptr<HeaderInflater> inflater;
    std::vector<uint8_t> block;  // of a HEADERS frame whose CONTINUATIONs are to come
    uint32_t block_stream = 0;
    uint8_t block_type = 0;
    bool block_open = false;
    uint64_t skip = 0;  // bytes of a frame that nobody needs
  };

  Bytes unread(const Direction& side) const { return Bytes(side.bytes).subspan(side.read); }
  void consume(Direction& side, std::size_t n);
  void decide(Exchange& exchange);
  bool http1(Direction& side, Carrier carrier, Exchange& exchange);
  bool http1_head(Direction& side, Carrier carrier, Exchange& exchange);
  bool http2(Direction& side, Carrier carrier, Exchange& exchange);
  void http2_block(Direction& side, Carrier carrier, Exchange& exchange);
  void settings(const Http2Frame& frame, const Direction& side);
  HeaderInflater& inflater(Direction& side);

  Spoken spoken_ = Spoken::unknown;
  std::array<Direction, 2> sides_;  // client, server
  // Which of the requests that are not answered yet have answers without a body (HEAD).
  std::deque<bool> heads_;
  Http2Fingerprint fingerprint_;
  bool fingerprint_written_ = false;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace handprint
