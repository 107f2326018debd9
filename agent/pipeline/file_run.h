// SPDX-License-Identifier: Apache-2.0
// Reads capture files, one after the other, and writes what they hold.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/pipeline/identity.h"
#include "agent/sink/sink.h"
#include "agent/source/file/file_source.h"
#include "flow/engine.h"

namespace handprint {

struct FileRunOptions {
  std::vector<std::string> files;      // "-" is standard input
  std::string sensor;                  // empty: pcap-player-<file name>
  std::vector<std::string> labels;
  hp_policy policy{};                  // of the selector; file_policy() as a rule
  std::size_t flow_bytes = 64u << 20;
  int64_t first_document_after = 5'000'000'000;
  std::size_t queue_bytes = 1u << 20;  // few documents wait, so that they are still in the CPU's cache
  uint32_t http_messages = 0;
  std::string key_log;                 // file of secrets to decrypt with; empty: only those in the captures
};

struct FileProgress {
  const std::string* file = nullptr;
  std::size_t number = 0;      // of the file, from 0
  uint64_t read = 0;           // bytes of the stored file
  uint64_t size = 0;           // 0: not known
  uint64_t packets = 0;        // so far, of all files
  uint64_t documents = 0;
};

struct FileRunResult {
  uint64_t packets = 0;
  uint64_t bytes = 0;          // captured bytes of these packets
  uint64_t selected = 0;
  uint64_t flows = 0;
  uint64_t documents = 0;
  uint64_t documents_dropped = 0;
  DecryptionCounters decryption;
  std::array<uint64_t, reason_count> undecoded{};
  bool failed = false;         // a file could not be read to its end, or an output failed
  bool closed = false;         // the reader of the output went away
  bool stopped = false;        // `stop` became true
};

struct FileRunEvents {
  std::function<void(const Error&)> damaged;            // a file, or what is left of it, cannot be read
  std::function<void(std::string_view sink, int error)> output_failed;
  std::function<void(const FileProgress&)> progress;    // after each batch of packets
};

// Runs on the calling thread (the reader); each sink has a thread of its own and holds the reader up
// when it is slower. `stop` ends the reading: what is open is written then.
FileRunResult run_files(const FileRunOptions& options, const Identity& identity,
                        std::vector<std::unique_ptr<Sink>> sinks, const FileRunEvents& events,
                        const std::atomic<bool>& stop);

}  // namespace handprint
