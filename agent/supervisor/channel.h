// SPDX-License-Identifier: Apache-2.0
// One end of a socket pair that keeps message boundaries and carries descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <utility>
#include <vector>

#include "agent/source/live/descriptor.h"
#include "agent/supervisor/message.h"
#include "fingerprint/cursor.h"
#include "fingerprint/result.h"

namespace handprint {

// A message that came. Valid until the next receive() on the same channel.
struct Received {
  MessageKind kind{};
  Bytes bytes;
  std::vector<Descriptor> descriptors;
};

class Channel {
 public:
  static constexpr std::size_t most_queued_bytes = 4u << 20;

  // Two connected, non-blocking sockets that close on exec.
  static Result<std::pair<Descriptor, Descriptor>> pair();

  Channel() = default;
  explicit Channel(Descriptor socket);

  int descriptor() const { return socket_.get(); }
  void close() { socket_.reset(); }

  // Sends a message with copies of at most most_message_descriptors descriptors. Never waits: what
  // does not fit is queued and sent by flush(). False when the other end is gone or the queue is
  // full; the message is dropped then.
  template <class T>
  bool send(T& message, std::initializer_list<int> descriptors = {}) {
    const std::size_t size = seal_message(message);
    return send_bytes({reinterpret_cast<const uint8_t*>(&message), size}, descriptors);
  }
  // Sends what is queued, as far as it goes. False when the other end is gone.
  bool flush();
  bool queued() const { return !queue_.empty(); }

  enum class Heard : uint8_t {
    message,
    nothing,    // none is waiting
    closed,     // the other end is gone
    malformed,  // not a message: too short or too long, of another version, or lying about its size
  };
  // Takes the next message, without waiting. Descriptors that came along belong to `out`.
  Heard receive(Received& out);
  // The same, waiting at most `ms`; without limit if that is negative.
  Heard receive(Received& out, int ms);

 private:
  struct Queued {
    std::vector<uint8_t> bytes;
    std::vector<Descriptor> descriptors;
  };
  bool send_bytes(Bytes bytes, std::initializer_list<int> descriptors);
  // 0, or errno.
  int send_now(Bytes bytes, const int* descriptors, std::size_t count);

  Descriptor socket_;
  std::deque<Queued> queue_;
  std::size_t queued_bytes_ = 0;
  std::vector<uint8_t> buffer_;
};

}  // namespace handprint
