// SPDX-License-Identifier: Apache-2.0
// Opening TLS records whose secrets are known: key schedules and record protection of SSL 3.0's heirs
// (TLS 1.0 to 1.2: RFC 2246, 4346, 5246; 1.3: RFC 8446). Cryptography is libcrypto's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "fingerprint/cursor.h"

namespace handprint {

enum class TlsHash : uint8_t { sha256, sha384 };
enum class TlsBulk : uint8_t { null, rc4, cbc, gcm, ccm, ccm_8, chacha20 };

// How a cipher suite protects records.
struct TlsSuite {
  const char* algorithm = nullptr;  // libcrypto's name
  TlsBulk bulk = TlsBulk::null;
  uint8_t key_size = 0;
  uint8_t mac_size = 0;  // of the HMAC: 16 MD5, 20 SHA-1, 32 SHA-256, 48 SHA-384; 0: AEAD
  TlsHash hash = TlsHash::sha256;  // of the key schedule, from TLS 1.2 on
};

// The suite with this registered number; null for one that is not known here.
const TlsSuite* find_tls_suite(uint16_t number);

// One secret of a key log: 48 bytes up to TLS 1.2, as long as the hash in TLS 1.3.
struct TlsSecret {
  std::array<uint8_t, 48> bytes{};
  uint8_t size = 0;

  bool known() const { return size != 0; }
  Bytes view() const { return Bytes(bytes).first(size); }
};

// The secret that follows after a KeyUpdate (RFC 8446 section 7.2); an unknown one where libcrypto
// refuses.
TlsSecret next_traffic_secret(TlsHash hash, const TlsSecret& secret);

// What the keys of TLS up to 1.2 are made of.
struct TlsKeyMaterial {
  uint16_t version = 0;  // 0x0301 to 0x0303
  Bytes master;          // 48 bytes
  Bytes client_random, server_random;  // 32 bytes each
  bool encrypt_then_mac = false;       // RFC 7366
};

// Opens the records of one direction under one set of keys. Setting keys allocates; opening does not.
class TlsRecordOpener {
 public:
  TlsRecordOpener();
  ~TlsRecordOpener();
  TlsRecordOpener(TlsRecordOpener&&) noexcept;
  TlsRecordOpener& operator=(TlsRecordOpener&&) noexcept;

  // False (and nothing can be opened) when libcrypto does not have the algorithm, or the secret has not
  // the hash's length.
  bool set_tls13(const TlsSuite& suite, const TlsSecret& secret);
  bool set_tls12(const TlsSuite& suite, const TlsKeyMaterial& material, bool of_client);
  bool ready() const;

  struct Opened {
    bool ok = false;
    uint8_t type = 0;   // of the content; TLS 1.3 has it inside
    Bytes content;      // a view of `room`
  };
  // record: header (5 bytes) and body, whole. sequence: the record's number under these keys. room: at
  // least as long as the record. Not ok when the record is not authentic under this number, or malformed;
  // then nothing changes, and another number may be tried.
  Opened open(Bytes record, uint64_t sequence, std::span<uint8_t> room);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace handprint
