// SPDX-License-Identifier: Apache-2.0
// Where a pipeline's packets come from: the kernel's rings, or a capture file.
#pragma once

#include "fingerprint/result.h"
#include "flow/engine.h"

namespace handprint {

// One source belongs to one pipeline thread. All of its functions are called on that thread.
class Source {
 public:
  enum class State : uint8_t {
    more,  // a batch was fed; there may be more at once
    idle,  // nothing came before the time-out
    end,   // nothing will come any more: the file is read, or the rings of a detached loader are empty
  };

  virtual ~Source() = default;

  // Feeds at most one batch (256 packets, process events before packets) into the engine and
  // returns. Waits up to `timeout_ms` for the first of them; 0 never waits. Never throws. What the
  // engine keeps it copies, so that nothing of a batch is used after pump() has returned.
  virtual State pump(Engine& engine, int timeout_ms) = 0;

  // The clock of this source's packets, for Engine::advance(): the boot clock live, the newest
  // packet's time in a file. Nanoseconds.
  virtual PacketTime now() const = 0;

  // What stopped the source before its end; null when nothing did. Packets before it were fed.
  virtual const Error* damage() const { return nullptr; }
};

}  // namespace handprint
