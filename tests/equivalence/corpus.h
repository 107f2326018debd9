// SPDX-License-Identifier: Apache-2.0
// The captures of a run, and each of their packets as an Ethernet frame that a program can be fed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/source/file/capture_file.h"
#include "fingerprint/packet.h"

namespace handprint::test {

// Every capture under these folders, sorted.
std::vector<std::string> captures_under(const std::vector<std::string>& folders);

struct CorpusPacket {
  PacketTime time = 0;
  bool decoded = false;  // packet holds TCP or UDP
  Packet packet;
  std::vector<uint8_t> ethernet;  // what the kernel is shown at tc and XDP
  std::vector<uint8_t> untagged;  // and at the cgroup hook: the innermost IP packet, re-framed
};

// Reads a capture. False: it is none (the reason in `error`); damage at its end is not an error.
bool read_capture(const std::string& path, std::string& error,
                  const std::function<void(CorpusPacket&)>& taker);

}  // namespace handprint::test
