// SPDX-License-Identifier: Apache-2.0
// Puts processes into documents before they are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "agent/process/process_table.h"
#include "flow/document.h"

namespace handprint {

// Fills ownership.process and ownership.listener_process of both ends from the table. Result: false
// while the service still owes an answer about one of them; calling again later may tell more.
bool annotate(Document& document, ProcessTable& table);

// A taker that stands between the engine and the outputs: documents wait here, in their order,
// until their processes are known, at most `wait` ns. Bounded: when `most` documents wait, the
// oldest goes on as it is. Same thread as the engine.
class Annotator : public DocumentTaker {
 public:
  Annotator(ProcessTable& table, DocumentTaker& next, int64_t wait_ns = 200'000'000,
            std::size_t most = 4096);

  void take(DocumentPtr document) override;
  // Call it once a round, after ProcessTable::poll(), with CLOCK_BOOTTIME or any other steady clock
  // in ns (always the same one).
  void advance(int64_t now_ns);
  // Passes on all that waits.
  void flush();

  std::size_t waiting() const { return waiting_.size(); }
  uint64_t timed_out() const { return timed_out_; }  // went on without their answer

 private:
  struct Waiting {
    DocumentPtr document;
    int64_t until;
    bool complete;
  };
  void pass_on();

  ProcessTable& table_;
  DocumentTaker& next_;
  int64_t wait_ns_;
  std::size_t most_;
  int64_t now_ = 0;
  uint64_t timed_out_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace handprint
