// SPDX-License-Identifier: Apache-2.0
// The secrets of connections, as programs write them down: NSS key log lines (RFC 9850).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fingerprint/cursor.h"
#include "fingerprint/tls_cipher.h"

namespace handprint {

using TlsRandom = std::array<uint8_t, 32>;

// What is known of one connection.
struct TlsSecrets {
  TlsSecret master;  // CLIENT_RANDOM: TLS up to 1.2
  TlsSecret client_early, client_handshake, server_handshake, client_traffic, server_traffic;
};

// All lines that were read so far. Allocates as it grows; any one connection gives way when there are more
// than `limit`. No secret ever leaves it but to decrypt.
class KeyLog {
 public:
  static constexpr std::size_t limit = 1u << 20;

  struct Counters {
    uint64_t secrets = 0;    // lines that gave one
    uint64_t other = 0;      // labels that nothing is decrypted with: exporters, ECH
    uint64_t malformed = 0;  // lines of another form
  };

  // Text of any size and cut: a line that has no end yet waits for the rest of it. Blank lines and those
  // with `#` in front are stepped over. Result: whether a secret was new.
  bool add(Bytes text);
  // The text is at its end: what waits is a line, too.
  bool finish();
  // Null: nothing is known of the connection whose ClientHello has this random.
  const TlsSecrets* find(const TlsRandom& client_random) const;

  const Counters& counters() const { return counters_; }
  // Grows with every secret that is new.
  uint64_t version() const { return counters_.secrets; }

 private:
  struct Hash {
    std::size_t operator()(const TlsRandom& random) const {
      std::size_t out;
      std::memcpy(&out, random.data(), sizeof out);
      return out;
    }
  };
  bool line(std::string_view line);

  std::unordered_map<TlsRandom, TlsSecrets, Hash> connections_;
  std::string rest_;
  Counters counters_;
};

}  // namespace handprint
