// SPDX-License-Identifier: Apache-2.0
#include "agent/source/file/file_source.h"

#include <algorithm>

#include "fingerprint/mercury_datagram.h"

namespace handprint {
namespace {

// Fixed, so that the same file always gives the same documents.
constexpr uint32_t selection_seed = 0;

}  // namespace

FileSource::FileSource(CaptureFile& file, const hp_policy& policy, const KeyLog* keys)
    : file_(file), selection_(policy, selection_seed), all_datagrams_(policy.mode != HP_MODE_HELLO), keys_(keys) {}

Source::State FileSource::pump(Engine& engine, int) {
  const std::size_t count = file_.read(frames_);
  if (count == 0) return State::end;
  counters_.packets += count;
  Packet packet;
  for (std::size_t i = 0; i < count; ++i) {
    const Frame& frame = frames_[i];
    counters_.bytes += frame.bytes.size();
    newest_ = std::max(newest_, frame.time);
    const Reason reason = decode_packet(frame.link, frame.bytes, frame.original_length, packet);
    if (reason != Reason::ok) {
      ++counters_.undecoded[static_cast<std::size_t>(reason)];
      continue;
    }
    hp_decision decision;
    bool selected = selection_.select(packet, frame.time, frame.interface, decision);
    // What the kernel does not look for, because it would have to look at every datagram.
    if (!selected && all_datagrams_ && packet.is_udp() &&
        (is_stun_request(packet.payload) || is_dhcp_request(packet.payload))) {
      selected = true;
      decision.content = HP_CONTENT_OTHER;
      decision.copy_len = static_cast<uint32_t>(packet.payload.size());
    }
    const bool streams = keys_ != nullptr && keys_->version() != 0 && packet.is_tcp() && !packet.payload.empty();
    if (!selected && !streams) continue;
    counters_.selected += selected;

    Segment segment;
    if (streams) segment.stream = packet.payload;
    if (!selected) decision = {};
    const std::size_t offset = std::min<std::size_t>(decision.copy_off, packet.payload.size());
    const std::size_t length = std::min<std::size_t>(decision.copy_len, packet.payload.size() - offset);
    // The selector saw what the capture kept; where that ends before the segment does, so does the copy.
    if (packet.truncated() && offset + decision.copy_len >= packet.payload.size())
      segment.flags |= HP_PACKET_TRUNCATED;
    if (decision.by_content != 0) segment.flags |= HP_PACKET_NO_WINDOW;
    packet.payload = packet.payload.subspan(offset, length);
    segment.time = frame.time;
    segment.packet = &packet;
    segment.copy_offset = decision.copy_off;
    segment.content = decision.content;
    segment.interface = frame.interface;
    engine.segment(segment);
  }
  return State::more;
}

}  // namespace handprint
