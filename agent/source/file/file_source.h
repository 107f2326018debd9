// SPDX-License-Identifier: Apache-2.0
// A capture file as a source of packets: frames are decoded, go through the same selector as live
// traffic, and what it chooses is fed to the engine.
#pragma once

#include <array>
#include <cstdint>

#include "agent/source/file/capture_file.h"
#include "agent/source/source.h"
#include "bpf/wire.h"
#include "flow/key_log.h"
#include "flow/selection.h"

namespace handprint {

struct FileCounters {
  uint64_t packets = 0;   // frames read
  uint64_t bytes = 0;     // of these frames, as captured
  uint64_t selected = 0;  // fed to the engine
  std::array<uint64_t, reason_count> undecoded{};  // frames without TCP or UDP, by cause
};

class FileSource : public Source {
 public:
  static constexpr std::size_t batch = 256;

  // The file must outlive the source. Allocates the selector's table here, nothing afterwards.
  // keys: null, or secrets for the engine: once there is one, it is fed whole streams. It must outlive
  // the source, too.
  FileSource(CaptureFile& file, const hp_policy& policy, const KeyLog* keys = nullptr);

  // A file never idles: it waits for a pipe's next packet, however long that takes.
  State pump(Engine& engine, int timeout_ms) override;
  PacketTime now() const override { return newest_; }
  const Error* damage() const override { return file_.damage(); }

  const FileCounters& counters() const { return counters_; }

 private:
  CaptureFile& file_;
  Selection selection_;
  const bool all_datagrams_;
  const KeyLog* keys_;
  FileCounters counters_;
  PacketTime newest_ = 0;
  std::array<Frame, batch> frames_;
};

}  // namespace handprint
