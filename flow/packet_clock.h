// SPDX-License-Identifier: Apache-2.0
// The engine's clock: driven by packets, never backwards, and not to be thrown off by one of them.
#pragma once

#include "flow/segment.h"

namespace handprint {

// Counts from 0. A packet that is a little older than the newest one does not move it. A leap
// forward counts as `largest_step`, which is longer than any time-out; a leap backwards (a capture
// appended to another one, a damaged time stamp before this packet) begins anew from there, so that
// time-outs go on working behind it.
class PacketClock {
 public:
  static constexpr PacketTime largest_step = 3'600'000'000'000;
  static constexpr PacketTime disorder = 10'000'000'000;

  // Moves on to a packet's time stamp; result: the clock.
  PacketTime advance(PacketTime stamp) {
    if (!started_) {
      started_ = true;
      newest_ = stamp;
      return now_;
    }
    // Unsigned, because time stamps of a hostile file may lie further apart than int64_t reaches.
    if (stamp > newest_) {
      const auto step = static_cast<uint64_t>(stamp) - static_cast<uint64_t>(newest_);
      now_ +=
          step < static_cast<uint64_t>(largest_step) ? static_cast<PacketTime>(step) : largest_step;
      newest_ = stamp;
    } else if (static_cast<uint64_t>(newest_) - static_cast<uint64_t>(stamp) >
               static_cast<uint64_t>(disorder)) {
      newest_ = stamp;
    }
    return now_;
  }
  // Time passed without a packet. A time that is older than the last packet's says nothing, whatever
  // the distance: who tells it may be behind with reading.
  void pass(PacketTime stamp) {
    if (started_ && stamp > newest_) advance(stamp);
  }
  PacketTime now() const { return now_; }

 private:
  PacketTime newest_ = 0;
  PacketTime now_ = 0;
  bool started_ = false;
};

}  // namespace handprint
