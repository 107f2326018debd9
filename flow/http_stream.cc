// SPDX-License-Identifier: Apache-2.0
#include "flow/http_stream.h"

#include <algorithm>
#include <charconv>

namespace handprint {
namespace {

constexpr std::size_t longest_head = 256 * 1024;
constexpr std::size_t longest_block = 256 * 1024;
constexpr std::size_t most_fields = 512;

class Collect final : public HeaderInflater::Taker {
 public:
  explicit Collect(std::vector<std::pair<std::string, std::string>>& out) : out_(out) { out_.clear(); }
  void header(std::string_view name, std::string_view value) override {
    if (out_.size() < most_fields) out_.emplace_back(name, value);
  }

 private:
  std::vector<std::pair<std::string, std::string>>& out_;
};

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, comma);
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    one = one.substr(0, one.find_first_of(" \t;"));
    if (equal_ignoring_case(one, token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

void HttpStream::consume(Direction& side, std::size_t n) {
  side.read += n;
  if (side.read == side.bytes.size()) {
    side.bytes.clear();
    side.read = 0;
  } else if (side.read > 65536) {
    side.bytes.erase(side.bytes.begin(), side.bytes.begin() + static_cast<std::ptrdiff_t>(side.read));
    side.read = 0;
  }
}

void HttpStream::add(Bytes bytes, Carrier carrier, Exchange& ex) {
  Direction& side = sides_[ex.side() == Side::client ? 0 : 1];
  if (side.over || spoken_ == Spoken::other) return;
  side.bytes.insert(side.bytes.end(), bytes.begin(), bytes.end());
  if (spoken_ == Spoken::unknown) decide(ex);
  if (spoken_ == Spoken::unknown || spoken_ == Spoken::other) return;
  while (!side.over && side.read < side.bytes.size())
    if (!(spoken_ == Spoken::http2 ? http2(side, carrier, ex) : http1(side, carrier, ex))) break;
  if (unread(side).size() > longest_head) side.over = true;
  if (side.over) {
    side.bytes.clear();
    side.read = 0;
  }
}

void HttpStream::lose(Exchange& ex) {
  Direction& side = sides_[ex.side() == Side::client ? 0 : 1];
  side.bytes.clear();
  side.read = 0;
  side.body = Body::lost;
  heads_.clear();
  if (spoken_ == Spoken::http2) sides_[0].over = sides_[1].over = true;
  give_up_answers(ex);
}

// The client's first bytes say what it is; without them the server's do.
void HttpStream::decide(Exchange& ex) {
  const Bytes bytes = unread(sides_[ex.side() == Side::client ? 0 : 1]);
  if (ex.side() == Side::client) {
    const std::string_view text = as_text(bytes);
    const std::size_t n = std::min(text.size(), http2_preface.size());
    if (text.substr(0, n) == http2_preface.substr(0, n)) {
      if (n < http2_preface.size()) return;
      spoken_ = Spoken::http2;
    } else {
      spoken_ = Spoken::http1;
    }
  } else {
    Http2Frame frame;
    if (as_text(bytes).starts_with("HTTP/1")) {
      spoken_ = Spoken::http1;
    } else if (read_http2_frame(bytes, frame) == Reason::ok) {
      const bool settings = frame.type == http2_frame::settings && frame.stream == 0 &&
                            frame.length % 6 == 0 && frame.length < 600;
      spoken_ = settings ? Spoken::http2 : Spoken::other;
    }
  }
  if (spoken_ == Spoken::http2) ex.flow.add_protocol(Protocol::http2);
}

// One step; false when more bytes are needed.
bool HttpStream::http1(Direction& side, Carrier carrier, Exchange& ex) {
  const Bytes bytes = unread(side);
  switch (side.body) {
    case Body::none: return http1_head(side, carrier, ex);
    case Body::lost: {
      const std::string_view text = as_text(bytes);
      const bool begins = ex.side() == Side::client ? !text.empty() && text[0] >= 'A' && text[0] <= 'Z'
                                                    : text.starts_with("HTTP/1");
      if (begins) side.body = Body::none;
      else consume(side, bytes.size());
      return true;
    }
    case Body::to_the_end:
      consume(side, bytes.size());
      return true;
    case Body::counted:
    case Body::chunk: {
      const auto n = static_cast<std::size_t>(std::min<uint64_t>(side.left, bytes.size()));
      consume(side, n);
      side.left -= n;
      if (side.left == 0) side.body = side.body == Body::chunk ? Body::chunk_size : Body::none;
      return true;
    }
    case Body::chunk_size:
    case Body::trailer: {
      const std::string_view text = as_text(bytes);
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) return false;
      std::string_view line = text.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      const bool empty = line.empty();
      if (side.body == Body::trailer) {
        if (empty) side.body = Body::none;
      } else {
        uint64_t size = 0;
        const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
        if (error != std::errc() || stop == line.data()) {
          side.over = true;
          return false;
        }
        side.left = size + 2;  // with the line break behind the chunk
        side.body = size == 0 ? Body::trailer : Body::chunk;
      }
      consume(side, end + 1);
      return true;
    }
  }
  return false;
}

bool HttpStream::http1_head(Direction& side, Carrier carrier, Exchange& ex) {
  const Bytes bytes = unread(side);
  const bool client = ex.side() == Side::client;
  const auto by_headers = [&](const HttpHeaders& headers, bool until_closed) {
    const std::string_view length = headers.value("content-length");
    if (has_token(headers.value("transfer-encoding"), "chunked")) {
      side.body = Body::chunk_size;
    } else if (!length.empty()) {
      side.left = 0;
      std::from_chars(length.data(), length.data() + length.size(), side.left);
      side.body = side.left != 0 ? Body::counted : Body::none;
    } else {
      side.body = until_closed ? Body::to_the_end : Body::none;
    }
  };
  if (client) {
    HttpRequest& request = ex.scratch.request;
    const Reason reason = parse_http_request(bytes, request);
    if (reason == Reason::need_more) return false;
    if (reason != Reason::ok) {
      side.over = true;
      return false;
    }
    ex.flow.add_protocol(Protocol::http1);
    note_http_request(request, bytes.first(request.length), carrier, ex);
    heads_.push_back(request.method == "HEAD");
    by_headers(request.headers, false);
    if (request.method == "CONNECT") side.over = true;  // what follows is a tunnel
    consume(side, request.length);
    return true;
  }
  HttpResponse& response = ex.scratch.response;
  const Reason reason = parse_http_response(bytes, response);
  if (reason == Reason::need_more) return false;
  if (reason != Reason::ok) {
    side.over = true;
    return false;
  }
  ex.flow.add_protocol(Protocol::http1);
  note_http_response(response, bytes.first(response.length), carrier, ex);
  const uint16_t status = response.status;
  const bool interim = status >= 100 && status < 200;
  const bool head = !heads_.empty() && heads_.front();
  if (!interim && !heads_.empty()) heads_.pop_front();
  if (status == 101) {
    if (is_websocket_upgrade(response.headers.value("upgrade"))) ex.flow.add_protocol(Protocol::websocket);
    sides_[0].over = sides_[1].over = true;
  } else if (!interim && !head && status != 204 && status != 304) {
    by_headers(response.headers, true);
  }
  if (!side.over) consume(side, response.length);
  return true;
}

HeaderInflater& HttpStream::inflater(Direction& side) {
  if (side.inflater == nullptr) side.inflater = std::make_unique<HeaderInflater>();
  return *side.inflater;
}

// How large a table this side allows the other one's header blocks.
void HttpStream::settings(const Http2Frame& frame, const Direction& side) {
  constexpr uint16_t header_table_size = 1;
  if ((frame.flags & http2_frame::ack) != 0) return;
  Direction& other = &side == &sides_[0] ? sides_[1] : sides_[0];
  for (Cursor in(frame.payload); in.left() >= 6;) {
    const uint16_t id = in.u16();
    const uint32_t value = in.u32();
    if (id == header_table_size) inflater(other).allow_table(value);
  }
}

bool HttpStream::http2(Direction& side, Carrier carrier, Exchange& ex) {
  const bool client = ex.side() == Side::client;
  Bytes bytes = unread(side);
  if (side.skip != 0) {
    const auto n = static_cast<std::size_t>(std::min<uint64_t>(side.skip, bytes.size()));
    side.skip -= n;
    consume(side, n);
    return true;
  }
  if (client && !side.preface) {
    if (bytes.size() < http2_preface.size()) return false;
    side.preface = true;
    if (!as_text(bytes).starts_with(http2_preface)) {
      side.over = true;
      return false;
    }
    consume(side, http2_preface.size());
    return true;
  }
  Http2Frame frame;
  if (read_http2_frame(bytes, frame) != Reason::ok) return false;
  if (side.block_open && frame.type != http2_frame::continuation) {
    side.over = true;  // RFC 9113 section 6.10
    return false;
  }
  if (frame.type == http2_frame::data) {
    side.skip = http2_frame::header_size + uint64_t{frame.length};
    return true;
  }
  if (!frame.whole()) return false;
  if (client) fingerprint_.frame(frame);
  switch (frame.type) {
    case http2_frame::settings: settings(frame, side); break;
    case http2_frame::headers:
    case http2_frame::push_promise:
    case http2_frame::continuation: {
      Bytes part;
      if (http2_header_block(frame, part) != Reason::ok ||
          (frame.type == http2_frame::continuation) != side.block_open ||
          side.block.size() + part.size() > longest_block) {
        side.over = true;
        return false;
      }
      side.block.insert(side.block.end(), part.begin(), part.end());
      if (!side.block_open) {
        side.block_stream = frame.stream;
        side.block_type = frame.type;
        side.block_open = true;
      }
      if ((frame.flags & http2_frame::end_headers) != 0) http2_block(side, carrier, ex);
      break;
    }
    default: break;
  }
  if (!side.over) consume(side, http2_frame::header_size + frame.length);
  return true;
}

// A header block is whole. All go through the inflater, or its table is lost.
void HttpStream::http2_block(Direction& side, Carrier carrier, Exchange& ex) {
  const bool client = ex.side() == Side::client;
  Collect collect(fields_);
  const Reason reason = inflater(side).inflate(side.block, collect);
  side.block.clear();
  side.block_open = false;
  if (reason != Reason::ok) {
    side.over = true;
    return;
  }
  if (side.block_type == http2_frame::push_promise) return;
  std::vector<std::pair<std::string_view, std::string_view>> views(fields_.begin(), fields_.end());
  const bool has_start = std::any_of(views.begin(), views.end(), [client](const auto& field) {
    return field.first == (client ? std::string_view(":method") : std::string_view(":status"));
  });
  if (!has_start) return;  // trailers
  if (!client) {
    note_http2_response(views, side.block_stream, carrier, ex);
    return;
  }
  note_http2_request(views, side.block_stream, carrier, ex);
  if (fingerprint_written_) return;
  fingerprint_written_ = true;
  for (const auto& [name, value] : views) fingerprint_.header(name);
  note_http2_fingerprint(fingerprint_, ex);
}

}  // namespace handprint
