// SPDX-License-Identifier: Apache-2.0
// Names of users. getpwuid may ask a directory server and take seconds, so it runs in a thread of
// its own, and answers are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace handprint {

class UserNames {
 public:
  struct Asker {
    uint32_t pid = 0;
    uint64_t start_ns = 0;
  };
  // Called on the thread of this class, with an empty name when there is none.
  using Done = std::function<void(const Asker&, uint32_t uid, const std::string& name)>;

  explicit UserNames(Done done);
  // A look-up that hangs is left behind.
  ~UserNames();
  UserNames(const UserNames&) = delete;
  UserNames& operator=(const UserNames&) = delete;

  enum class Answer : uint8_t {
    known,    // in `name`, which may be empty
    follows,  // Done will be called
    refused,  // too many wait
  };
  Answer ask(uint32_t uid, const Asker& asker, std::string& name);
  uint64_t asked() const;  // look-ups of the system

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace handprint
