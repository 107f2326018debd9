// SPDX-License-Identifier: Apache-2.0
// Any bytes as a key log, as the records of both sides of a TLS session in any order, and as the streams
// of HTTP that come out of one.
#include <cstring>
#include <memory>

#include "flow/http_stream.h"
#include "flow/key_log.h"
#include "flow/tls_session.h"
#include "fuzz_room.h"

using namespace handprint;

namespace {

struct Nobody final : DocumentTaker {
  void take(DocumentPtr) override {}
};

struct Plain final : TlsPlaintext {
  void handshake(Side, uint8_t, Bytes body, bool) override { bytes += body.size(); }
  void application(Side, Bytes content) override { bytes += content.size(); }
  void overdue(Side) override {}
  void gap(Side) override {}
  size_t bytes = 0;
};

struct NoDocuments final : Exchange::Documents {
  DocumentBuilder* begin(Flow&) override { return nullptr; }
  void tls_begins(Exchange&, Bytes, Bytes) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  KeyLog keys;
  // The text is what stands in front of the first zero byte.
  const auto* end = static_cast<const uint8_t*>(std::memchr(data, 0, size));
  const size_t text = end != nullptr ? static_cast<size_t>(end - data) : size;
  for (size_t at = 0; at < text; at += 100) keys.add(Bytes(data + at, std::min<size_t>(100, text - at)));
  keys.finish();
  Cursor in(Bytes(data + text, size - text));
  in.u8();

  TlsSession session(keys);
  Plain plain;
  static const auto scratch = std::make_unique<Scratch>();
  static const EngineOptions options;
  NoDocuments none;
  Flow flow;
  HttpStream http;
  session.begin(Side::client, 1000);
  session.begin(Side::server, 0xffffff00);
  uint32_t sent[2] = {1000, 0xffffff00};
  size_t fed = 0;
  while (!in.empty()) {
    // A piece: side, a step back or ahead, length.
    const uint8_t how = in.u8();
    const Side side = (how & 1) != 0 ? Side::server : Side::client;
    uint32_t& at = sent[how & 1];
    if ((how & 2) != 0) at += in.u8();
    if ((how & 4) != 0) at -= in.u8();
    const Bytes bytes = in.take_up_to((how & 8) != 0 ? in.u16() : in.u8());
    if ((how & 32) != 0) session.acknowledged(side == Side::client ? Side::server : Side::client, sent[(how & 1) ^ 1], plain);
    session.add(side, at, bytes, plain);
    at += static_cast<uint32_t>(bytes.size());
    fed += bytes.size();
    Exchange exchange(flow, side == Side::client ? flow.client : static_cast<uint8_t>(flow.client ^ 1), 0, options,
                      *scratch, none);
    if ((how & 16) != 0) http.lose(exchange);
    http.add(bytes, Carrier::tls, exchange);
    if (session.held() > 2 * OrderedBytes::most_waiting + 2 * fed + 65536) std::abort();
  }
  session.keys_came(plain);
  session.finish(plain);
  return 0;
}
