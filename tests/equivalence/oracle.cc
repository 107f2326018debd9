// SPDX-License-Identifier: Apache-2.0
#include "oracle.h"

#include <algorithm>
#include <set>

namespace handprint::test {
namespace {

using std::string_view;

constexpr size_t longest_stream = 4u << 20;

uint8_t at(string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

// A range of stream bytes that a fingerprint is made of.
struct Message {
  size_t begin = 0, end = 0;
  const char* kind = "";
  bool complete = false;
};

// The handshake message that begins a TLS stream at `begin`: through its records, to the end of the
// record bytes that hold it. No message: kind is empty.
Message tls_hello(string_view bytes, size_t begin) {
  Message m;
  size_t at_ = begin, need = 4, have = 0;
  std::string head;
  uint8_t type = 0;
  while (have < need) {
    if (at_ + 5 > bytes.size()) break;
    if (at(bytes, at_) != 0x16 || at(bytes, at_ + 1) != 3 || at(bytes, at_ + 2) > 4) return {};
    const size_t length = size_t{at(bytes, at_ + 3)} << 8 | at(bytes, at_ + 4);
    if (length == 0 || length > 16384 + 2048) return {};
    const size_t present = std::min(length, bytes.size() - at_ - 5);
    if (head.size() < 4) head.append(bytes.substr(at_ + 5, std::min(present, 4 - head.size())));
    if (!head.empty()) type = at(head, 0);
    if (type != 1 && type != 2) return {};
    if (head.size() >= 2 && head[1] != 0) return {};
    if (head.size() == 4) need = 4 + (size_t{at(head, 2)} << 8 | at(head, 3));
    const size_t take = std::min(present, need - have);
    have += take;
    at_ += 5 + take;
    if (present < length && have < need) break;
  }
  if (type == 0) return {};
  m.begin = begin;
  m.end = std::min(at_, bytes.size());
  m.kind = type == 1 ? "ClientHello" : "ServerHello";
  m.complete = have >= need && head.size() == 4;
  return m;
}

bool is_method(string_view word) {
  static const std::set<string_view> methods = {
      "GET",       "POST",        "PUT",         "PATCH",     "PROPFIND",    "PROPPATCH",  "HEAD",
      "DELETE",    "OPTIONS",     "CONNECT",     "COPY",      "CHECKOUT",    "CHECKIN",    "TRACE",
      "MKCOL",     "MOVE",        "MERGE",       "M-SEARCH",  "MKACTIVITY",  "MKCALENDAR", "LOCK",
      "UNLOCK",    "REPORT",      "SEARCH",      "SUBSCRIBE", "UNSUBSCRIBE", "SOURCE",     "NOTIFY",
      "BITS_POST", "RPC_IN_DATA", "RPC_OUT_DATA"};
  return methods.contains(word);
}

// A header block at `begin`, to its empty line or as far as the bytes go.
Message http_headers(string_view bytes, size_t begin) {
  const string_view rest = bytes.substr(begin);
  Message m;
  if (rest.starts_with("HTTP/1.")) {
    m.kind = "HTTP response";
  } else {
    const size_t space = rest.substr(0, 16).find(' ');
    if (space == string_view::npos || !is_method(rest.substr(0, space))) return {};
    m.kind = "HTTP request";
  }
  m.begin = begin;
  m.end = bytes.size();
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] != '\n') continue;
    if (rest[i - 1] == '\n' || (i >= 2 && rest[i - 1] == '\r' && rest[i - 2] == '\n')) {
      m.end = begin + i + 1;
      m.complete = true;
      break;
    }
  }
  return m;
}

Message ssh_key_exchange(string_view bytes, size_t begin) {
  const string_view rest = bytes.substr(begin);
  if (!rest.starts_with("SSH-")) return {};
  Message m{begin, bytes.size(), "SSH key exchange", false};
  const size_t line = rest.substr(0, 512).find('\n');
  if (line == string_view::npos || rest.size() < line + 5) return m;
  const size_t length =
      size_t{at(rest, line + 2)} << 16 | size_t{at(rest, line + 3)} << 8 | at(rest, line + 4);
  m.end = std::min(bytes.size(), begin + line + 5 + length);
  m.complete = rest.size() >= line + 5 + length;
  return m;
}

