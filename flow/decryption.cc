// SPDX-License-Identifier: Apache-2.0
#include "flow/decryption.h"

#include <algorithm>

#include "fingerprint/protocol.h"
#include "fingerprint/tls_extension.h"
#include "fingerprint/tls_record.h"
#include "flow/hello.h"

namespace handprint {
namespace {

// The protocol that the server chose in its encrypted extensions (RFC 8446 section 4.3.1).
std::string_view alpn_of(Bytes encrypted_extensions) {
  Cursor in(encrypted_extensions);
  Cursor list = in.sub(in.u16());
  while (!list.empty()) {
    const uint16_t type = list.u16();
    Cursor data = list.sub(list.u16());
    if (list.failed()) return {};
    if (type != tls_extension::alpn) continue;
    Cursor names = data.sub(data.u16());
    return as_text(names.take(names.u8()));
  }
  return {};
}

// Takes what a session opens into documents of its flow.
class Plaintext final : public TlsPlaintext {
 public:
  Plaintext(Exchange& exchange, HttpStream& http) : exchange_(exchange), http_(http) {}

  void handshake(Side side, uint8_t type, Bytes body, bool tls13) override {
    Exchange exchange = of(side);
    Flow& flow = exchange.flow;
    if (type == tls_handshake::certificate && tls13) {
      note_certificates(body, true, exchange);
    } else if (type == tls_handshake::encrypted_extensions) {
      const std::string_view name = alpn_of(body);
      if (name.empty()) return;
      flow.add_protocol(protocol_of_alpn(name));
      if (DocumentBuilder* document = exchange.document()) document->decrypted_alpn = document->arena.copy(name);
    } else if (type == tls_handshake::finished) {
      const auto bit = static_cast<uint8_t>(side == Side::client ? 1 : 2);
      flow.finished |= bit;
      if (flow.finished == 3)
        if (DocumentBuilder* document = exchange.document()) document->established = true;
    }
  }
  void application(Side side, Bytes bytes) override {
    Exchange exchange = of(side);
    http_.add(bytes, Carrier::tls, exchange);
  }
  void overdue(Side side) override {
    Exchange exchange = of(side);
    doubt_answers(exchange);
  }
  void gap(Side side) override {
    Exchange exchange = of(side);
    http_.lose(exchange);
  }

 private:
  Exchange of(Side side) const {
    const uint8_t direction = side == Side::client ? exchange_.flow.client
                                                   : static_cast<uint8_t>(exchange_.flow.client ^ 1);
    return exchange_.other(direction);
  }

  Exchange& exchange_;
  HttpStream& http_;
};

}  // namespace

template <class Work>
void Decryption::work(Exchange& ex, Work&& work) {
  DecryptedFlow* const decrypted = ex.flow.decrypted;
  if (decrypted == nullptr) return;
  TlsSession& session = decrypted->session;
  const uint64_t before = session.opened();
  Plaintext out(ex, decrypted->http);
  work(session, out);
  counters_.records += session.opened() - before;
  if (before == 0 && session.opened() != 0) ++counters_.opened;
  if (session.state() == TlsSessionState::over || session.held() > most_held) forget(ex.flow);
}

void Decryption::begin(Exchange& ex, uint32_t sequence, Bytes bytes, Bytes random) {
  Flow& flow = ex.flow;
  if (flow.decrypted == nullptr) {
    TlsRandom key{};
    if (ex.side() != Side::client || random.size() != key.size()) return;
    std::copy(random.begin(), random.end(), key.begin());
    if (!ex.options.keys_grow && keys_.find(key) == nullptr) return;
    if (open_ >= most_flows) {
      ++counters_.refused;
      return;
    }
    flow.decrypted = new DecryptedFlow(keys_);
    ++open_;
    ++counters_.flows;
  }
  flow.decrypted->session.begin(ex.side(), sequence);
  work(ex, [&](TlsSession& session, Plaintext& out) { session.add(ex.side(), sequence, bytes, out); });
}

void Decryption::add(Exchange& ex, uint32_t sequence, Bytes payload, uint32_t acknowledged) {
  const Side other = ex.side() == Side::client ? Side::server : Side::client;
  work(ex, [&](TlsSession& session, Plaintext& out) {
    session.acknowledged(other, acknowledged, out);
    session.add(ex.side(), sequence, payload, out);
  });
}

void Decryption::secrets_came(Exchange& ex) {
  work(ex, [](TlsSession& session, Plaintext& out) { session.keys_came(out); });
}

void Decryption::finish(Exchange& ex) {
  work(ex, [](TlsSession& session, Plaintext& out) { session.finish(out); });
}

void Decryption::forget(Flow& flow) {
  if (flow.decrypted == nullptr) return;
  delete flow.decrypted;
  flow.decrypted = nullptr;
  --open_;
}

}  // namespace handprint
