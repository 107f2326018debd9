// SPDX-License-Identifier: Apache-2.0
#include "agent/process/user_names.h"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace handprint {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_known = 4096;
constexpr std::size_t most_waiting = 4096;
constexpr auto kept = std::chrono::minutes(5);

std::string look_up(uint32_t uid) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return {};
  std::string name = found->pw_name;
  if (name.size() > 255) name.resize(255);
  return name;
}

}  // namespace

struct UserNames::State {
  struct Known {
    std::string name;
    Clock::time_point until;
  };
  Done done;
  std::mutex mutex;
  std::condition_variable wake;
  std::unordered_map<uint32_t, Known> known;
  std::map<uint32_t, std::vector<Asker>> waiting;
  std::size_t askers = 0;
  uint64_t asked = 0;
  bool stopping = false;
  bool ended = false;

  void run();
};

UserNames::UserNames(Done done) : state_(std::make_shared<State>()) {
  state_->done = std::move(done);
  std::thread([state = state_] { state->run(); }).detach();
}

UserNames::~UserNames() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->done = nullptr;
  state_->wake.notify_all();
  state_->wake.wait_for(lock, std::chrono::milliseconds(200), [this] { return state_->ended; });
}

UserNames::Answer UserNames::ask(uint32_t uid, const Asker& asker, std::string& name) {
  std::lock_guard lock(state_->mutex);
  const auto known = state_->known.find(uid);
  if (known != state_->known.end() && Clock::now() < known->second.until) {
    name = known->second.name;
    return Answer::known;
  }
  if (state_->askers >= most_waiting) return Answer::refused;
  state_->waiting[uid].push_back(asker);
  ++state_->askers;
  state_->wake.notify_all();
  return Answer::follows;
}

uint64_t UserNames::asked() const {
  std::lock_guard lock(state_->mutex);
  return state_->asked;
}

void UserNames::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [this] { return stopping || !waiting.empty(); });
    if (stopping) break;
    const uint32_t uid = waiting.begin()->first;
    ++asked;
    lock.unlock();
    const std::string name = look_up(uid);
    lock.lock();
    if (stopping) break;
    if (known.size() >= most_known) known.clear();
    known[uid] = {name, Clock::now() + kept};
    const std::vector<Asker> who = std::move(waiting[uid]);
    waiting.erase(uid);
    askers -= who.size();
    const Done tell = done;
    lock.unlock();
    for (const Asker& asker : who) tell(asker, uid, name);
    lock.lock();
  }
  ended = true;
  wake.notify_all();
}

}  // namespace handprint