Message message_at(string_view bytes, size_t begin, bool start) {
  if (begin >= bytes.size()) return {};
  const uint8_t first = at(bytes, begin);
  size_t skip = 0;
  // ChangeCipherSpec in front of the hello that answers a retry; a warning in front of the
  // server's.
  if (first == 0x14 && bytes.size() >= begin + 6 && at(bytes, begin + 5) == 1 &&
      at(bytes, begin + 4) == 1)
    skip = 6;
  if (first == 0x15 && start && bytes.size() >= begin + 7 && at(bytes, begin + 4) == 2 &&
      at(bytes, begin + 5) == 1)
    skip = 7;
  if (begin + skip < bytes.size() && at(bytes, begin + skip) == 0x16) {
    Message m = tls_hello(bytes, begin + skip);
    if (*m.kind) m.begin = begin;
    return m;
  }
  if (bytes.substr(begin).starts_with("SSH-")) return ssh_key_exchange(bytes, begin);
  return http_headers(bytes, begin);
}

bool is_http(const Message& m) { return m.kind[0] == 'H'; }

std::string text(const Address& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()),
          address.v4() ? size_t{4} : size_t{16}};
}

std::string readable(const std::string& address) {
  std::string out;
  for (char c : address) {
    char part[8];
    snprintf(part, sizeof(part), address.size() == 4 ? "%s%d" : "%s%02x",
             out.empty() || address.size() != 4 ? "" : ".", static_cast<uint8_t>(c));
    out += part;
  }
  return out;
}

}  // namespace

