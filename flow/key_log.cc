// SPDX-License-Identifier: Apache-2.0
#include "flow/key_log.h"

#include <span>
#include <utility>

namespace handprint {
namespace {

constexpr std::size_t longest_line = 4096;  // beyond it this is no key log

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Exactly the bytes that the digits say; false when they are not as many, or none.
bool from_hex(std::string_view digits, std::span<uint8_t> out) {
  if (digits.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(digits[2 * i]), low = digit(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

std::string_view word(std::string_view& line) {
  const std::size_t from = line.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return line = {};
  const std::size_t end = std::min(line.find_first_of(" \t\r", from), line.size());
  const std::string_view out = line.substr(from, end - from);
  line = line.substr(end);
  return out;
}

using Label = std::pair<std::string_view, TlsSecret TlsSecrets::*>;
constexpr Label labels[] = {
    {"CLIENT_RANDOM", &TlsSecrets::master},
    {"CLIENT_EARLY_TRAFFIC_SECRET", &TlsSecrets::client_early},
    {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", &TlsSecrets::client_handshake},
    {"SERVER_HANDSHAKE_TRAFFIC_SECRET", &TlsSecrets::server_handshake},
    {"CLIENT_TRAFFIC_SECRET_0", &TlsSecrets::client_traffic},
    {"SERVER_TRAFFIC_SECRET_0", &TlsSecrets::server_traffic},
};
constexpr std::string_view unused[] = {"EXPORTER_SECRET", "EARLY_EXPORTER_SECRET", "ECH_SECRET", "ECH_CONFIG",
                                       "RSA",
                                       // QUIC's, as older writers called them
                                       "QUIC_CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                       "QUIC_SERVER_HANDSHAKE_TRAFFIC_SECRET", "QUIC_CLIENT_TRAFFIC_SECRET_0",
                                       "QUIC_SERVER_TRAFFIC_SECRET_0"};

}  // namespace

bool KeyLog::add(Bytes text) {
  bool fresh = false;
  std::string_view left = as_text(text);
  for (std::size_t end; (end = left.find('\n')) != std::string_view::npos; left = left.substr(end + 1)) {
    if (rest_.empty()) {
      fresh |= line(left.substr(0, end));
      continue;
    }
    rest_.append(left.substr(0, end));
    fresh |= line(rest_);
    rest_.clear();
  }
  rest_.append(left.substr(0, longest_line - std::min(rest_.size(), longest_line)));
  return fresh;
}

bool KeyLog::finish() {
  const bool fresh = !rest_.empty() && line(rest_);
  rest_.clear();
  return fresh;
}

bool KeyLog::line(std::string_view text) {
  const std::string_view label = word(text), random = word(text), secret = word(text);
  if (label.empty() || label[0] == '#') return false;
  for (const std::string_view name : unused) {
    if (label != name) continue;
    ++counters_.other;
    return false;
  }
  for (const auto& [name, member] : labels) {
    if (label != name) continue;
    TlsRandom key{};
    TlsSecret value;
    const bool master = member == &TlsSecrets::master;
    const std::size_t size = secret.size() / 2;
    if (from_hex(random, key) && word(text).empty() && (size == 48 || (size == 32 && !master)) &&
        from_hex(secret, std::span(value.bytes).first(size))) {
      value.size = static_cast<uint8_t>(size);
      if (connections_.size() >= limit && !connections_.contains(key)) connections_.erase(connections_.begin());
      TlsSecret& kept = connections_[key].*member;
      if (kept.size == value.size && kept.bytes == value.bytes) return false;
      kept = value;
      ++counters_.secrets;
      return true;
    }
    break;
  }
  ++counters_.malformed;
  return false;
}

const TlsSecrets* KeyLog::find(const TlsRandom& client_random) const {
  const auto found = connections_.find(client_random);
  return found != connections_.end() ? &found->second : nullptr;
}

}  // namespace handprint
