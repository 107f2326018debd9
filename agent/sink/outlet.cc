// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/outlet.h"

#include <chrono>

namespace handprint {

Outlet::Outlet(std::vector<Output*> outputs, std::shared_ptr<const RecordContexts> contexts, bool live)
    : outputs_(std::move(outputs)), contexts_(std::move(contexts)), live_(live) {
  documents_.reserve(most_documents);
}

Outlet::~Outlet() { flush(); }

void Outlet::take(DocumentPtr document) {
  if (most_ != 0 && taken_.load() >= most_) return;
  ++taken_;
  footprint_ += handprint::footprint(*document);
  documents_.push_back(std::move(document));
  const bool last = taken_.load() == most_;
  if (last || documents_.size() >= most_documents) flush();
  if (last && reached_) reached_();
}

void Outlet::limit(uint64_t most, std::function<void()> reached) {
  most_ = most;
  reached_ = std::move(reached);
}

void Outlet::starved() {
  if (live_) return;
  flush();
  const std::size_t seen = count_->value();
  if (seen != 0) count_->wait_below(seen, 1000);
}

void Outlet::flush() {
  if (documents_.empty()) return;
  auto batch = std::make_shared<const Batch>(std::move(documents_), footprint_, contexts_, count_);
  documents_ = std::vector<DocumentPtr>();
  documents_.reserve(most_documents);
  footprint_ = 0;
  for (Output* output : outputs_) output->push(batch);
}

void Outlet::use(std::shared_ptr<const RecordContexts> contexts) {
  flush();
  contexts_ = std::move(contexts);
}

bool Outlet::settle(int ms) {
  flush();
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  for (std::size_t seen = count_->value(); seen != 0; seen = count_->value()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    count_->wait_below(seen, static_cast<int>(left.count()));
  }
  return true;
}

}  // namespace handprint
