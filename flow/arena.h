// SPDX-License-Identifier: Apache-2.0
// The bytes of one document: chunks from a shared pool, filled from front to back, given back as a
// whole by whichever thread is done with the document.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>

#include "fingerprint/cursor.h"
#include "flow/pool.h"

namespace handprint {

// Chunks of two sizes: small ones for the usual document, large ones for what does not fit a small
// one (a header block of 8 KiB and its fingerprint in hexadecimal). Lives as long as its owner or a
// document of it does.
class DocumentPool {
 public:
  static constexpr std::size_t small_size = 2048;
  static constexpr std::size_t large_size = 40 * 1024;

  // Throws std::bad_alloc.
  static DocumentPool* create(std::size_t small_count, std::size_t large_count) {
    return new DocumentPool(small_count, large_count);
  }
  // One user more (a document that is handed out), or one less; the last one destroys the pool.
  void retain() { users_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  SharedBlockPool small;
  SharedBlockPool large;

 private:
  DocumentPool(std::size_t small_count, std::size_t large_count)
      : small(small_size, small_count), large(large_size, large_count) {}
  ~DocumentPool() = default;

  std::atomic<std::size_t> users_{1};
};

// Memory in the order of asking, freed all at once. Only trivially destructible things live here.
class Arena {
 public:
  explicit Arena(DocumentPool& pool) : pool_(&pool) {}
  // Moving is for the document that takes its arena in: the source must not be used any more.
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = delete;

  // Null when the pool has no chunk left, or the size is beyond the largest chunk.
  void* allocate(std::size_t bytes, std::size_t alignment) {
    std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
    if (current_ == nullptr || start + bytes > capacity_) {
      if (!grow(bytes)) return nullptr;
      start = used_;  // a fresh chunk begins aligned
    }
    used_ = start + bytes;
    return base() + start;
  }
  // n default-constructed objects; null likewise (and for n = 0).
  template <class T>
  T* make(std::size_t n = 1) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 16);
    if (n == 0 || n > DocumentPool::large_size / sizeof(T)) return nullptr;
    void* room = allocate(n * sizeof(T), alignof(T));
    if (room == nullptr) return nullptr;
    return new (room) T[n]();
  }
  // A copy of the characters; an empty view when there is no room.
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    void* room = allocate(text.size(), 1);
    if (room == nullptr) return {};
    std::memcpy(room, text.data(), text.size());
    return {static_cast<const char*>(room), text.size()};
  }
  Bytes copy(Bytes bytes) { return as_bytes(copy(as_text(bytes))); }

  // The rest of the current chunk, to write text of unknown length into; keep(n) takes n bytes.
  std::span<char> room() {
    return current_ == nullptr ? std::span<char>{}
                               : std::span<char>{base() + used_, capacity_ - used_};
  }
  void keep(std::size_t n) { used_ += n; }

  // Bytes of all chunks.
  std::size_t footprint() const { return footprint_; }
  DocumentPool& pool() const { return *pool_; }
  // Gives every chunk back. The arena itself may live in one of them: nothing of it is touched
  // after.
  void free_all();

 private:
  struct Chunk {
    FreeBlock link;  // newest first
    bool large;
  };
  static constexpr std::size_t header = (sizeof(Chunk) + 15) & ~std::size_t{15};

  char* base() const { return reinterpret_cast<char*>(current_) + header; }
  bool grow(std::size_t bytes);

  DocumentPool* pool_;
  Chunk* current_ = nullptr;
  std::size_t used_ = 0;      // of the current chunk
  std::size_t capacity_ = 0;  // of the current chunk
  std::size_t footprint_ = 0;

 public:
  // The largest single allocation.
  static constexpr std::size_t largest = DocumentPool::large_size - header;
};

// A list that grows inside an arena. Old storage stays in the arena until the document goes, so it
// starts with room for the usual count.
template <class T>
class ArenaList {
 public:
  // False when the arena has no room: the item is not in the list.
  bool add(Arena& arena, const T& item, uint32_t first_capacity = 4) {
    if (size_ == capacity_) {
      const uint32_t wanted = capacity_ == 0 ? first_capacity : capacity_ * 2;
      T* grown = arena.make<T>(wanted);
      if (grown == nullptr) return false;
      for (uint32_t i = 0; i < size_; ++i) grown[i] = items_[i];
      items_ = grown;
      capacity_ = wanted;
    }
    items_[size_++] = item;
    return true;
  }
  std::span<const T> view() const { return {items_, size_}; }
  std::span<T> items() { return {items_, size_}; }
  bool empty() const { return size_ == 0; }

 private:
  T* items_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace handprint
