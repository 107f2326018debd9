// SPDX-License-Identifier: Apache-2.0
// What a selector that copies everything would have: all TCP streams of a capture are put together
// from all of their bytes, messages are found in them by plain parsing, and every byte of a message
// is asked for among the bytes that were really copied.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bpf/window.h"
#include "fingerprint/packet.h"

namespace handprint::test {

struct OracleReport {
  uint64_t messages = 0;  // hellos, header blocks, key exchanges, Initials
  uint64_t needed = 0;    // their bytes, each once
  uint64_t copied = 0;    // payload bytes copied of streams that hold such messages, each once
  uint64_t samples = 0;   // bytes copied of streams that hold none: to name them
  uint64_t missing = 0;   // needed and not copied
  std::vector<std::string> failures;  // one line a message that is not complete

  void add(const OracleReport& other);
};

class Oracle {
 public:
  explicit Oracle(const hp_policy& policy) : policy_(policy) {}

  // One packet in order of the capture with what was decided on it.
  void packet(const Packet& packet, const hp_decision& decision);
  // Judges all streams.
  OracleReport report() const;

 private:
  struct Piece {
    uint32_t sequence;
    std::string bytes;
    uint32_t copied;  // of its first bytes
  };
  struct Stream {
    bool has_syn = false;
    uint32_t base = 0;
    std::vector<Piece> pieces;
  };
  struct Datagram {
    std::string bytes;
    uint32_t copied;
  };
  using Key = std::tuple<std::string, std::string, uint16_t, uint16_t>;

  void judge(const Key& key, const Stream& stream, OracleReport& report) const;
  void judge(const Key& key, const std::vector<Datagram>& datagrams, OracleReport& report) const;

  hp_policy policy_;
  std::map<Key, std::vector<Stream>> streams_;
  std::map<Key, std::vector<Datagram>> datagrams_;
};

}  // namespace handprint::test
