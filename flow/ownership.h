// SPDX-License-Identifier: Apache-2.0
// What is known of the process behind one end of a flow, from all sightings of its socket.
#pragma once

#include <cstdint>

#include "bpf/wire.h"
#include "flow/document.h"

namespace handprint {

// Collects owners in the order in which they are seen, and says who it is. It never guesses: an end
// without a sighting stays unknown.
class EndOwner {
 public:
  // A local socket of this end was seen, whoever owns it.
  void found_local() { local_ = true; }
  // Takes in what the kernel said of the local socket. A listener is kept apart from the process
  // that works on the connection; who called connect() is not replaced by who reads later. True
  // when the answer changed.
  bool learn(const hp_owner& owner);
  // The process that sent a packet of this end, as seen at the other end's interface: its pid, and
  // as much of role, flags and start as the kernel knew. It counts as long as the end's own
  // sightings say nothing better. True when the answer changed.
  bool learn_sender(const hp_owner& sender);

  // Takes in all that is known of the same end from elsewhere. True when the answer changed.
  bool learn_all(const EndOwner& other);
  bool local() const { return local_; }

  // The server's listener is known and the process that reads from the connection is not yet.
  bool awaits_worker() const {
    return (listener_.pid != 0 || sending_listener_.pid != 0) && direct_.pid == 0 &&
           sender_.pid == 0;
  }
  Ownership ownership() const;
  // The network namespace of the local socket's process (inode number), 0 if unknown.
  uint32_t netns() const { return direct_.pid != 0 ? direct_.netns : listener_.netns; }

 private:
  // What is known of a sender; the rest of its hp_owner is not.
  struct Sender {
    uint64_t start_ns = 0;
    uint32_t pid = 0;
    uint8_t role = HP_ROLE_NONE;
    uint8_t flags = 0;
    hp_owner owner() const;
  };

  hp_owner direct_{};  // client, creator, holder or worker
  hp_owner listener_{};
  Sender sender_;  // likewise, seen as senders
  Sender sending_listener_;
  bool local_ = false;
};

}  // namespace handprint
