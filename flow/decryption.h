// SPDX-License-Identifier: Apache-2.0
// Decryption of the flows whose secrets are known. It works only where a key log was given: then whole
// streams are fed to the engine, and this part of it, unlike the rest, allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "flow/exchange.h"
#include "flow/http_stream.h"
#include "flow/key_log.h"
#include "flow/tls_session.h"

namespace handprint {

// What is kept of a flow that may be decrypted.
struct DecryptedFlow {
  explicit DecryptedFlow(const KeyLog& keys) : session(keys) {}
  TlsSession session;
  HttpStream http;
};

class Decryption {
 public:
  // Connections that are followed at once; a further one is left alone, and counted.
  static constexpr std::size_t most_flows = 4096;
  // Bytes of one connection that may wait for secrets or for what a gap hides.
  static constexpr std::size_t most_held = 4u << 20;

  explicit Decryption(const KeyLog& keys) : keys_(keys) {}

  // A hello of this direction begins at this sequence number; bytes: what of it and behind it is there.
  // random: the ClientHello's, which says whether secrets are known; of the server's side none is needed.
  void begin(Exchange& exchange, uint32_t sequence, Bytes bytes, Bytes random);
  // Payload of a TCP segment of a flow that begin() was called for; others are left alone.
  // acknowledged: its number of that name, which tells what the capture has missed of the other side.
  void add(Exchange& exchange, uint32_t sequence, Bytes payload, uint32_t acknowledged);
  // The key log has grown: what waited for secrets goes on.
  void secrets_came(Exchange& exchange);
  // The flow ends: what waits behind gaps is read.
  void finish(Exchange& exchange);
  void forget(Flow& flow);

  const DecryptionCounters& counters() const { return counters_; }

 private:
  template <class Work>
  void work(Exchange& exchange, Work&& work);

  const KeyLog& keys_;
  std::size_t open_ = 0;
  DecryptionCounters counters_;
};

}  // namespace handprint
