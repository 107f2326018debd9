// SPDX-License-Identifier: Apache-2.0
#include "agent/source/file/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // Linux 5.14; older kernels refuse it, and pages come one by one
#endif

namespace handprint {
namespace {

constexpr std::size_t fetch_step = 1u << 20;
constexpr std::size_t drop_step = 4u << 20;

// What the signal handler may look at: plain atomics, no lock.
struct Guarded {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> shrank{false};
  std::atomic<bool> taken{false};
};
constexpr int slots = 16;
std::array<Guarded, slots> guarded;
std::size_t page_size = 4096;
struct sigaction previous;

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Guarded& entry : guarded) {
    const uintptr_t begin = entry.begin.load(), end = entry.end.load();
    if (address < begin || address >= end) continue;
    void* page = reinterpret_cast<void*>(address & ~(static_cast<uintptr_t>(page_size) - 1));
    // mmap is a bare system call: safe in a handler.
    if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
      break;
    entry.shrank.store(true);
    return;
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
    return;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void install_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
  });
}

}  // namespace

Mapping::Mapping(int descriptor, std::size_t size) {
  if (size == 0) return;
  void* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (at == MAP_FAILED) return;
  begin_ = static_cast<const uint8_t*>(at);
  size_ = size;
  madvise(at, size, MADV_SEQUENTIAL);
  install_handler();
  for (int i = 0; i < slots; ++i) {
    Guarded& entry = guarded[static_cast<std::size_t>(i)];
    if (entry.taken.exchange(true)) continue;
    entry.shrank.store(false);
    entry.end.store(reinterpret_cast<uintptr_t>(begin_) + size_);
    entry.begin.store(reinterpret_cast<uintptr_t>(begin_));
    slot_ = i;
    break;
  }
  arrived(0);
}

Mapping::~Mapping() {
  if (begin_ == nullptr) return;
  if (slot_ >= 0) {
    Guarded& entry = guarded[static_cast<std::size_t>(slot_)];
    entry.begin.store(0);
    entry.end.store(0);
    entry.taken.store(false);
  }
  munmap(const_cast<uint8_t*>(begin_), size_);
}

void Mapping::arrived(std::size_t offset) {
  uint8_t* base = const_cast<uint8_t*>(begin_);
  while (fetched_ < size_ && offset + fetch_step > fetched_) {
    const std::size_t step = std::min(fetch_step, size_ - fetched_);
    madvise(base + fetched_, step, MADV_POPULATE_READ);
    fetched_ += step;
  }
  // One step stays behind the reader: its last batch is still in use.
  while (dropped_ + 2 * drop_step <= offset) {
    madvise(base + dropped_, drop_step, MADV_DONTNEED);
    dropped_ += drop_step;
  }
}

bool Mapping::shrank() const {
  return slot_ >= 0 && guarded[static_cast<std::size_t>(slot_)].shrank.load();
}

}  // namespace handprint
