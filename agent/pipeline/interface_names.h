// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "record/writer.h"

namespace handprint {

// Names of a capture file's interfaces, noted by the reader and looked up by output threads.
class InterfaceNames {
 public:
  void add(std::string_view name) {
    std::lock_guard lock(mutex_);
    names_.emplace_back(name);
  }
  std::string find(uint32_t number) const {
    std::lock_guard lock(mutex_);
    return number < names_.size() ? names_[number] : std::string();
  }
  // Makes records look names up here. The object must outlive them.
  void serve(RecordContext& context) const {
    context.interface_user = this;
    context.interface_name = [](const void* user, uint32_t number) {
      return static_cast<const InterfaceNames*>(user)->find(number);
    };
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
};

}  // namespace handprint
