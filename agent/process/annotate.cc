// SPDX-License-Identifier: Apache-2.0
#include "agent/process/annotate.h"

#include <utility>

namespace handprint {
namespace {

// The time at which what the owner ran matters: a client connected before its first packet; a
// worker took over after that.
PacketTime time_of(const Document& document, const hp_owner& owner) {
  return owner.role == HP_ROLE_WORKER ? document.last : document.first;
}

bool annotate_owner(const Document& document, const hp_owner& owner, ProcessTable& table,
                    ProcessRef& out) {
  if (owner.pid == 0) return true;
  table.request(owner);
  out = table.find(owner, time_of(document, owner));
  return !table.pending(owner);
}

}  // namespace

bool annotate(Document& document, ProcessTable& table) {
  bool complete = true;
  // A client that was seen only as the sender, by its pid: it lived when its SYN passed. (A
  // listener may have ended long before, its socket being held by others, so nothing is concluded
  // from its pid.)
  hp_owner& client = document.client.ownership.owner;
  if (document.client.ownership.peer && document.tcp_client != nullptr && client.start_ns == 0)
    table.identify(client, document.first);
  for (Endpoint* end : {&document.client, &document.server}) {
    Ownership& ownership = end->ownership;
    complete &= annotate_owner(document, ownership.owner, table, ownership.process);
    complete &= annotate_owner(document, ownership.listener, table, ownership.listener_process);
  }
  return complete;
}

Annotator::Annotator(ProcessTable& table, DocumentTaker& next, int64_t wait_ns, std::size_t most)
    : table_(table), next_(next), wait_ns_(wait_ns), most_(most) {}

void Annotator::take(DocumentPtr document) {
  const bool complete = annotate(*document, table_);
  if (complete && waiting_.empty()) {
    next_.take(std::move(document));
    return;
  }
  if (waiting_.size() >= most_) pass_on();
  waiting_.push_back({std::move(document), now_ + wait_ns_, complete});
}

void Annotator::pass_on() {
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  if (!first.complete) ++timed_out_;
  next_.take(std::move(first.document));
}

void Annotator::advance(int64_t now_ns) {
  now_ = now_ns;
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    if (!first.complete) first.complete = annotate(*first.document, table_);
    if (!first.complete && now_ns < first.until) return;
    pass_on();
  }
}

void Annotator::flush() {
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    if (!first.complete) first.complete = annotate(*first.document, table_);
    pass_on();
  }
}

}  // namespace handprint
