// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/starttls.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "fingerprint/http_header.h"

namespace handprint {
namespace {

using Says = ClearMessage::Says;

// The line without its end, and its length with it.
Reason take_line(Bytes stream, std::string_view& line, std::size_t& length) {
  const std::string_view text = as_text(stream.first(std::min(stream.size(), longest_clear_line)));
  const std::size_t end = text.find('\n');
  line = text.substr(0, end);
  for (char c : line)
    if (static_cast<uint8_t>(c) < ' ' && c != '\r' && c != '\t') return Reason::not_this_protocol;
  if (end == std::string_view::npos)
    return stream.size() >= longest_clear_line ? Reason::not_this_protocol : Reason::need_more;
  length = end + 1;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return Reason::ok;
}

struct Command {
  std::string_view text;
  Protocol protocol;  // that has no other meaning than this
  Says says;
};

// Compared without case; a command ends where the line or the word does.
constexpr std::array<Command, 22> commands = {{
    {"EHLO", Protocol::smtp, Says::little},       {"HELO", Protocol::smtp, Says::little},
    {"LHLO", Protocol::smtp, Says::little},       {"STARTTLS", Protocol::unknown, Says::start_tls},
    {"MAIL", Protocol::smtp, Says::plain},        {"STLS", Protocol::pop3, Says::start_tls},
    {"CAPA", Protocol::pop3, Says::little},       {"APOP", Protocol::pop3, Says::plain},
    {"AUTH TLS", Protocol::ftp, Says::start_tls}, {"AUTH TLS-C", Protocol::ftp, Says::start_tls},
    {"AUTH SSL", Protocol::ftp, Says::start_tls}, {"AUTH", Protocol::unknown, Says::plain},
    {"FEAT", Protocol::ftp, Says::little},        {"USER", Protocol::unknown, Says::plain},
    {"PASS", Protocol::unknown, Says::plain},     {"CAPABILITY", Protocol::imap, Says::little},
    {"LOGIN", Protocol::imap, Says::plain},       {"AUTHENTICATE", Protocol::imap, Says::plain},
    {"ID", Protocol::imap, Says::little},         {"NOOP", Protocol::unknown, Says::little},
    {"QUIT", Protocol::unknown, Says::plain},     {"LOGOUT", Protocol::imap, Says::plain},
}};

bool begins_with(std::string_view line, std::string_view command) {
  return line.size() >= command.size() &&
         equal_ignoring_case(line.substr(0, command.size()), command) &&
         (line.size() == command.size() || line[command.size()] == ' ');
}

const Command* command_of(std::string_view line) {
  for (const Command& command : commands)
    if (begins_with(line, command.text)) return &command;
  return nullptr;
}

// BER: tag, then a length in the short form or in up to four bytes (X.690, 8.1.3).
std::size_t ber_length(Cursor& in) {
  const uint8_t first = in.u8();
  if (first < 0x80) return first;
  std::size_t count = first & 0x7f, value = 0;
  if (count == 0 || count > 4) {
    in.fail();
    return 0;
  }
  while (count-- != 0) value = value << 8 | in.u8();
  return value;
}

}  // namespace

Reason parse_client_line(Bytes stream, ClearMessage& out) {
  out = {};
  std::string_view line;
  const Reason reason = take_line(stream, line, out.length);
  if (reason != Reason::ok) return reason;
  const Command* command = command_of(line);
  if (command == nullptr || command->protocol == Protocol::unknown) {
    // A client of IMAP puts a tag of its own in front (RFC 9051, 2.2.1).
    const std::size_t blank = line.find(' ');
    const Command* tagged =
        blank == std::string_view::npos ? nullptr : command_of(line.substr(blank + 1));
    if (command == nullptr && tagged != nullptr &&
        (tagged->protocol == Protocol::imap || tagged->text == "STARTTLS" ||
         tagged->text == "NOOP")) {
      out.protocol = Protocol::imap;
      out.says = tagged->says;
      return Reason::ok;
    }
  }
  if (command == nullptr) return Reason::ok;
  // ID, LOGIN and their like are commands only behind a tag.
  if (command->protocol == Protocol::imap) return Reason::ok;
  out.protocol = command->protocol;
  out.says = command->says;
  return Reason::ok;
}

Reason parse_server_line(Bytes stream, ClearMessage& out) {
  out = {};
  std::string_view line;
  const Reason reason = take_line(stream, line, out.length);
  if (reason == Reason::ok) out.protocol = recognise_server(stream.first(out.length));
  return reason;
}

Reason parse_ldap_message(Bytes stream, ClearMessage& out, std::size_t& needed) {
  constexpr std::size_t longest = 16384, header = 6;
  constexpr std::string_view start_tls = "1.3.6.1.4.1.1466.20037";
  out = {};
  if (stream.empty() || stream[0] != 0x30)
    return stream.empty() ? Reason::need_more : Reason::not_this_protocol;
  Cursor in(stream);
  in.skip(1);
  const std::size_t size = ber_length(in);
  if (in.failed()) {
    needed = std::max(header, stream.size() + 1);
    return stream.size() < header ? Reason::need_more : Reason::not_this_protocol;
  }
  out.length = in.position() + size;
  if (size < 5 || out.length > longest) return Reason::not_this_protocol;
  // The operation tells enough where it is there; a long answer need not be whole for that.
  if (in.u8() != 0x02 && !in.failed()) return Reason::not_this_protocol;
  in.skip(in.u8());
  const uint8_t operation = in.u8();
  if (stream.size() < out.length) {
    needed = out.length;
    return Reason::need_more;
  }
  if (in.failed()) return Reason::not_this_protocol;
  out.protocol = Protocol::ldap;
  switch (operation) {
    case 0x60:  // bind
    case 0x61:
      out.says = Says::plain;
      return Reason::ok;
    case 0x77: {  // extended: the name of the request first
      ber_length(in);
      if (in.u8() == 0x80 && as_text(in.take(in.u8())) == start_tls) out.says = Says::start_tls;
      return Reason::ok;
    }
    case 0x63:  // search, its entries and its end; the answer to an extended request
    case 0x64:
    case 0x65:
    case 0x78:
      return Reason::ok;
    default:
      return Reason::not_this_protocol;
  }
}

Reason parse_xmpp_tag(Bytes stream, ClearMessage& out) {
  out = {};
  const std::string_view text = as_text(stream.first(std::min(stream.size(), longest_clear_line)));
  std::size_t begin = 0;
  while (begin < text.size() &&
         (text[begin] == ' ' || text[begin] == '\n' || text[begin] == '\r' || text[begin] == '\t'))
    ++begin;
  const std::size_t end = text.find('>');
  for (char c : text.substr(0, end))
    if (static_cast<uint8_t>(c) < ' ' && c != '\r' && c != '\n' && c != '\t')
      return Reason::not_this_protocol;
  if (end == std::string_view::npos)
    return stream.size() >= longest_clear_line ? Reason::not_this_protocol : Reason::need_more;
  out.length = end + 1;
  const std::string_view tag = text.substr(begin, end - begin);
  if (tag.starts_with("<stream:stream") &&
      (tag.find("jabber:") != std::string_view::npos ||
       tag.find("etherx.jabber.org") != std::string_view::npos))
    out.protocol = Protocol::xmpp;
  if (tag.starts_with("<starttls")) out.says = Says::start_tls;
  if (tag.starts_with("<auth") || tag.starts_with("<iq") || tag.starts_with("<message"))
    out.says = Says::plain;
  return Reason::ok;
}

}  // namespace handprint
