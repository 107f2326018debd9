// SPDX-License-Identifier: Apache-2.0
// Protocols that are only recognised: their first bytes give a name and nothing else.
#include "fingerprint/protocol.h"
#include "flow/exchange.h"

namespace handprint {

namespace {

constexpr uint32_t enough = 64;  // bytes with which a protocol is recognised or not

Protocol recognise(Bytes bytes, const Exchange& ex) {
  const bool sure = ex.flow.client_known != ClientKnown::no;
  if (sure) {
    return ex.side() == Side::client ? recognise_client(bytes) : recognise_server(bytes);
  }
  const Protocol by_server = recognise_server(bytes);
  return by_server != Protocol::unknown ? by_server : recognise_client(bytes);
}

}  // namespace

Dissected dissect_naming(Bytes bytes, uint8_t, Exchange& ex) {
  using State = Dissected::State;
  const auto size = static_cast<uint32_t>(bytes.size());
  const Protocol protocol = recognise(bytes, ex);
  if (protocol == Protocol::unknown && size < enough)
    return {State::need_more, 0, size + 1, Reason::ok};
  if (protocol != Protocol::unknown) {
    ex.flow.add_protocol(protocol);
    ex.flow.named = true;
  }
  return {State::over, size, 0, Reason::ok};
}

}  // namespace handprint
