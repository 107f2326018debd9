// SPDX-License-Identifier: Apache-2.0
// One direction of a TCP stream through the selector's step, without a table, a clock or a packet.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/selector.h"

namespace handprint::test {

class StreamHarness {
 public:
  explicit StreamHarness(uint32_t isn = 1000) : isn_(isn) {}

  hp_policy policy{.undecided_limit = 16384,
                   .hello_limit = 16384,
                   .http_limit = 8192,
                   .certificate_limit = 32768,
                   .mode = HP_MODE_HELLO,
                   .segments = 24,
                   .datagrams = 8,
                   .requests = 3};

  // The SYN (or SYN+ACK), with data for TCP Fast Open.
  hp_decision syn(std::string_view data = {}, bool ack = false) {
    return step(isn_, data, static_cast<uint8_t>(HP_TCP_SYN | (ack ? HP_TCP_ACK : 0)));
  }
  // A segment at this offset of the stream.
  hp_decision at(uint32_t offset, std::string_view data) {
    return step(isn_ + 1 + offset, data, HP_TCP_ACK);
  }
  hp_decision reset() { return step(isn_ + 1, {}, HP_TCP_RST); }
  // A new life of the same ports.
  void reuse(uint32_t isn) { isn_ = isn; }

  bool has_window() const { return present_; }
  const hp_window& window() const { return window_; }

  // What was copied, by stream offset; a gap shows as '?'.
  std::string copied() const {
    std::string all;
    for (const auto& [offset, bytes] : pieces_) {
      if (all.size() < offset + bytes.size()) all.resize(offset + bytes.size(), '?');
      all.replace(offset, bytes.size(), bytes);
    }
    return all;
  }
  size_t packets_copied() const { return packets_; }
  size_t bytes_copied() const { return bytes_; }

 private:
  hp_decision step(uint32_t sequence, std::string_view data, uint8_t flags) {
    hp_segment s{};
    s.seq = sequence;
    s.len = static_cast<uint32_t>(data.size());
    s.flags = flags;
    s.head_len = static_cast<uint8_t>(std::min<size_t>(data.size(), HP_HEAD));
    if (s.head_len) std::memcpy(s.head, data.data(), s.head_len);
    hp_window w = present_ ? window_ : hp_window{};
    hp_decision d;
    hp_select_tcp(&s, &w, &policy, &d);
    if (d.scan && d.copy_len) {
      std::string buffer(data.substr(d.copy_off, d.copy_len));
      buffer.resize((buffer.size() + 15) & ~size_t{7}, '\n');  // what lies behind must not matter
      hp_scan(reinterpret_cast<const uint8_t*>(buffer.data()), &w, &policy, &d);
    }
    if (d.window == HP_WINDOW_STORE) {
      window_ = w;
      present_ = true;
    } else if (d.window == HP_WINDOW_REMOVE) {
      present_ = false;
    }
    if (d.content != HP_CONTENT_NONE) {
      const uint32_t offset = flags & HP_TCP_SYN ? 0 : sequence - (isn_ + 1);
      if (d.copy_len)
        pieces_.emplace_back(offset + d.copy_off, data.substr(d.copy_off, d.copy_len));
      packets_ += d.copy_len != 0;
      bytes_ += d.copy_len;
    }
    return d;
  }

  uint32_t isn_;
  hp_window window_{};
  bool present_ = false;
  std::vector<std::pair<uint32_t, std::string>> pieces_;
  size_t packets_ = 0, bytes_ = 0;
};

}  // namespace handprint::test
