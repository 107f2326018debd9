// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/batch.h"

#include <chrono>

namespace handprint {

void BatchCount::add() { count_.fetch_add(1); }

void BatchCount::remove() {
  {
    std::lock_guard lock(mutex_);
    count_.fetch_sub(1);
  }
  gone_.notify_all();
}

void BatchCount::wait_below(std::size_t seen, int ms) {
  std::unique_lock lock(mutex_);
  gone_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return count_.load() < seen; });
}

Batch::Batch(std::vector<DocumentPtr> documents, std::size_t footprint,
             std::shared_ptr<const RecordContexts> contexts, std::shared_ptr<BatchCount> count)
    : documents_(std::move(documents)),
      footprint_(footprint),
      contexts_(std::move(contexts)),
      count_(std::move(count)) {
  count_->add();
}

Batch::~Batch() {
  documents_.clear();  // their blocks are free before anybody is told so
  count_->remove();
}

std::string_view Batch::text(Rendering rendering) const {
  Text& slot = texts_[static_cast<std::size_t>(rendering)];
  std::call_once(slot.once, [&] {
    slot.text.reserve(documents_.size() * 1280);
    for (const DocumentPtr& document : documents_) {
      switch (rendering) {
        case Rendering::json: write_json(*document, contexts_->standard, slot.text); break;
        case Rendering::json_all: write_json(*document, contexts_->all, slot.text); break;
        case Rendering::line: write_line(*document, contexts_->standard, false, slot.text); break;
        case Rendering::line_colours: write_line(*document, contexts_->standard, true, slot.text); break;
        default: write_pmercury(*document, contexts_->standard, pmercury_shape(rendering), slot.text);
      }
    }
  });
  return slot.text;
}

}  // namespace handprint