void OracleReport::add(const OracleReport& other) {
  messages += other.messages;
  needed += other.needed;
  copied += other.copied;
  samples += other.samples;
  missing += other.missing;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

void Oracle::packet(const Packet& packet, const hp_decision& decision) {
  const Key key{text(packet.source), text(packet.destination), packet.source_port,
                packet.destination_port};
  std::string bytes(reinterpret_cast<const char*>(packet.payload.data()), packet.payload.size());
  const uint32_t copied =
      decision.content == HP_CONTENT_NONE ? 0 : decision.copy_off + decision.copy_len;
  if (packet.is_udp()) {
    datagrams_[key].push_back({std::move(bytes), copied});
    return;
  }
  auto& lives = streams_[key];
  const bool syn = packet.has(tcp_flag::syn);
  const uint32_t sequence = packet.sequence + (syn ? 1 : 0);
  if (lives.empty() || (syn && (!lives.back().has_syn || lives.back().base != sequence)))
    lives.emplace_back();
  Stream& stream = lives.back();
  if (syn) {
    stream.has_syn = true;
    stream.base = sequence;
  }
  if (bytes.empty()) return;
  if (stream.pieces.empty() && !stream.has_syn) stream.base = sequence;
  stream.pieces.push_back({sequence, std::move(bytes), copied});
}

void Oracle::judge(const Key& key, const Stream& stream, OracleReport& report) const {
  // Put the stream together; what lies before its base or far away belongs to no message of ours.
  std::string bytes;
  std::vector<uint8_t> have, copied;
  std::vector<size_t> starts;
  for (const Piece& piece : stream.pieces) {
    const uint32_t rel = piece.sequence - stream.base;
    if (rel > longest_stream) continue;
    if (bytes.size() < rel + piece.bytes.size()) {
      bytes.resize(rel + piece.bytes.size());
      have.resize(bytes.size());
      copied.resize(bytes.size());
    }
    for (size_t i = 0; i < piece.bytes.size(); ++i) {
      if (!have[rel + i]) bytes[rel + i] = piece.bytes[i];
      have[rel + i] = 1;
      if (i < piece.copied) copied[rel + i] = 1;
    }
    starts.push_back(rel);
  }
  const size_t whole = static_cast<size_t>(std::find(have.begin(), have.end(), 0) - have.begin());
  const string_view gapless = string_view(bytes).substr(0, whole);

  // Messages: at the start of a stream that was seen from its SYN, and wherever a segment begins
  // with one. Requests are bounded by the policy; bodies are stepped over where their message was
  // seen.
  std::vector<Message> messages;
  if (stream.has_syn) messages.push_back(message_at(gapless, 0, true));
  uint32_t http = !messages.empty() && is_http(messages[0]) ? 1 : 0;
  for (const Piece& piece : stream.pieces) {
    const size_t start = piece.sequence - stream.base;
    if ((start == 0 && stream.has_syn) || start >= whole || piece.bytes.size() < HP_HEAD) continue;
    if (std::any_of(messages.begin(), messages.end(),
                    [&](const Message& m) { return start >= m.begin && start < m.end; }))
      continue;
    Message m = message_at(gapless, start, false);
    if (!*m.kind) continue;
    if (is_http(m) && policy_.requests && ++http > policy_.requests) continue;
    messages.push_back(m);
  }

  uint64_t copied_here = 0, needed_here = 0;
  for (uint8_t c : copied) copied_here += c;
  std::vector<uint8_t> needed(bytes.size());
  for (Message m : messages) {
    if (!*m.kind) continue;
    const size_t limit = is_http(m)         ? policy_.http_limit
                         : m.kind[1] == 'S' ? HP_SSH_LIMIT - 1
                                            : policy_.hello_limit;
    m.end = std::min(m.end, m.begin + limit);
    // The window has room for so many packets; a capture of byte-sized segments goes beyond it.
    const auto packets = std::count_if(starts.begin(), starts.end(), [&](size_t start) {
      return start >= m.begin && start < m.end;
    });
    if (packets > policy_.segments) continue;
    ++report.messages;
    size_t missing = 0;
    for (size_t i = m.begin; i < m.end; ++i) {
      missing += !copied[i];
      needed_here += !needed[i];
      needed[i] = 1;
    }
    if (missing) {
      report.missing += missing;
      report.failures.push_back(std::string(m.kind) + " of " + readable(std::get<0>(key)) + ":" +
                                std::to_string(std::get<2>(key)) + " → " +
                                readable(std::get<1>(key)) + ":" +
                                std::to_string(std::get<3>(key)) + " at " +
                                std::to_string(m.begin) + ": " + std::to_string(missing) + " of " +
                                std::to_string(m.end - m.begin) + " bytes were not copied");
    }
  }
  if (needed_here) {
    report.needed += needed_here;
    report.copied += copied_here;
  } else {
    report.samples += copied_here;
  }
}

void Oracle::judge(const Key& key, const std::vector<Datagram>& datagrams,
                   OracleReport& report) const {
  uint32_t quic = 0, dtls = 0;
  for (const Datagram& datagram : datagrams) {
    const string_view b = datagram.bytes;
    bool wanted = false;
    if (b.size() >= 14 && (at(b, 0) & 0xc0) == 0xc0) {
      // Long header: version, then length of the connection id. Initial is type 0, in version 2
      // type 1.
      const uint32_t version =
          uint32_t{at(b, 1)} << 24 | uint32_t{at(b, 2)} << 16 | uint32_t{at(b, 3)} << 8 | at(b, 4);
      const int type = at(b, 0) >> 4 & 3;
      const bool known = version == 1 || version == 0x6b3343cf || version >> 8 == 0xff0000 ||
                         version >> 8 == 0xfaceb0 || (version & 0x0f0f0f0f) == 0x0a0a0a0a ||
                         version >> 24 == 'Q' || version >> 24 == 'T';
      wanted = known && at(b, 5) <= 20 && type == (version == 0x6b3343cf ? 1 : 0) &&
               ++quic <= policy_.datagrams;
    } else if (b.size() >= 14 && at(b, 0) == 22 && at(b, 1) == 0xfe && at(b, 2) >= 0xfc &&
               at(b, 3) == 0 && at(b, 4) == 0 && at(b, 13) >= 1 && at(b, 13) <= 3) {
      wanted = ++dtls <= policy_.datagrams;
    }
    if (!wanted) {
      report.samples += datagram.copied;
      continue;
    }
    ++report.messages;
    report.needed += b.size();
    report.copied += datagram.copied;
    if (datagram.copied < b.size()) {
      report.missing += b.size() - datagram.copied;
      report.failures.push_back("datagram of " + readable(std::get<0>(key)) + ": " +
                                std::to_string(datagram.copied) + " of " +
                                std::to_string(b.size()) + " bytes were copied");
    }
  }
}

OracleReport Oracle::report() const {
  OracleReport report;
  for (const auto& [key, lives] : streams_)
    for (const Stream& stream : lives) judge(key, stream, report);
  for (const auto& [key, datagrams] : datagrams_) judge(key, datagrams, report);
  return report;
}

}  // namespace handprint::test
