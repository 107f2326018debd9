// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/socks.h"

#include <algorithm>

namespace handprint {
namespace {

Reason more(Bytes stream, std::size_t at_least, std::size_t& needed) {
  needed = std::max(at_least, stream.size() + 1);
  return Reason::need_more;
}

// A text that ends with a zero byte; false when its end is not there.
bool take_text(Cursor& in, std::string_view& out) {
  const std::string_view rest = as_text(in.rest());
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return false;
  out = rest.substr(0, end);
  in.skip(end + 1);
  return true;
}

// Version, command or reply, reserved, address and port.
Reason read_socks5(Bytes stream, SocksMessage& out, std::size_t& needed) {
  if (stream[0] != 5 || (stream.size() > 2 && stream[2] != 0)) return Reason::not_this_protocol;
  if (stream.size() < 5) return more(stream, 5, needed);
  const uint8_t type = stream[3];
  if (type != 1 && type != 3 && type != 4) return Reason::not_this_protocol;
  const std::size_t size = type == 1 ? 4 : type == 4 ? 16 : stream[4];
  Cursor in(stream.subspan(type == 3 ? 5 : 4));
  const Bytes where = in.take(size);
  out.port = in.u16();
  if (in.failed()) return more(stream, (type == 3 ? 5u : 4u) + size + 2, needed);
  if (type == 3) {
    out.host = as_text(where);
  } else {
    out.address = Address::from(where);
  }
  out.length = (type == 3 ? 5u : 4u) + in.position();
  return Reason::ok;
}

}  // namespace

Reason parse_socks4_request(Bytes stream, SocksMessage& out, std::size_t& needed) {
  constexpr std::size_t fixed = 8, longest = 512;
  out = {};
  if (stream.empty()) return more(stream, fixed + 1, needed);
  if (stream[0] != 4 || (stream.size() > 1 && stream[1] != 1 && stream[1] != 2))
    return Reason::not_this_protocol;
  if (stream.size() < fixed) return more(stream, fixed + 1, needed);
  Cursor in(stream);
  in.skip(1);
  out.command = in.u8();
  out.port = in.u16();
  const Bytes address = in.take(4);
  if (out.port == 0) return Reason::not_this_protocol;
  std::string_view user;
  if (!take_text(in, user))
    return stream.size() > longest ? Reason::not_this_protocol : more(stream, 0, needed);
  // What is no text is another protocol's.
  if (!std::ranges::all_of(user, [](char c) { return c >= ' ' && c <= '~'; }))
    return Reason::not_this_protocol;
  out.user = !user.empty();
  // 4a: the address 0.0.0.x stands for a name that follows.
  if (address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0) {
    if (!take_text(in, out.host))
      return stream.size() > longest ? Reason::not_this_protocol : more(stream, 0, needed);
    if (out.host.empty()) return Reason::not_this_protocol;
  } else {
    if (address[0] == 0) return Reason::not_this_protocol;
    out.address = Address::from(address);
  }
  out.length = in.position();
  return Reason::ok;
}

Reason parse_socks4_reply(Bytes stream, SocksMessage& out, std::size_t& needed) {
  constexpr std::size_t size = 8;
  out = {};
  if (stream.empty()) return more(stream, size, needed);
  if (stream[0] != 0 || (stream.size() > 1 && (stream[1] < 0x5a || stream[1] > 0x5d)))
    return Reason::not_this_protocol;
  if (stream.size() < size) return more(stream, size, needed);
  out.granted = stream[1] == 0x5a;
  out.length = size;
  return Reason::ok;
}

Reason parse_socks5_greeting(Bytes stream, SocksMessage& out, std::size_t& needed) {
  out = {};
  if (stream.empty()) return more(stream, 3, needed);
  if (stream[0] != 5 || (stream.size() > 1 && (stream[1] == 0 || stream[1] > 16)))
    return Reason::not_this_protocol;
  if (stream.size() < 2) return more(stream, 3, needed);
  out.length = std::size_t{2} + stream[1];
  // The methods that are assigned or private (RFC 1928, 3): other bytes are another protocol's.
  for (uint8_t method : stream.subspan(2, std::min<std::size_t>(stream[1], stream.size() - 2)))
    if (method > 9 && method < 0x80) return Reason::not_this_protocol;
  if (stream.size() < out.length) return more(stream, out.length, needed);
  return Reason::ok;
}

Reason parse_socks5_method(Bytes stream, SocksMessage& out, std::size_t& needed) {
  out = {};
  if (stream.size() < 2) return more(stream, 2, needed);
  if (stream[0] != 5 || (stream[1] > 9 && stream[1] < 0x80)) return Reason::not_this_protocol;
  out.granted = stream[1] != 0xff;
  out.length = 2;
  return Reason::ok;
}

Reason parse_socks5_login(Bytes stream, SocksMessage& out, std::size_t& needed) {
  out = {};
  if (stream.size() < 2) return more(stream, 5, needed);
  if (stream[0] != 1 || stream[1] == 0) return Reason::not_this_protocol;
  Cursor in(stream);
  in.skip(1);
  in.skip(in.u8());
  in.skip(in.u8());
  if (in.failed()) return more(stream, std::size_t{3} + stream[1], needed);
  out.user = true;
  out.length = in.position();
  return Reason::ok;
}

Reason parse_socks5_login_reply(Bytes stream, SocksMessage& out, std::size_t& needed) {
  out = {};
  if (stream.size() < 2) return more(stream, 2, needed);
  if (stream[0] != 1) return Reason::not_this_protocol;
  out.granted = stream[1] == 0;
  out.length = 2;
  return Reason::ok;
}

Reason parse_socks5_request(Bytes stream, SocksMessage& out, std::size_t& needed) {
  out = {};
  if (stream.size() < 2) return more(stream, 5, needed);
  out.command = stream[1];
  if (out.command < 1 || out.command > 3) return Reason::not_this_protocol;
  return read_socks5(stream, out, needed);
}

Reason parse_socks5_reply(Bytes stream, SocksMessage& out, std::size_t& needed) {
  out = {};
  if (stream.size() < 2) return more(stream, 5, needed);
  out.granted = stream[1] == 0;
  return read_socks5(stream, out, needed);
}

}  // namespace handprint
