// SPDX-License-Identifier: Apache-2.0
// From bytes of segments to messages.
#include <algorithm>
#include <cstring>

#include "bpf/selector.h"
#include "flow/engine_state.h"
#include "flow/projection.h"

namespace handprint {

// A message begins at this sequence number: what was open before it cannot be completed.
void Engine::State::begin_message(Flow& flow, uint8_t direction, uint32_t sequence) {
  End& end = flow.end[direction];
  if (end.dissector != nullptr && !end.incomplete_noted && end.messages == 0 &&
      flow.pending != nullptr)
    note_open_messages(flow, *flow.pending, false);
  streams.drop(end.stream);
  end.stream.begin = sequence;
  end.stream.has_begin = true;
  end.stream.needed = 0;
  end.stream.truncated = end.stream.over_limit = end.stream.evicted = false;
  end.dissector = nullptr;
  end.content = HP_CONTENT_NONE;
  end.incomplete_noted = false;
  end.prefix.open = end.tls_follows = false;
  if (direction != flow.client) flow.certificate_pending = false;
}

bool Engine::State::on_bytes(Flow& flow, uint8_t direction, uint32_t sequence, Bytes bytes,
                             const Segment& segment) {
  End& end = flow.end[direction];
  Stream& stream = end.stream;
  end.hint = segment.content;
  if (!stream.has_begin) {
    stream.begin = stream.has_base ? stream.base : sequence;
    stream.has_begin = true;
  }
  auto offset = static_cast<int32_t>(sequence - stream.begin);
  const auto length = static_cast<int32_t>(std::min<std::size_t>(bytes.size(), HP_MAX_COPY));
  bytes = bytes.first(static_cast<std::size_t>(length));

  // The selector found a message at the start of this segment and no window that it belongs to: it
  // begins here, unless its bytes are known.
  if ((segment.flags & HP_PACKET_NO_WINDOW) != 0 && offset != 0) {
    const uint32_t known = stream.buffer != nullptr ? stream.buffer->contiguous() : 0;
    const bool before_all = offset < 0 && end.messages == 0 && !stream.has_base && !end.settled;
    // What continues a message of a prefix without a gap is of it, whatever it looks like; but a
    // hello is never part of one, unless TDS carries it.
    const bool tls =
        segment.content == HP_CONTENT_TLS_CLIENT || segment.content == HP_CONTENT_TLS_SERVER;
    const bool continues = end.content == HP_CONTENT_PREFIX && known != 0 &&
                           static_cast<uint32_t>(offset) == known &&
                           (!tls || end.prefix.kind == PrefixKind::tds);
    if (!continues && (before_all || (offset > 0 && static_cast<uint32_t>(offset) >= known))) {
      begin_message(flow, direction, sequence);
      offset = 0;
    }
  }
  if (offset < 0) {
    if (offset + length <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(-offset));
    offset = 0;
  }
  if ((segment.flags & HP_PACKET_TRUNCATED) != 0) stream.truncated = true;
  // Between messages, bytes behind a gap are the middle of something that nobody reads.
  const bool idle = end.dissector == nullptr && stream.buffer == nullptr && end.settled;
  if (idle && offset > 0) return false;

  if (offset == 0 && stream.buffer == nullptr) {
    dissect(flow, direction, bytes, segment.time, false);
    return true;
  }
  const StreamPool::Placed placed = streams.place(stream, static_cast<uint32_t>(offset), bytes);
  if (placed.dropped != 0) ++segments_cut;
  const Bytes contiguous = StreamPool::contiguous(stream);
  const bool full = contiguous.size() == StreamPool::large_capacity;
  if (!contiguous.empty() && (placed.fresh != 0 || full) &&
      (contiguous.size() >= stream.needed || full))
    dissect(flow, direction, contiguous, segment.time, true);
  return placed.fresh != 0;
}

// Shows dissectors the contiguous bytes from stream.begin on. kept: they stand in the stream's
// buffer, else in the packet.
void Engine::State::dissect(Flow& flow, uint8_t direction, Bytes bytes, PacketTime time,
                            bool kept) {
  using Is = Dissected::State;
  End& end = flow.end[direction];
  Stream& stream = end.stream;
  Exchange exchange(flow, direction, time, options, *scratch, *this);
  const auto consume = [&](uint32_t n) {
    streams.consume(stream, n);
    bytes = kept ? StreamPool::contiguous(stream) : bytes.subspan(n);
    stream.needed = 0;
  };
  while (!bytes.empty()) {
    if (end.dissector == nullptr && end.prefix.open) {
      end.content = HP_CONTENT_PREFIX;
      end.dissector = dissector_of(HP_CONTENT_PREFIX);
    }
    if (end.dissector == nullptr && end.tls_follows) {
      end.content = HP_CONTENT_TLS_CLIENT;
      end.dissector = dissector_of(HP_CONTENT_TLS_CLIENT);
    }
    if (end.dissector == nullptr) {
      uint8_t head[HP_HEAD] = {};
      const auto known = static_cast<uint32_t>(std::min<std::size_t>(bytes.size(), HP_HEAD));
      std::memcpy(head, bytes.data(), known);
      const bool start = stream.at_start() || end.prefix.restart ||
                         (end.messages == 0 && end.hint == HP_CONTENT_TLS_ALERT);
      uint8_t content = hp_classify(head, known, start, &policy).content;
      if (content == HP_CONTENT_NONE && start)
        content = hp_classify_prefix(head, known, &policy).content;
      if (content == HP_CONTENT_UNDECIDED) {
        stream.needed = known + 1;
        break;
      }
      if (content == HP_CONTENT_NONE) {
        if (!start && !(end.messages == 0 && end.hint == HP_CONTENT_OTHER)) {
          consume(static_cast<uint32_t>(bytes.size()));
          break;
        }
        content = HP_CONTENT_OTHER;
      }
      if (content == HP_CONTENT_TLS_CLIENT || content == HP_CONTENT_TLS_SERVER) {
        flow.prefixes.add(flow.asked);
      }
      end.content = content;
      end.dissector = dissector_of(content);
    }
    const Dissected result = end.dissector->dissect(bytes, end.content, exchange);
    // What is none of ours is copied once: waiting for more of it would be in vain.
    if (end.content == HP_CONTENT_OTHER) end.settled = true;
    if (result.state == Is::need_more) {
      stream.needed = result.needed;
      if (bytes.size() < StreamPool::large_capacity) break;
      broken_message(flow, direction, time, Reason::too_long);
      consume(static_cast<uint32_t>(bytes.size()));
      break;
    }
    const bool prefix = result.state == Is::prefix;
    const bool more = result.state == Is::message || result.state == Is::aside || prefix;
    if (result.state == Is::broken) {
      broken_message(flow, direction, time, result.reason);
    } else if (result.state != Is::aside && !prefix) {
      ++end.messages;
      end.settled = true;
    }
    end.prefix.restart = prefix;
    if (prefix) end.prefix.seen = true;
    end.dissector = nullptr;
    end.content = HP_CONTENT_NONE;
    end.incomplete_noted = false;
    stream.truncated = stream.over_limit = stream.evicted = false;
    const auto size = static_cast<uint32_t>(bytes.size());
    consume(more && (result.consumed != 0 || prefix) ? std::min(result.consumed, size) : size);
    if (!more) break;
  }
  if (!kept && !bytes.empty()) {
    const StreamPool::Placed placed = streams.place(stream, 0, bytes);
    if (placed.dropped != 0) ++segments_cut;
  }
}

void Engine::State::broken_message(Flow& flow, uint8_t direction, PacketTime time, Reason reason) {
  End& end = flow.end[direction];
  const bool first = end.messages == 0 && !end.settled;
  end.settled = true;
  flow.retry_pending = false;
  // Bytes in the middle of a stream that only looked like a message are no news.
  if (first && !end.incomplete_noted) {
    const std::string_view part = open_part(flow, direction);
    Exchange exchange(flow, direction, time, options, *scratch, *this);
    if (!part.empty())
      if (DocumentBuilder* document = exchange.document()) document->note_incomplete(part, reason);
  }
  if (direction != flow.client) flow.certificate_pending = false;
  end.dissector = nullptr;
  end.content = HP_CONTENT_NONE;
}

}  // namespace handprint
