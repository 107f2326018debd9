// SPDX-License-Identifier: Apache-2.0
// How a protocol is read out of a stream. A dissector is told of the contiguous bytes of one side
// from the start of a message on, and turns complete messages into observations and facts. A new
// one is a file with two functions and a row in dissector.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "bpf/wire.h"
#include "fingerprint/cursor.h"
#include "fingerprint/reason.h"
#include "flow/document.h"

namespace handprint {

class Exchange;  // flow/exchange.h: the flow, the document under work, and the scratch memory

// What became of the bytes that a dissector was shown.
struct Dissected {
  enum class State : uint8_t {
    message,    // a message ended; `consumed` bytes are done with, what follows is looked at anew
    aside,      // likewise, but what this side has to say is still to come
    need_more,  // nothing can be said with fewer than `needed` contiguous bytes
    prefix,     // likewise, and what follows is judged as the start of a stream; may consume nothing
    over,       // nothing further is expected of this side until a message is found by content
    broken,     // it is not, or no longer, what it seemed; `reason` says why
  };
  State state = State::over;
  uint32_t consumed = 0;
  uint32_t needed = 0;
  Reason reason = Reason::ok;
};

struct Dissector {
  std::string_view name;
  // Contents (enum hp_content, one bit each) whose messages it reads.
  uint32_t contents = 0;
  // `bytes`: from the start of the message; `content`: what its first bytes were taken for.
  Dissected (*dissect)(Bytes bytes, uint8_t content, Exchange& exchange) = nullptr;
};

// All of them.
std::span<const Dissector> dissectors();
// The one that reads this content; never null: what nobody reads is only named.
const Dissector* dissector_of(uint8_t content);

// The name under which a message of this content and side is reported as incomplete: "tls.client" …;
// "" for content that has no message.
std::string_view part_name(uint8_t content, Side side);

// dissector_tls.cc, dissector_http.cc, dissector_http2.cc, dissector_ssh.cc, dissector_prefix.cc, dissector_naming.cc
Dissected dissect_tls(Bytes bytes, uint8_t content, Exchange& exchange);
Dissected dissect_http(Bytes bytes, uint8_t content, Exchange& exchange);
Dissected dissect_http2(Bytes bytes, uint8_t content, Exchange& exchange);
Dissected dissect_ssh(Bytes bytes, uint8_t content, Exchange& exchange);
Dissected dissect_prefix(Bytes bytes, uint8_t content, Exchange& exchange);
Dissected dissect_naming(Bytes bytes, uint8_t content, Exchange& exchange);

}  // namespace handprint
