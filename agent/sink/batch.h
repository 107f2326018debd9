// SPDX-License-Identifier: Apache-2.0
// Documents on their way out: finished, owned, read by several outputs at once.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sink/sink.h"
#include "flow/document.h"
#include "record/writer.h"

namespace handprint {

// The contexts of both field sets, made anew when the wall clock's offset or the settings change.
struct RecordContexts {
  RecordContext standard;  // all_fields false
  RecordContext all;       // all_fields true
};

// How many batches live, for those who must wait until one has gone.
class BatchCount {
 public:
  void add();
  void remove();
  std::size_t value() const { return count_.load(); }
  // Waits until a batch has gone since `seen` was read, or for `ms`.
  void wait_below(std::size_t seen, int ms);

 private:
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
  std::condition_variable gone_;
};

class Batch {
 public:
  // `footprint` is what the documents hold in memory, in bytes.
  Batch(std::vector<DocumentPtr> documents, std::size_t footprint,
        std::shared_ptr<const RecordContexts> contexts, std::shared_ptr<BatchCount> count);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::size_t documents() const { return documents_.size(); }
  std::size_t footprint() const { return footprint_; }

  // The documents as text, one record a line. Written by the first that asks, on its thread.
  std::string_view text(Rendering rendering) const;

 private:
  struct Text {
    std::once_flag once;
    std::string text;
  };
  std::vector<DocumentPtr> documents_;
  std::size_t footprint_;
  std::shared_ptr<const RecordContexts> contexts_;
  std::shared_ptr<BatchCount> count_;
  mutable std::array<Text, renderings> texts_;
};

}  // namespace handprint
