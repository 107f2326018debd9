// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/mercury_tcp.h"

namespace handprint {
namespace {

bool identification_is_zero(const TcpHandshake& facts) {
  if (facts.ip_version == 6) return (facts.quirks & quirk::flow) == 0;
  // "id-" is only said where fragments are allowed, "id+" only where they are not.
  return (facts.quirks & quirk::df) != 0 ? (facts.quirks & quirk::id_plus) == 0
                                         : (facts.quirks & quirk::id_minus) != 0;
}

}  // namespace

Reason write_mercury_tcp(const TcpHandshake& facts, Text& out) {
  const size_t start = out.size();
  out.put(facts.ip_version == 6 ? "(60)(" : "(40)(");
  if (identification_is_zero(facts)) out.put("00");
  out.put(")(");
  out.hex8(facts.ttl & 0xe0);
  out.put(")(");
  out.hex16(facts.window);
  out.put(")(");
  Cursor in(facts.options);
  while (!in.empty()) {
    const Bytes from = in.rest();
    const uint8_t kind = in.u8();
    size_t length = 1;
    if (kind != tcp_option::eol && kind != tcp_option::nop) {
      length = in.u8();
      if (length < 2) in.fail();
      in.skip(length - 2);
    }
    const bool whole = (kind == tcp_option::mss || kind == tcp_option::window_scale) && !in.failed();
    out.put('(');
    out.hex(from.first(whole ? length : 1));
    out.put(')');
  }
  out.put(')');
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

}  // namespace handprint
