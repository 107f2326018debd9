// SPDX-License-Identifier: Apache-2.0
// The pipeline's end: gathers documents into batches and hands each batch to every output.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "agent/sink/batch.h"
#include "agent/sink/output.h"
#include "flow/document.h"

namespace handprint {

// All functions run on the pipeline thread; the outputs outlive the outlet's last flush().
class Outlet : public DocumentTaker {
 public:
  static constexpr std::size_t most_documents = 128;

  // `live`: starved() returns at once instead of waiting for the outputs.
  Outlet(std::vector<Output*> outputs, std::shared_ptr<const RecordContexts> contexts, bool live);
  ~Outlet() override;

  void take(DocumentPtr document) override;
  void starved() override;

  // Hands over what has been gathered. Once a round for live traffic.
  void flush();
  std::size_t gathered() const { return documents_.size(); }

  // Documents taken from now on are written with these.
  void use(std::shared_ptr<const RecordContexts> contexts);

  // Takes at most `most` documents (0: all of them) and discards what comes later; `reached` is called
  // once when the last of them has been handed over.
  void limit(uint64_t most, std::function<void()> reached);

  // Waits until every batch has been written and its documents are freed; false after `ms`.
  bool settle(int ms);

  uint64_t taken() const { return taken_.load(); }

 private:
  std::vector<Output*> outputs_;
  std::shared_ptr<const RecordContexts> contexts_;
  bool live_;
  std::vector<DocumentPtr> documents_;
  std::size_t footprint_ = 0;
  std::atomic<uint64_t> taken_{0};
  uint64_t most_ = 0;
  std::function<void()> reached_;
  std::shared_ptr<BatchCount> count_ = std::make_shared<BatchCount>();
};

}  // namespace handprint
