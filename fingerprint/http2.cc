// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/http2.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace handprint {

namespace {

constexpr uint32_t stream_mask = 0x7fffffff;

// Memory that is only handed out, never taken back: for an inflater that lives for one block.
struct Pool {
  std::span<std::byte> memory;
  std::size_t used = 0;

  void* take(std::size_t size) {
    constexpr std::size_t alignment = alignof(std::max_align_t);
    const std::size_t head = used + alignment;  // the size stands in front, for realloc
    if (size > memory.size() || head > memory.size() - size) return nullptr;
    std::memcpy(memory.data() + head - sizeof size, &size, sizeof size);
    used = (head + size + alignment - 1) / alignment * alignment;
    return memory.data() + head;
  }
  static void* allocate(std::size_t size, void* pool) { return static_cast<Pool*>(pool)->take(size); }
  static void release(void*, void*) {}
  static void* zeroed(std::size_t count, std::size_t size, void* pool) {
    void* out = allocate(count * size, pool);
    if (out != nullptr) std::memset(out, 0, count * size);
    return out;
  }
  static void* again(void* old, std::size_t size, void* pool) {
    void* out = allocate(size, pool);
    if (out == nullptr || old == nullptr) return out;
    std::size_t before = 0;
    std::memcpy(&before, static_cast<std::byte*>(old) - sizeof before, sizeof before);
    std::memcpy(out, old, std::min(before, size));
    return out;
  }
};

}  // namespace

Reason read_http2_frame(Bytes bytes, Http2Frame& out) {
  Cursor in(bytes);
  out.length = in.u24();
  out.type = in.u8();
  out.flags = in.u8();
  out.stream = in.u32() & stream_mask;
  if (in.failed()) return Reason::need_more;
  out.payload = in.take_up_to(out.length);
  return Reason::ok;
}

Reason http2_header_block(const Http2Frame& frame, Bytes& out) {
  Cursor in(frame.payload);
  std::size_t padding = 0;
  if (frame.type != http2_frame::continuation) {
    if ((frame.flags & http2_frame::padded) != 0) padding = in.u8();
    if (frame.type == http2_frame::headers && (frame.flags & http2_frame::has_priority) != 0) in.skip(5);
    if (frame.type == http2_frame::push_promise) in.skip(4);
  }
  if (in.failed() || padding > in.left()) return Reason::malformed_http2;
  out = in.take(in.left() - padding);
  return Reason::ok;
}

void Http2Fingerprint::frame(const Http2Frame& frame) {
  if (done_) return;
  Cursor in(frame.payload);
  switch (frame.type) {
    case http2_frame::settings:
      if (settings_seen_ || (frame.flags & http2_frame::ack) != 0) return;
      settings_seen_ = true;
      while (in.left() >= 6) {
        const uint16_t id = in.u16();
        const uint32_t value = in.u32();
        if (setting_count_ == most) overflow_ = true;
        else settings_[setting_count_++] = {id, value};
      }
      return;
    case http2_frame::window_update:
      if (frame.stream == 0 && window_update_ == 0) window_update_ = in.u32() & stream_mask;
      return;
    case http2_frame::priority: {
      const uint32_t dependency = in.u32();
      const uint8_t weight = in.u8();
      if (in.failed()) return;
      if (priority_count_ == most) overflow_ = true;
      else priorities_[priority_count_++] = {frame.stream, dependency & stream_mask, weight,
                                             (dependency & ~stream_mask) != 0};
      return;
    }
    case http2_frame::headers: done_ = true; return;
    default: return;
  }
}

void Http2Fingerprint::header(std::string_view name) {
  // :method, :authority, :scheme, :path; others have no letter.
  for (const std::string_view known : {":method", ":authority", ":scheme", ":path"})
    if (name == known && pseudo_count_ < pseudo_.size()) pseudo_[pseudo_count_++] = known[1];
}

Reason Http2Fingerprint::write(Text& out) const {
  if (!done_) return Reason::no_fingerprint;
  const std::size_t before = out.size();
  for (std::size_t i = 0; i < setting_count_; ++i) {
    if (i != 0) out.put(';');
    out.dec(settings_[i].id);
    out.put(':');
    out.dec(settings_[i].value);
  }
  out.put('|');
  if (window_update_ == 0) out.put("00");
  else out.dec(window_update_);
  out.put('|');
  if (priority_count_ == 0) out.put('0');
  for (std::size_t i = 0; i < priority_count_; ++i) {
    const Priority& one = priorities_[i];
    if (i != 0) out.put(',');
    out.dec(one.stream);
    out.put(one.exclusive ? ":1:" : ":0:");
    out.dec(one.dependency);
    out.put(':');
    out.dec(one.weight + 1u);
  }
  out.put('|');
  for (std::size_t i = 0; i < pseudo_count_; ++i) {
    if (i != 0) out.put(',');
    out.put(pseudo_[i]);
  }
  if (!overflow_ && !out.truncated()) return Reason::ok;
  out.rewind(before);
  return Reason::too_long;
}

struct HeaderInflater::State {
  nghttp2_hd_inflater* inflater = nullptr;
  Pool pool;
  nghttp2_mem memory{};
  bool lost = false;
};

HeaderInflater::HeaderInflater(std::span<std::byte> memory) {
  if (memory.empty()) {
    own_ = std::make_unique<State>();
    state_ = own_.get();
    if (nghttp2_hd_inflate_new(&state_->inflater) != 0) state_->inflater = nullptr;
    return;
  }
  Pool pool{memory};
  void* room = pool.take(sizeof(State));
  if (room == nullptr) return;
  state_ = new (room) State;
  state_->pool = pool;
  state_->memory = {&state_->pool, Pool::allocate, Pool::release, Pool::zeroed, Pool::again};
  if (nghttp2_hd_inflate_new2(&state_->inflater, &state_->memory) != 0) state_->inflater = nullptr;
}

HeaderInflater::~HeaderInflater() {
  if (state_ == nullptr) return;
  if (state_->inflater != nullptr) nghttp2_hd_inflate_del(state_->inflater);
  if (own_ == nullptr) state_->~State();
}

void HeaderInflater::allow_table(uint32_t bytes) {
  constexpr uint32_t usual = 4096, most = 1u << 20;
  if (state_ == nullptr || state_->inflater == nullptr || bytes <= usual) return;
  nghttp2_hd_inflate_change_table_size(state_->inflater, std::min(bytes, most));
}

Reason HeaderInflater::inflate(Bytes block, Taker& taker) {
  if (state_ == nullptr || state_->inflater == nullptr || state_->lost) return Reason::malformed_http2;
  const uint8_t* at = block.data();
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(state_->inflater, &field, &flags, at, left, 1);
    if (used < 0) {
      state_->lost = true;
      return Reason::malformed_http2;
    }
    at += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
      taker.header({reinterpret_cast<const char*>(field.name), field.namelen},
                   {reinterpret_cast<const char*>(field.value), field.valuelen});
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) {
      state_->lost = true;  // the block ends inside a field
      return Reason::malformed_http2;
    }
  }
  nghttp2_hd_inflate_end_headers(state_->inflater);
  return Reason::ok;
}

}  // namespace handprint
