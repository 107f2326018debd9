// SPDX-License-Identifier: Apache-2.0
#include "flow/ownership.h"

namespace handprint {

namespace {

bool same_process(const hp_owner& a, const hp_owner& b) {
  return a.pid == b.pid && a.start_ns == b.start_ns;
}

}  // namespace

bool EndOwner::learn(const hp_owner& owner) {
  if (owner.pid == 0) return false;
  local_ = true;
  if (owner.role == HP_ROLE_LISTENER || (owner.flags & HP_OWNER_LISTENING) != 0) {
    // The accepted child inherits from the socket that really took the connection, which among
    // several of one port (SO_REUSEPORT) is the later and better sighting.
    if (listener_.pid != 0 && same_process(listener_, owner)) return false;
    listener_ = owner;
    return direct_.pid == 0;
  }
  if (direct_.pid != 0) {
    if (direct_.role == HP_ROLE_CLIENT && owner.role != HP_ROLE_CLIENT) return false;
    if (direct_.role == HP_ROLE_WORKER && owner.role != HP_ROLE_WORKER) return false;
    if (owner.role != HP_ROLE_CLIENT && owner.role != HP_ROLE_WORKER) return false;
    if (same_process(direct_, owner) && direct_.role == owner.role) return false;
  }
  direct_ = owner;
  return true;
}

bool EndOwner::learn_sender(uint32_t pid) {
  if (pid == 0 || sender_pid_ != 0) return false;
  sender_pid_ = pid;
  local_ = true;
  return direct_.pid == 0 && listener_.pid == 0;
}

Ownership EndOwner::ownership() const {
  Ownership out;
  out.local = local_;
  if (direct_.pid != 0) {
    out.owner = direct_;
    if (listener_.pid != 0 && !same_process(listener_, direct_)) out.listener = listener_;
  } else if (listener_.pid != 0) {
    out.owner = listener_;
  } else if (sender_pid_ != 0) {
    out.owner.pid = sender_pid_;
    out.peer = true;
  }
  return out;
}

}  // namespace handprint
