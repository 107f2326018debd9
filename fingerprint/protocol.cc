// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/protocol.h"

#include <algorithm>
#include <array>

#include "fingerprint/http2.h"
#include "fingerprint/http_header.h"
#include "fingerprint/mercury_datagram.h"
#include "fingerprint/tls_record.h"

namespace handprint {
namespace {

constexpr std::array<std::string_view, protocol_count> record_names = {
#define HP_PROTOCOL(identifier, record_name, label) record_name,
#include "fingerprint/protocols.def"
#undef HP_PROTOCOL
};

constexpr std::array<std::string_view, protocol_count> labels = {
#define HP_PROTOCOL(identifier, record_name, label) label,
#include "fingerprint/protocols.def"
#undef HP_PROTOCOL
};

bool contains_ignoring_case(std::string_view text, std::string_view wanted) {
  for (size_t i = 0; i + wanted.size() <= text.size(); ++i)
    if (equal_ignoring_case(text.substr(i, wanted.size()), wanted)) return true;
  return false;
}

// --- both sides -------------------------------------------------------------------------------

bool is_ssh(std::string_view text) {
  return text.starts_with("SSH-2.") || text.starts_with("SSH-1.");
}

// RFC 854: IAC, then WILL, WON'T, DO or DON'T and an option. FF FE alone is also the byte order
// mark of UTF-16 and FF FB begins an MP3 frame, so a second command must follow.
bool is_telnet(Bytes s) {
  auto command = [&](size_t at) {
    return s[at] == 0xff && s[at + 1] >= 0xfb && s[at + 1] <= 0xfe && s[at + 2] <= 49;
  };
  return s.size() >= 6 && command(0) &&
         (command(3) || (s[3] == 0xff && s[4] == 0xfa && s[5] <= 49));
}

// RFC 1035 section 4.1: a header with one question, whose name must be well-formed.
bool is_dns(Bytes message, bool response) {
  Cursor in(message);
  in.skip(2);
  uint16_t flags = in.u16();
  uint16_t questions = in.u16();
  uint16_t answers = in.u16();
  uint16_t authorities = in.u16();
  uint16_t additional = in.u16();
  if (in.failed() || questions != 1 || ((flags & 0x8000) != 0) != response) return false;
  if ((flags & 0x7800) != 0 || (flags & 0x0040) != 0) return false;  // a plain query, Z clear
  if (!response && (answers != 0 || authorities != 0 || additional > 2 || (flags & 0x000f) != 0))
    return false;
  if (answers > 256 || authorities > 256 || additional > 256) return false;
  for (int labels_seen = 0; labels_seen < 128; ++labels_seen) {
    uint8_t length = in.u8();
    if (in.failed() || length > 63) return false;
    if (length == 0) {
      uint16_t type = in.u16();
      uint16_t address_class = in.u16();
      return !in.failed() && type != 0 && (address_class & 0x7fff) <= 4 &&
             (address_class & 0x7fff) != 0;
    }
    for (uint8_t c : in.take(length))
      if (c <= ' ' || c > '~') return false;
  }
  return false;
}

bool is_dns_over_tcp(Bytes stream, bool response) {
  if (stream.size() < 2 + 12 + 5) return false;
  size_t length = load_u16(stream.data());
  return length >= 17 && is_dns(stream.subspan(2, std::min(length, stream.size() - 2)), response);
}

// BER: a sequence with a message id and an operation (RFC 4511 section 4.1.1). SNMP looks the same
// up to the operation, where it has a community string.
uint8_t ldap_operation(Cursor& in) {
  auto length = [&]() -> size_t {
    uint8_t first = in.u8();
    if (first < 0x80) return first;
    size_t count = first & 0x7f;
    if (count == 0 || count > 4) {
      in.fail();
      return 0;
    }
    size_t value = 0;
    while (count-- != 0) value = value << 8 | in.u8();
    return value;
  };
  if (in.u8() != 0x30) return 0;
  if (length() < 5 || in.u8() != 0x02) return 0;
  size_t id_length = in.u8();
  if (id_length < 1 || id_length > 4) return 0;
  in.skip(id_length);
  uint8_t operation = in.u8();
  length();
  return in.failed() ? 0 : operation;
}

bool is_ldap_client(Bytes stream) {
  Cursor in(stream);
  switch (ldap_operation(in)) {
    case 0x60:  // bind: version 2 or 3, then a name
      return in.u8() == 0x02 && in.u8() == 0x01 && (in.peek() == 2 || in.peek() == 3);
    case 0x63:  // search: base object
      return in.u8() == 0x04 && !in.failed();
    case 0x77:  // extended: an object identifier as text
      return in.u8() == 0x80 && in.u8() >= 3 && in.u8() == '1' && in.u8() == '.';
    default:
      return false;
  }
}

bool is_ldap_server(Bytes stream) {
  Cursor in(stream);
  uint8_t operation = ldap_operation(in);
  // Bind, search and extended answers begin with an enumerated result code.
  if (operation == 0x61 || operation == 0x65 || operation == 0x78)
    return in.u8() == 0x0a && in.u8() == 0x01 && !in.failed();
  return operation == 0x64 && in.u8() == 0x04 && !in.failed();
}

// [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2: TPKT, X.224 connection request or confirm, then what only RDP
// has: a cookie or a negotiation structure. S7 and H.323 share everything before it.
bool is_rdp(Bytes s, bool server) {
  if (s.size() < 11 || s[0] != 3 || s[1] != 0) return false;
  size_t length = load_u16(&s[2]);
  if (length < 11 || length > 512 || s[4] != length - 5 || s[5] != (server ? 0xd0 : 0xe0))
    return false;
  if (s.size() < length) return false;
  Bytes data = s.subspan(11, length - 11);
  if (!server && (as_text(data).starts_with("Cookie: mstshash=") ||
                  as_text(data).starts_with("Cookie: msts=")))
    return true;
  if (data.size() < 8) return false;
  return (server ? data[0] == 2 || data[0] == 3 : data[0] == 1) && data[2] == 8 && data[3] == 0;
}

// --- the client's side ------------------------------------------------------------------------

bool is_http1_request(std::string_view text) {
  constexpr std::string_view methods[] = {
      "GET ",     "POST ",  "HEAD ",     "PUT ",    "DELETE ",   "OPTIONS ",   "PATCH ",
      "CONNECT ", "TRACE ", "PROPFIND ", "REPORT ", "MKCOL ",    "PROPPATCH ", "MOVE ",
      "COPY ",    "LOCK ",  "UNLOCK ",   "SEARCH ", "M-SEARCH ", "NOTIFY ",    "SUBSCRIBE "};
  bool known = std::ranges::any_of(
      methods, [&](std::string_view method) { return text.starts_with(method); });
  if (!known) return false;
  // RTSP, SIP and ICAP share methods; the version at the end of the line tells.
  size_t end = text.find('\n');
  if (end != std::string_view::npos) {
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line.size() > 9 && line.substr(line.size() - 9, 8) == " HTTP/1.";
  }
  // A long target without an end in sight: a path is HTTP, a URI may be another's.
  size_t target = text.find(' ') + 1;
  return text.size() >= 64 && (text[target] == '/' || text.substr(target).starts_with("http"));
}

// The startup packet, or a request for encryption in front of it (PostgreSQL documentation,
// "Message Formats").
bool is_postgresql_client(Bytes s) {
  Cursor in(s);
  uint32_t length = in.u32();
  uint32_t code = in.u32();
  if (in.failed()) return false;
  if (code == 80877103 || code == 80877104) return length == 8;
  if (code == 80877102) return length == 16;
  if (code != 196608 || length < 9 || length > 10000) return false;
  std::string_view parameter = as_text(in.rest());
  return parameter.size() >= 5 && (parameter.starts_with(std::string_view("user\0", 5)) ||
                                   std::ranges::all_of(parameter.substr(0, 5), [](char c) {
                                     return (c >= 'a' && c <= 'z') || c == '_';
                                   }));
}

// RFC 1928: version, number of methods, methods; then the client waits. What follows in the stream
// is the request or the user name and password of RFC 1929.
bool is_socks5_client(Bytes s) {
  if (s.size() < 3 || s[0] != 5 || s[1] == 0 || s[1] > 16) return false;
  size_t greeting = size_t{2} + s[1];
  if (s.size() < greeting) return false;
  for (uint8_t method : s.subspan(2, s[1]))
    if (method > 9 && method < 0x80) return false;
  if (s.size() == greeting) return true;
  Bytes next = s.subspan(greeting);
  if (next[0] == 1) return next.size() < 2 || next[1] != 0;
  return next[0] == 5 && (next.size() < 4 || (next[1] >= 1 && next[1] <= 3 && next[2] == 0 &&
                                              (next[3] == 1 || next[3] == 3 || next[3] == 4)));
}

// Version, CONNECT or BIND, port, address, user name up to a zero byte; 4a has an address 0.0.0.x
// and a host name behind it.
bool is_socks4_client(Bytes s) {
  if (s.size() < 9 || s[0] != 4 || (s[1] != 1 && s[1] != 2) || load_u16(&s[2]) == 0) return false;
  bool host_follows = s[4] == 0 && s[5] == 0 && s[6] == 0 && s[7] != 0;
  if (s[4] == 0 && !host_follows) return false;
  Bytes rest = s.subspan(8);
  size_t end = 0;
  while (end < rest.size() && rest[end] != 0) {
    if (rest[end] < ' ' || rest[end] > '~') return false;
    ++end;
  }
  return end < rest.size() && (!host_follows || (end + 1 < rest.size() && rest[end + 1] > ' '));
}

// A tag, then a command that only IMAP has (RFC 9051).
bool is_imap_client(std::string_view text) {
  size_t space = text.find(' ');
  if (space == std::string_view::npos || space == 0 || space > 16) return false;
  for (char c : text.substr(0, space))
    if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.'))
      return false;
  std::string_view command = text.substr(space + 1);
  auto begins = [&](std::string_view wanted) {
    return command.size() >= wanted.size() &&
           equal_ignoring_case(command.substr(0, wanted.size()), wanted);
  };
  return begins("CAPABILITY\r\n") || begins("STARTTLS\r\n") || begins("AUTHENTICATE ");
}

Protocol text_client(std::string_view text) {
  auto begins = [&](std::string_view wanted) {
    return text.size() >= wanted.size() &&
           equal_ignoring_case(text.substr(0, wanted.size()), wanted);
  };
  if (begins("EHLO ") || begins("HELO ")) return Protocol::smtp;
  if (begins("CAPA\r\n") || begins("STLS\r\n") || begins("APOP ")) return Protocol::pop3;
  if (begins("AUTH TLS\r\n") || begins("FEAT\r\n")) return Protocol::ftp;
  return is_imap_client(text) ? Protocol::imap : Protocol::unknown;
}

// --- the server's side ------------------------------------------------------------------------

// The greeting "220 …" is that of FTP and of SMTP; the name of one of them must stand in it.
Protocol greeting_220(std::string_view text) {
  size_t end = text.rfind('\n');
  if (end == std::string_view::npos) return Protocol::unknown;
  text = text.substr(0, std::min(end, size_t{512}));
  bool smtp = contains_ignoring_case(text, "SMTP");
  bool ftp = contains_ignoring_case(text, "FTP");
  if (smtp == ftp) return Protocol::unknown;
  return smtp ? Protocol::smtp : Protocol::ftp;
}

// Handshake packet: length, sequence 0, version 10, server version as text ("8.0.36", "5.5.5-…").
bool is_mysql_server(Bytes s) {
  Cursor in(s);
  uint8_t low = in.u8(), middle = in.u8(), high = in.u8();
  size_t length = low | static_cast<size_t>(middle) << 8 | static_cast<size_t>(high) << 16;
  uint8_t sequence = in.u8();
  uint8_t version = in.u8();
  if (in.failed() || sequence != 0 || version != 10 || length < 20 || length > 1024) return false;
  std::string_view rest = as_text(in.rest());
  size_t end = rest.find('\0');
  if (end == std::string_view::npos || end < 3 || end > 128) return false;
  if (rest[0] < '0' || rest[0] > '9') return false;
  std::string_view text = rest.substr(0, end);
  return text.find('.') != std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// An authentication request, or an error with its severity in front.
bool is_postgresql_server(Bytes s) {
  Cursor in(s);
  uint8_t type = in.u8();
  uint32_t length = in.u32();
  if (type == 'R') {
    uint32_t method = in.u32();
    if (in.failed()) return false;
    if (method == 5) return length == 12;
    if (method == 10) return length > 8 && length < 1024;
    return length == 8 && (method == 0 || method == 3 || method == 7);
  }
  if (type != 'E' || length < 12 || length > 8192) return false;
  std::string_view text = as_text(in.rest());
  return text.starts_with("SFATAL") || text.starts_with("SERROR") || text.starts_with("SPANIC");
}

// The first frame of a server is SETTINGS (RFC 9113 section 3.4), six bytes a setting.
bool is_http2_server(Bytes s) {
  if (s.size() < 9) return false;
  Cursor in(s);
  uint32_t length = in.u24();
  uint8_t type = in.u8();
  uint8_t flags = in.u8();
  uint32_t stream = in.u32();
  if (length % 6 != 0 || length > 120 || type != 4 || flags != 0 || stream != 0) return false;
  return length == 0 || (s.size() >= 11 && load_u16(&s[9]) != 0);
}

bool is_quic(Bytes s) {
  Cursor in(s);
  uint8_t first = in.u8();
  uint32_t version = in.u32();
  size_t destination = in.u8();
  in.skip(destination);
  size_t source = in.u8();
  in.skip(source);
  if (in.failed() || (first & 0x80) == 0 || destination > 20 || source > 20) return false;
  if (version == 0) return in.left() >= 4 && in.left() % 4 == 0;  // version negotiation
  if ((first & 0x40) == 0 || in.left() < 16) return false;
  return version == 1 || version == 0x6b3343cf ||
         (version >= 0xff000014 && version <= 0xff000022) || (version & 0x0f0f0f0f) == 0x0a0a0a0a ||
         (version & 0xfffffff0) == 0xfaceb000 || version == 0x51303530 || version == 0x54303530 ||
         version == 0x54303531;
}

// RFC 9147 section 4: DTLSPlaintext of version 1.0 or 1.2, which 1.3 uses too.
bool is_dtls(Bytes s) {
  Cursor in(s);
  uint8_t type = in.u8();
  uint16_t version = in.u16();
  in.skip(8);
  size_t length = in.u16();
  return !in.failed() && type >= 20 && type <= 24 && (version == 0xfeff || version == 0xfefd) &&
         length != 0 && length <= in.left();
}

}  // namespace

std::string_view name(Protocol protocol) { return record_names[static_cast<size_t>(protocol)]; }
std::string_view label(Protocol protocol) { return labels[static_cast<size_t>(protocol)]; }

Protocol recognise_client(Bytes stream) {
  constexpr std::string_view proxy2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
  std::string_view text = as_text(stream);
  if (stream.size() < 3) return Protocol::unknown;

  switch (stream[0]) {
    case 0x16:
      // Far enough to see a hello whose version field says 3.x.
      return begins_like_client_hello(stream) && stream.size() >= 11 && stream[9] == 3
                 ? Protocol::tls
                 : Protocol::unknown;
    case 0x03:
      return is_rdp(stream, false) ? Protocol::rdp : Protocol::unknown;
    case 0x04:
      return is_socks4_client(stream) ? Protocol::socks4 : Protocol::unknown;
    case 0x05:
      return is_socks5_client(stream) ? Protocol::socks5 : Protocol::unknown;
    case 0x30:
      if (is_ldap_client(stream)) return Protocol::ldap;
      break;
    case 0xff:
      return is_telnet(stream) ? Protocol::telnet : Protocol::unknown;
    default:
      break;
  }
  if (begins_like_sslv2_hello(stream)) return Protocol::tls;
  if (is_ssh(text)) return Protocol::ssh;
  if (text.starts_with("PRI *"))
    return text.size() >= 18 &&
                   text.substr(0, http2_preface.size()) == http2_preface.substr(0, text.size())
               ? Protocol::http2
               : Protocol::unknown;
  if (text.starts_with("PROXY TCP4 ") || text.starts_with("PROXY TCP6 ") ||
      text.starts_with("PROXY UNKNOWN"))
    return Protocol::proxy1;
  if (text.starts_with(proxy2_signature)) return Protocol::proxy2;
  if (is_http1_request(text)) return Protocol::http1;
  if (is_postgresql_client(stream)) return Protocol::postgresql;
  if (is_dns_over_tcp(stream, false)) return Protocol::dns;
  return text_client(text);
}

Protocol recognise_server(Bytes stream) {
  std::string_view text = as_text(stream);
  if (stream.size() < 4) return Protocol::unknown;
  if (begins_like_server_hello(stream)) return Protocol::tls;
  if (is_ssh(text)) return Protocol::ssh;
  if (text.starts_with("HTTP/1."))
    return text.size() >= 9 && text[8] == ' ' ? Protocol::http1 : Protocol::unknown;
  if (text.starts_with("220 ") || text.starts_with("220-")) return greeting_220(text);
  if (text.starts_with("+OK ")) return Protocol::pop3;
  if (text.starts_with("* OK ") || text.starts_with("* PREAUTH ") || text.starts_with("* BYE "))
    return Protocol::imap;
  if (is_telnet(stream)) return Protocol::telnet;
  if (is_rdp(stream, true)) return Protocol::rdp;
  if (is_ldap_server(stream)) return Protocol::ldap;
  if (is_mysql_server(stream)) return Protocol::mysql;
  if (is_postgresql_server(stream)) return Protocol::postgresql;
  if (is_http2_server(stream)) return Protocol::http2;
  if (is_dns_over_tcp(stream, true)) return Protocol::dns;
  return Protocol::unknown;
}

Protocol recognise_datagram(Bytes datagram) {
  if (is_dtls(datagram)) return Protocol::dtls;
  if (is_quic(datagram)) return Protocol::quic;
  if (is_stun_request(datagram)) return Protocol::stun;
  if (is_dhcp_request(datagram)) return Protocol::dhcp;
  if (is_dns(datagram, false) || is_dns(datagram, true)) return Protocol::dns;
  return Protocol::unknown;
}

Protocol protocol_of_alpn(std::string_view alpn) {
  struct Row {
    std::string_view alpn;
    Protocol protocol;
  };
  constexpr Row rows[] = {{"h2", Protocol::http2},
                          {"h2c", Protocol::http2},
                          {"http/1.1", Protocol::http1},
                          {"http/1.0", Protocol::http1},
                          {"h3", Protocol::http3},
                          {"dot", Protocol::dot},
                          {"doq", Protocol::doq},
                          {"ftp", Protocol::ftp},
                          {"imap", Protocol::imap},
                          {"pop3", Protocol::pop3},
                          {"postgresql", Protocol::postgresql}};
  for (const Row& row : rows)
    if (row.alpn == alpn) return row.protocol;
  if (alpn.starts_with("h3-")) return Protocol::http3;  // drafts of HTTP/3
  if (alpn.starts_with("doq-")) return Protocol::doq;   // drafts of DNS over QUIC
  return Protocol::unknown;
}

bool is_websocket_upgrade(std::string_view upgrade_value) {
  while (!upgrade_value.empty()) {
    size_t comma = upgrade_value.find(',');
    std::string_view item = upgrade_value.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (equal_ignoring_case(item, "websocket")) return true;
    if (comma == std::string_view::npos) break;
    upgrade_value.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace handprint
