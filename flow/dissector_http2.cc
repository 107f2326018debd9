// SPDX-License-Identifier: Apache-2.0
// HTTP/2 in the clear: what a client sends up to its first request.
#include <algorithm>
#include <cstring>

#include "bpf/window.h"
#include "fingerprint/http2.h"
#include "flow/http_message.h"

namespace handprint {

namespace {

using State = Dissected::State;

// Keeps the fields of one block in the scratch memory; those that find no room are left out.
class Fields final : public HeaderInflater::Taker {
 public:
  explicit Fields(Scratch& scratch) : http2_(scratch.http2) {}

  void header(std::string_view name, std::string_view value) override {
    if (count_ == http2_.fields.size()) return;
    http2_.fields[count_++] = {keep(name), keep(value)};
  }
  Http2Fields view() const { return Http2Fields(http2_.fields).first(count_); }

 private:
  std::string_view keep(std::string_view text) {
    text = text.substr(0, http2_.text.size() - used_);
    char* const to = http2_.text.data() + used_;
    std::copy(text.begin(), text.end(), to);
    used_ += text.size();
    return {to, text.size()};
  }

  decltype(Scratch::http2)& http2_;
  std::size_t count_ = 0, used_ = 0;
};

Dissected broken(Bytes bytes, Reason reason) {
  return {State::broken, static_cast<uint32_t>(bytes.size()), 0, reason};
}

Reason on_request(Bytes block, uint32_t stream, Http2Fingerprint& fingerprint, Exchange& ex) {
  HeaderInflater inflater(ex.scratch.http2.memory);
  Fields fields(ex.scratch);
  if (const Reason reason = inflater.inflate(block, fields); reason != Reason::ok) return reason;
  for (const auto& [name, value] : fields.view()) fingerprint.header(name);
  const Reason noted = note_http2_request(fields.view(), stream, Carrier::clear, ex);
  if (noted == Reason::ok) note_http2_fingerprint(fingerprint, ex);
  return noted;
}

}  // namespace

Dissected dissect_http2(Bytes bytes, uint8_t, Exchange& ex) {
  const auto size = static_cast<uint32_t>(bytes.size());
  const std::size_t known = std::min(bytes.size(), http2_preface.size());
  if (as_text(bytes.first(known)) != http2_preface.substr(0, known)) return broken(bytes, Reason::malformed_http2);
  if (known == http2_preface.size()) {
    ex.flow.claim_client(ex.direction);
    ex.flow.add_protocol(Protocol::http2);
  }
  Http2Fingerprint fingerprint;
  auto& block = ex.scratch.http2.block;
  std::size_t in_block = 0;
  uint32_t stream = 0;
  for (std::size_t at = http2_preface.size();;) {
    Http2Frame frame;
    const Bytes rest = bytes.subspan(std::min(at, bytes.size()));
    const bool has_header = at <= bytes.size() && read_http2_frame(rest, frame) == Reason::ok;
    const std::size_t end = at + http2_frame::header_size + (has_header ? frame.length : 0);
    if (end > HP_HTTP2_LIMIT) return broken(bytes, Reason::too_long);
    if (end > bytes.size()) return {State::need_more, 0, static_cast<uint32_t>(end), Reason::ok};
    at = end;
    fingerprint.frame(frame);
    const bool first = frame.type == http2_frame::headers;
    if (in_block == 0 && stream == 0 && !first) continue;
    if (!first && frame.type != http2_frame::continuation) return broken(bytes, Reason::malformed_http2);
    if (first) stream = frame.stream;
    Bytes part;
    if (http2_header_block(frame, part) != Reason::ok) return broken(bytes, Reason::malformed_http2);
    if (part.size() > block.size() - in_block) return broken(bytes, Reason::too_long);
    std::copy(part.begin(), part.end(), block.begin() + static_cast<std::ptrdiff_t>(in_block));
    in_block += part.size();
    if ((frame.flags & http2_frame::end_headers) == 0) continue;
    ex.flow.named = true;  // the server's side has nothing that is read
    const Reason reason = on_request(Bytes(block).first(in_block), stream, fingerprint, ex);
    if (reason != Reason::ok) return broken(bytes, reason);
    return {State::over, size, 0, Reason::ok};
  }
}

}  // namespace handprint
