// SPDX-License-Identifier: Apache-2.0
// Any bytes as HTTP/2: as frames of a client, and each as a header block in memory of one's own.
#include "fingerprint/http2.h"
#include "fuzz_room.h"

using namespace handprint;

namespace {

struct Names final : HeaderInflater::Taker {
  explicit Names(Http2Fingerprint& to) : fingerprint(to) {}
  void header(std::string_view name, std::string_view value) override {
    fingerprint.header(name);
    bytes += name.size() + value.size();
  }
  Http2Fingerprint& fingerprint;
  size_t bytes = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes left(data, size);
  Http2Fingerprint fingerprint;
  HeaderInflater on_heap;
  static std::array<std::byte, 32768> memory;
  for (Http2Frame frame; read_http2_frame(left, frame) == Reason::ok;) {
    if (frame.payload.size() > frame.length || frame.payload.size() > left.size()) std::abort();
    if (!frame.whole()) break;
    left = left.subspan(http2_frame::header_size + frame.length);
    fingerprint.frame(frame);
    if (frame.type == http2_frame::settings && frame.payload.size() >= 6)
      on_heap.allow_table(static_cast<uint32_t>(frame.payload[2]) << 24 | frame.payload[5]);
    Bytes block;
    if (http2_header_block(frame, block) != Reason::ok) continue;
    if (block.size() > frame.payload.size()) std::abort();
    if (frame.type == http2_frame::data) continue;
    Names names(fingerprint);
    on_heap.inflate(block, names);
    for (const size_t room : {memory.size(), size_t{4096}, size_t{64}}) {
      HeaderInflater in_memory(std::span(memory).first(room));
      in_memory.inflate(block, names);
    }
  }
  fuzz::try_writer([&](Text& out) { return fingerprint.write(out); }, true);
  return 0;
}
