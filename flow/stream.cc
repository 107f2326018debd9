// SPDX-License-Identifier: Apache-2.0
#include "flow/stream.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace handprint {

int StreamBuffer::place(uint32_t offset, Bytes bytes) {
  const uint32_t end = offset + static_cast<uint32_t>(bytes.size());
  // The ranges that the new one touches or overlaps become one with it.
  uint8_t first = 0;
  while (first < range_count && ranges[first].to < offset) ++first;
  uint8_t last = first;
  while (last < range_count && ranges[last].from <= end) ++last;
  if (first == last && range_count == max_ranges) return -1;

  uint32_t at = offset;
  int fresh = 0;
  const auto fill = [&](uint32_t until) {
    if (until <= at) return;
    std::memcpy(data() + at, bytes.data() + (at - offset), until - at);
    fresh += static_cast<int>(until - at);
  };
  uint32_t from = offset, to = end;
  for (uint8_t i = first; i < last; ++i) {
    fill(std::min<uint32_t>(ranges[i].from, end));
    at = std::max<uint32_t>(at, ranges[i].to);
    from = std::min<uint32_t>(from, ranges[i].from);
    to = std::max<uint32_t>(to, ranges[i].to);
  }
  fill(end);

  if (first == last) {
    std::copy_backward(ranges.begin() + first, ranges.begin() + range_count,
                       ranges.begin() + range_count + 1);
    ++range_count;
  } else {
    std::copy(ranges.begin() + last, ranges.begin() + range_count, ranges.begin() + first + 1);
    range_count = static_cast<uint8_t>(range_count - (last - first - 1));
  }
  ranges[first] = {static_cast<uint16_t>(from), static_cast<uint16_t>(to)};
  return fresh;
}

StreamPool::StreamPool(std::size_t small_count, std::size_t large_count)
    : small_(small_bytes, small_count), large_(large_bytes, large_count) {}

StreamBuffer* StreamPool::take(bool large) {
  BlockPool& pool = large ? large_ : small_;
  Ages& ages = ages_[large];
  void* block = pool.take();
  if (block == nullptr) {
    StreamBuffer* victim = ages.oldest;
    if (victim == nullptr) return nullptr;
    Stream& loser = *victim->owner;
    for (uint8_t i = 0; i < victim->range_count; ++i)
      bytes_evicted_ += static_cast<uint64_t>(victim->ranges[i].to - victim->ranges[i].from);
    ++streams_evicted_;
    drop(loser);
    loser.evicted = true;
    block = pool.take();
  }
  auto* buffer = new (block) StreamBuffer;
  buffer->large = large;
  buffer->capacity = static_cast<uint16_t>(large ? large_capacity : small_capacity);
  buffer->older = ages.newest;
  (ages.newest != nullptr ? ages.newest->newer : ages.oldest) = buffer;
  ages.newest = buffer;
  return buffer;
}

void StreamPool::give(StreamBuffer* buffer) {
  Ages& ages = ages_[buffer->large];
  (buffer->older != nullptr ? buffer->older->newer : ages.oldest) = buffer->newer;
  (buffer->newer != nullptr ? buffer->newer->older : ages.newest) = buffer->older;
  (buffer->large ? large_ : small_).give(buffer);
}

// A small buffer becomes a large one.
bool StreamPool::enlarge(Stream& stream) {
  StreamBuffer* const grown = take(true);
  if (grown == nullptr) return false;
  StreamBuffer* const old = stream.buffer;
  grown->owner = &stream;
  grown->range_count = old->range_count;
  grown->ranges = old->ranges;
  for (uint8_t i = 0; i < old->range_count; ++i) {
    const auto [from, to] = old->ranges[i];
    std::memcpy(grown->data() + from, old->data() + from, static_cast<std::size_t>(to - from));
  }
  give(old);
  stream.buffer = grown;
  return true;
}

StreamPool::Placed StreamPool::place(Stream& stream, uint32_t offset, Bytes bytes) {
  Placed out;
  const auto size = static_cast<uint32_t>(bytes.size());
  if (offset >= large_capacity || size > large_capacity - offset) {
    const uint32_t kept = offset >= large_capacity ? 0 : large_capacity - offset;
    out.dropped = size - kept;
    stream.over_limit = true;
    if (kept == 0) return out;
    bytes = bytes.first(kept);
  }
  const auto end = offset + static_cast<uint32_t>(bytes.size());
  if (stream.buffer == nullptr) {
    stream.buffer = take(end > small_capacity);
    if (stream.buffer == nullptr) {
      out.dropped = size;
      stream.evicted = true;
      return out;
    }
    stream.buffer->owner = &stream;
  } else if (end > stream.buffer->capacity && !enlarge(stream)) {
    out.dropped = size;
    stream.evicted = true;
    return out;
  }
  const int fresh = stream.buffer->place(offset, bytes);
  if (fresh < 0) {
    out.dropped = size;
    stream.over_limit = true;
    return out;
  }
  out.fresh = static_cast<uint32_t>(fresh);
  return out;
}

void StreamPool::consume(Stream& stream, uint32_t n) {
  stream.begin += n;
  StreamBuffer* const buffer = stream.buffer;
  if (buffer == nullptr) return;
  uint8_t kept = 0;
  for (uint8_t i = 0; i < buffer->range_count; ++i) {
    const auto [from, to] = buffer->ranges[i];
    if (to <= n) continue;
    const uint32_t start = from > n ? from - n : 0u;
    std::memmove(buffer->data() + start, buffer->data() + start + n, to - n - start);
    buffer->ranges[kept++] = {static_cast<uint16_t>(start), static_cast<uint16_t>(to - n)};
  }
  buffer->range_count = kept;
  if (kept == 0) drop(stream);
}

void StreamPool::drop(Stream& stream) {
  if (stream.buffer == nullptr) return;
  give(stream.buffer);
  stream.buffer = nullptr;
}

}  // namespace handprint
