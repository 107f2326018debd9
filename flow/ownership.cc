// SPDX-License-Identifier: Apache-2.0
#include "flow/ownership.h"

namespace handprint {

namespace {

template <class A, class B>
bool same_process(const A& a, const B& b) {
  return a.pid == b.pid && a.start_ns == b.start_ns;
}

bool listens(const hp_owner& owner) {
  return owner.role == HP_ROLE_LISTENER || (owner.flags & HP_OWNER_LISTENING) != 0;
}

// Whether a process that works on the connection takes the place of one that is known. Who
// connected stays; a worker gives way only to another worker (a descriptor that was passed on).
template <class Known>
bool replaces(const Known& known, const hp_owner& owner) {
  if (known.pid == 0) return true;
  if (same_process(known, owner) && known.role == owner.role) return false;
  if (owner.role == HP_ROLE_CLIENT) return true;
  // Of those that hold an older connection, the one that uses it.
  if (owner.role == HP_ROLE_HOLDER && (owner.flags & HP_OWNER_READER) != 0)
    return known.role == HP_ROLE_HOLDER && (known.flags & HP_OWNER_READER) == 0;
  return owner.role == HP_ROLE_WORKER && known.role != HP_ROLE_CLIENT;
}

}  // namespace

hp_owner EndOwner::Sender::owner() const {
  hp_owner out{};
  out.pid = pid;
  out.start_ns = start_ns;
  out.role = role;
  out.flags = flags;
  return out;
}

bool EndOwner::learn(const hp_owner& owner) {
  if (owner.pid == 0) return false;
  local_ = true;
  if (listens(owner)) {
    // The accepted child inherits from the socket that really took the connection, which among
    // several of one port (SO_REUSEPORT) is the later and better sighting.
    if (listener_.pid != 0 && same_process(listener_, owner)) return false;
    listener_ = owner;
    return direct_.pid == 0;
  }
  if (!replaces(direct_, owner)) return false;
  direct_ = owner;
  return true;
}

bool EndOwner::learn_sender(const hp_owner& sender) {
  if (sender.pid == 0) return false;
  local_ = true;
  const bool listening = listens(sender);
  Sender& known = listening ? sending_listener_ : sender_;
  if (listening ? same_process(known, sender) : !replaces(known, sender)) return false;
  known = {sender.start_ns, sender.pid, sender.role, sender.flags};
  return direct_.pid == 0 && (!listening || (sender_.pid == 0 && listener_.pid == 0));
}

bool EndOwner::learn_all(const EndOwner& other) {
  bool changed = false;
  if (other.local_) local_ = true;
  for (const hp_owner& owner : {other.listener_, other.direct_}) changed |= learn(owner);
  for (const Sender& sender : {other.sending_listener_, other.sender_})
    changed |= learn_sender(sender.owner());
  return changed;
}

Ownership EndOwner::ownership() const {
  Ownership out;
  out.local = local_;
  const hp_owner listener = listener_.pid != 0 ? listener_ : sending_listener_.owner();
  if (direct_.pid != 0 || sender_.pid != 0) {
    out.owner = direct_.pid != 0 ? direct_ : sender_.owner();
    out.peer = direct_.pid == 0;
    if (listener.pid != 0 && !same_process(listener, out.owner)) out.listener = listener;
  } else {
    out.owner = listener;
    out.peer = listener_.pid == 0 && listener.pid != 0;
  }
  return out;
}

}  // namespace handprint
