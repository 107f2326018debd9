// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/proxy_protocol.h"

#include <algorithm>
#include <string_view>

namespace handprint {
namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t longest_line = 107;  // of version 1, with its line end

// A decimal port without a sign or leading zero; false when it is none.
bool read_port(std::string_view text, uint16_t& port) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return false;
  uint32_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  port = static_cast<uint16_t>(value);
  return value <= 0xffff;
}

// The part of `line` up to the next blank, which is taken off with it.
std::string_view word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view out = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return out;
}

Reason read_line(std::string_view text, ProxyHeader& out, std::size_t& needed) {
  const std::size_t end = text.substr(0, longest_line).find('\n');
  if (end == std::string_view::npos) {
    if (text.size() >= longest_line) return Reason::not_this_protocol;
    needed = text.size() + 1;
    return Reason::need_more;
  }
  if (end == 0 || text[end - 1] != '\r') return Reason::not_this_protocol;
  std::string_view line = text.substr(0, end - 1);
  line.remove_prefix(6);  // "PROXY "
  out.version = 1;
  out.length = end + 1;
  const std::string_view family = word(line);
  if (family == "UNKNOWN") {
    out.local = true;
    return Reason::ok;
  }
  const uint8_t version = family == "TCP4" ? 4 : family == "TCP6" ? 6 : 0;
  out.source = parse_address(word(line));
  out.destination = parse_address(word(line));
  const std::string_view source_port = word(line);
  if (version == 0 || out.source.version != version || out.destination.version != version ||
      !read_port(source_port, out.source_port) || !read_port(line, out.destination_port))
    return Reason::not_this_protocol;
  return Reason::ok;
}

Reason read_binary(Bytes stream, ProxyHeader& out, std::size_t& needed) {
  constexpr std::size_t fixed = 16;
  if (stream.size() < fixed) {
    needed = fixed;
    return Reason::need_more;
  }
  const uint8_t version_command = stream[12], family = stream[13];
  if (version_command >> 4 != 2 || (version_command & 15) > 1) return Reason::not_this_protocol;
  out.version = 2;
  out.length = fixed + load_u16(&stream[14]);
  if (stream.size() < out.length) {
    needed = out.length;
    return Reason::need_more;
  }
  Cursor in(stream.subspan(fixed, out.length - fixed));
  const std::size_t size = family >> 4 == 1 ? 4 : family >> 4 == 2 ? 16 : 0;
  // LOCAL: the addresses are to be ignored. Unix sockets and what is not known have none for us.
  out.local = (version_command & 15) == 0 || size == 0;
  if (out.local) return Reason::ok;
  out.source = Address::from(in.take(size));
  out.destination = Address::from(in.take(size));
  out.source_port = in.u16();
  out.destination_port = in.u16();
  return in.failed() ? Reason::not_this_protocol : Reason::ok;
}

}  // namespace

Reason parse_proxy_header(Bytes stream, ProxyHeader& out, std::size_t& needed) {
  constexpr std::string_view proxy = "PROXY ";
  out = {};
  const std::string_view text = as_text(stream);
  const auto begins = [&](std::string_view with) {
    const std::size_t n = std::min(text.size(), with.size());
    return text.substr(0, n) == with.substr(0, n);
  };
  if (begins(proxy)) {
    if (text.size() >= proxy.size()) return read_line(text, out, needed);
    needed = proxy.size();
    return Reason::need_more;
  }
  if (!begins(signature)) return Reason::not_this_protocol;
  if (text.size() >= signature.size()) return read_binary(stream, out, needed);
  needed = 16;
  return Reason::need_more;
}

}  // namespace handprint
