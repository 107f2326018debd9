// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tls_request.h"

#include <algorithm>
#include <string_view>

namespace handprint {
namespace {

Reason more(std::size_t at_least, std::size_t& needed) {
  needed = at_least;
  return Reason::need_more;
}

// Length in three bytes, least significant first, and the number of a MySQL packet.
Reason mysql_packet(Bytes stream, uint8_t number, std::size_t longest, TlsRequest& out,
                    std::size_t& needed) {
  constexpr std::size_t header = 4;
  if (stream.size() < header) return more(header, needed);
  const std::size_t size = stream[0] | std::size_t{stream[1]} << 8 | std::size_t{stream[2]} << 16;
  out.length = header + size;
  if (stream[3] != number || size > longest) return Reason::not_this_protocol;
  return stream.size() < out.length ? more(out.length, needed) : Reason::ok;
}

// TPKT and X.224 headers of this type; `negotiation`: the 8 bytes that say what is asked for.
Reason x224(Bytes stream, uint8_t type, TlsRequest& out, Bytes& negotiation, std::size_t& needed) {
  constexpr std::size_t header = 11, longest = 512, request = 8;
  if (stream.size() < 6) return more(header, needed);
  if (stream[0] != 3 || stream[1] != 0 || stream[5] != type) return Reason::not_this_protocol;
  out.length = load_u16(&stream[2]);
  if (out.length < header || out.length > longest || stream[4] != out.length - 5)
    return Reason::not_this_protocol;
  if (stream.size() < out.length) return more(out.length, needed);
  // A cookie may stand in front of it.
  Bytes data = stream.subspan(header, out.length - header);
  const std::string_view text = as_text(data);
  if (text.starts_with("Cookie:") || text.starts_with("tsv:")) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return Reason::not_this_protocol;
    data = data.subspan(end + 2);
  }
  if (data.size() >= request && data[2] == request && data[3] == 0)
    negotiation = data.first(request);
  return Reason::ok;
}

}  // namespace

Reason parse_postgresql_request(Bytes stream, TlsRequest& out, std::size_t& needed) {
  constexpr std::size_t size = 8;
  constexpr uint32_t ssl_request = 80877103, gss_request = 80877104;
  out = {};
  if (stream.size() < size) return more(size, needed);
  Cursor in(stream);
  const uint32_t length = in.u32(), code = in.u32();
  if (length != size || (code != ssl_request && code != gss_request))
    return Reason::not_this_protocol;
  out.length = size;
  out.tls = code == ssl_request;
  out.gss = !out.tls;
  return Reason::ok;
}

Reason parse_mysql_greeting(Bytes stream, TlsRequest& out, std::size_t& needed) {
  constexpr uint16_t can_tls = 0x0800;
  out = {};
  if (const Reason reason = mysql_packet(stream, 0, 1024, out, needed); reason != Reason::ok)
    return reason;
  Cursor in(stream.subspan(4, out.length - 4));
  if (in.u8() != 10) return Reason::not_this_protocol;
  const std::size_t end = as_text(in.rest()).find('\0');
  if (end == std::string_view::npos || end < 3) return Reason::not_this_protocol;
  in.skip(end + 1);
  in.skip(4 + 8 + 1);  // connection id, scramble, filler
  const uint8_t low = in.u8(), high = in.u8();
  if (in.failed()) return Reason::not_this_protocol;
  out.tls = ((low | high << 8) & can_tls) != 0;
  return Reason::ok;
}

Reason parse_mysql_request(Bytes stream, TlsRequest& out, std::size_t& needed) {
  constexpr std::size_t size = 32;
  out = {};
  if (const Reason reason = mysql_packet(stream, 1, size, out, needed); reason != Reason::ok)
    return reason;
  // An SSLRequest is what of a response stands in front of the user name.
  out.tls = out.length == 4 + size && (stream[5] & 8) != 0;
  return out.tls ? Reason::ok : Reason::not_this_protocol;
}

Reason parse_tds_packet(Bytes stream, TlsRequest& out, std::size_t& needed) {
  constexpr std::size_t header = 8;
  out = {};
  if (stream.size() < header) return more(header, needed);
  out.length = load_u16(&stream[2]);
  if ((stream[0] != 0x12 && stream[0] != 0x04) || stream[1] > 1 || stream[7] != 0 ||
      out.length <= header)
    return Reason::not_this_protocol;
  out.inside = stream.subspan(header, std::min(stream.size(), out.length) - header);
  out.tls = out.inside.size() >= 2 && out.inside[0] >= 0x14 && out.inside[0] <= 0x17 &&
            out.inside[1] == 3;
  return stream.size() < out.length ? more(out.length, needed) : Reason::ok;
}

Reason parse_rdp_request(Bytes stream, TlsRequest& out, std::size_t& needed) {
  out = {};
  Bytes negotiation;
  const Reason reason = x224(stream, 0xe0, out, negotiation, needed);
  // requestedProtocols, least significant byte first: 1 TLS, 2 CredSSP, 4 RDSTLS, 8 CredSSP early.
  out.tls = !negotiation.empty() && negotiation[0] == 1 && (negotiation[4] & 0x0f) != 0;
  return reason;
}

Reason parse_rdp_confirm(Bytes stream, TlsRequest& out, std::size_t& needed) {
  out = {};
  Bytes negotiation;
  const Reason reason = x224(stream, 0xd0, out, negotiation, needed);
  out.tls = !negotiation.empty() && negotiation[0] == 2 && (negotiation[4] & 0x0f) != 0;
  return reason;
}

}  // namespace handprint
