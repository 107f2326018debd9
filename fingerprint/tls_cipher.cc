// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/tls_cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "fingerprint/crypto_library.h"

namespace handprint {
namespace {

constexpr size_t header_size = 5;
constexpr size_t longest_mac = 48;
constexpr size_t longest_block = 16;

struct Row {
  uint16_t number;
  TlsSuite suite;
};

// The numbers of a group, all of which protect records alike.
template <size_t N>
struct Group {
  TlsSuite suite;
  std::array<uint16_t, N> numbers;
};
template <size_t N>
Group(TlsSuite, std::array<uint16_t, N>) -> Group<N>;

constexpr auto numbers(auto... number) {
  return std::array<uint16_t, sizeof...(number)>{static_cast<uint16_t>(number)...};
}

template <size_t... N>
constexpr auto rows_of(const Group<N>&... group) {
  std::array<Row, (N + ...)> rows{};
  size_t at = 0;
  const auto add = [&](const auto& one) {
    for (const uint16_t number : one.numbers) rows[at++] = {number, one.suite};
  };
  (add(group), ...);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.number < b.number; });
  return rows;
}

using enum TlsBulk;
using enum TlsHash;

// Numbers by IANA's registry of cipher suites.
constexpr auto rows = rows_of(
    Group{TlsSuite{"AES-128-GCM", gcm, 16, 0, sha256},
          numbers(0x1301, 0x009c, 0x009e, 0x00a0, 0x00a2, 0x00a4, 0x00a6, 0x00a8, 0x00aa, 0x00ac, 0xc02b,
                  0xc02d, 0xc02f, 0xc031, 0xd001)},
    Group{TlsSuite{"AES-256-GCM", gcm, 32, 0, sha384},
          numbers(0x1302, 0x009d, 0x009f, 0x00a1, 0x00a3, 0x00a5, 0x00a7, 0x00a9, 0x00ab, 0x00ad, 0xc02c,
                  0xc02e, 0xc030, 0xc032, 0xd002)},
    Group{TlsSuite{"ChaCha20-Poly1305", chacha20, 32, 0, sha256},
          numbers(0x1303, 0xcca8, 0xcca9, 0xccaa, 0xccab, 0xccac, 0xccad, 0xccae)},
    Group{TlsSuite{"AES-128-CCM", ccm, 16, 0, sha256},
          numbers(0x1304, 0xc09c, 0xc09e, 0xc0a4, 0xc0a6, 0xc0ac, 0xd005)},
    Group{TlsSuite{"AES-256-CCM", ccm, 32, 0, sha256},
          numbers(0xc09d, 0xc09f, 0xc0a5, 0xc0a7, 0xc0ad)},
    Group{TlsSuite{"AES-128-CCM", ccm_8, 16, 0, sha256},
          numbers(0x1305, 0xc0a0, 0xc0a2, 0xc0a8, 0xc0aa, 0xc0ae, 0xd003)},
    Group{TlsSuite{"AES-256-CCM", ccm_8, 32, 0, sha256},
          numbers(0xc0a1, 0xc0a3, 0xc0a9, 0xc0ab, 0xc0af)},
    Group{TlsSuite{"AES-128-CBC", cbc, 16, 20, sha256},
          numbers(0x002f, 0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x008c, 0x0090, 0x0094, 0xc004, 0xc009,
                  0xc00e, 0xc013, 0xc018, 0xc01d, 0xc01e, 0xc01f, 0xc035)},
    Group{TlsSuite{"AES-256-CBC", cbc, 32, 20, sha256},
          numbers(0x0035, 0x0036, 0x0037, 0x0038, 0x0039, 0x003a, 0x008d, 0x0091, 0x0095, 0xc005, 0xc00a,
                  0xc00f, 0xc014, 0xc019, 0xc020, 0xc021, 0xc022, 0xc036)},
    Group{TlsSuite{"AES-128-CBC", cbc, 16, 32, sha256},
          numbers(0x003c, 0x003e, 0x003f, 0x0040, 0x0067, 0x006c, 0x00ae, 0x00b2, 0x00b6, 0xc023, 0xc025,
                  0xc027, 0xc029, 0xc037)},
    Group{TlsSuite{"AES-256-CBC", cbc, 32, 32, sha256},
          numbers(0x003d, 0x0068, 0x0069, 0x006a, 0x006b, 0x006d)},
    Group{TlsSuite{"AES-256-CBC", cbc, 32, 48, sha384},
          numbers(0x00af, 0x00b3, 0x00b7, 0xc024, 0xc026, 0xc028, 0xc02a, 0xc038)},
    Group{TlsSuite{"DES-EDE3-CBC", cbc, 24, 20, sha256},
          numbers(0x000a, 0x000d, 0x0010, 0x0013, 0x0016, 0x001b, 0x008b, 0x008f, 0x0093, 0xc003, 0xc008,
                  0xc00d, 0xc012, 0xc017, 0xc01a, 0xc01b, 0xc01c, 0xc034)},
    Group{TlsSuite{"CAMELLIA-128-CBC", cbc, 16, 20, sha256},
          numbers(0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046)},
    Group{TlsSuite{"CAMELLIA-256-CBC", cbc, 32, 20, sha256},
          numbers(0x0084, 0x0085, 0x0086, 0x0087, 0x0088, 0x0089)},
    Group{TlsSuite{"CAMELLIA-128-CBC", cbc, 16, 32, sha256},
          numbers(0x00ba, 0x00bb, 0x00bc, 0x00bd, 0x00be, 0x00bf, 0xc072, 0xc076)},
    Group{TlsSuite{"CAMELLIA-256-CBC", cbc, 32, 32, sha256},
          numbers(0x00c0, 0x00c1, 0x00c2, 0x00c3, 0x00c4, 0x00c5)},
    Group{TlsSuite{"CAMELLIA-256-CBC", cbc, 32, 48, sha384}, numbers(0xc073, 0xc077)},
    Group{TlsSuite{"RC4", rc4, 16, 16, sha256}, numbers(0x0004, 0x0018)},
    Group{TlsSuite{"RC4", rc4, 16, 20, sha256},
          numbers(0x0005, 0x008a, 0x008e, 0x0092, 0xc002, 0xc007, 0xc00c, 0xc011, 0xc016, 0xc033)},
    Group{TlsSuite{nullptr, null, 0, 16, sha256}, numbers(0x0001)},
    Group{TlsSuite{nullptr, null, 0, 20, sha256}, numbers(0x0002, 0xc001, 0xc006, 0xc00b, 0xc010, 0xc015)},
    Group{TlsSuite{nullptr, null, 0, 32, sha256}, numbers(0x003b)});

const char* digest_of_size(size_t size) {
  return size == 16 ? "MD5" : size == 20 ? "SHA1" : size == 48 ? "SHA384" : "SHA256";
}
const char* digest_of(TlsHash hash) { return hash == TlsHash::sha384 ? "SHA384" : "SHA256"; }
constexpr size_t hash_size(TlsHash hash) { return hash == TlsHash::sha384 ? 48 : 32; }

using Mac = std::array<uint8_t, longest_mac>;

// HMAC over two pieces that are read as one.
bool hmac(const char* digest, Bytes key, Bytes data, Mac& out) {
  size_t size = out.size();
  // A key of no bytes still has to have an address.
  static constexpr uint8_t nothing = 0;
  return EVP_Q_mac(crypto_library(), "HMAC", nullptr, digest, nullptr,
                   key.empty() ? &nothing : key.data(), key.size(), data.data(), data.size(), out.data(),
                   out.size(), &size) != nullptr;
}

// HKDF-Expand-Label for at most one block of output.
bool expand_label(TlsHash hash, Bytes secret, std::string_view label, std::span<uint8_t> out) {
  std::array<char, 64> room;
  Text info(room);
  write_hkdf_label(label, out.size(), info);
  Mac block{};
  if (info.truncated() || out.size() > hash_size(hash)) return false;
  if (!hmac(digest_of(hash), secret, as_bytes(info.view()), block)) return false;
  std::copy_n(block.begin(), out.size(), out.begin());
  return true;
}

// P_hash (RFC 5246 section 5), added to what stands in `out` by exclusive or.
bool p_hash(const char* digest, size_t size, Bytes secret, Bytes seed, std::span<uint8_t> out) {
  std::array<uint8_t, longest_mac + 128> chained;
  if (seed.size() > 128) return false;
  Mac a{}, block{};
  if (!hmac(digest, secret, seed, a)) return false;
  for (size_t at = 0; at < out.size(); at += size) {
    std::copy_n(a.begin(), size, chained.begin());
    std::copy(seed.begin(), seed.end(), chained.begin() + static_cast<std::ptrdiff_t>(size));
    if (!hmac(digest, secret, Bytes(chained).first(size + seed.size()), block)) return false;
    for (size_t i = 0; i < size && at + i < out.size(); ++i) out[at + i] ^= block[i];
    if (!hmac(digest, secret, Bytes(a).first(size), a)) return false;
  }
  return true;
}

// The key block (RFC 5246 section 6.3; RFC 4346 section 5 for the two halves of older versions).
bool key_block(const TlsSuite& suite, const TlsKeyMaterial& material, std::span<uint8_t> out) {
  constexpr std::string_view label = "key expansion";
  std::array<uint8_t, label.size() + 64> seed;
  if (material.client_random.size() != 32 || material.server_random.size() != 32) return false;
  std::copy(label.begin(), label.end(), seed.begin());
  std::copy_n(material.server_random.begin(), 32, seed.begin() + label.size());
  std::copy_n(material.client_random.begin(), 32, seed.begin() + label.size() + 32);
  std::fill(out.begin(), out.end(), uint8_t{0});
  if (material.version >= 0x0303)
    return p_hash(digest_of(suite.hash), hash_size(suite.hash), material.master, seed, out);
  const size_t half = (material.master.size() + 1) / 2;
  return p_hash("MD5", 16, material.master.first(half), seed, out) &&
         p_hash("SHA1", 20, material.master.last(half), seed, out);
}

}  // namespace

const TlsSuite* find_tls_suite(uint16_t number) {
  const auto at = std::lower_bound(rows.begin(), rows.end(), number,
                                   [](const Row& row, uint16_t wanted) { return row.number < wanted; });
  return at != rows.end() && at->number == number ? &at->suite : nullptr;
}

TlsSecret next_traffic_secret(TlsHash hash, const TlsSecret& secret) {
  TlsSecret out;
  if (secret.size == hash_size(hash) &&
      expand_label(hash, secret.view(), "traffic upd", std::span(out.bytes).first(secret.size)))
    out.size = secret.size;
  return out;
}

struct TlsRecordOpener::State {
  ~State() {
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
  }
  bool fetch(const TlsSuite& of) {
    suite = of;
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    if (of.bulk == rc4) load_legacy_algorithms();
    context = EVP_CIPHER_CTX_new();
    cipher = of.algorithm == nullptr ? nullptr
                                     : EVP_CIPHER_fetch(crypto_library(), of.algorithm, nullptr);
    return context != nullptr && (of.algorithm == nullptr || cipher != nullptr);
  }
  size_t tag_size() const { return suite.bulk == ccm_8 ? 8 : 16; }
  size_t block_size() const { return suite.bulk == cbc ? static_cast<size_t>(EVP_CIPHER_get_block_size(cipher)) : 0; }

  bool aead(Bytes nonce, Bytes additional, Bytes sealed, std::span<uint8_t> out) {
    const size_t tag = tag_size(), size = sealed.size() - tag;
    const bool counter = suite.bulk == ccm || suite.bulk == ccm_8;
    std::array<uint8_t, 16> expected;
    std::copy_n(sealed.data() + size, tag, expected.begin());
    int written = 0;
    if (EVP_DecryptInit_ex(context, cipher, nullptr, nullptr, nullptr) != 1) return false;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr) != 1)
      return false;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag), expected.data()) != 1)
      return false;
    if (EVP_DecryptInit_ex(context, nullptr, nullptr, key.data(), nonce.data()) != 1) return false;
    if (counter && EVP_DecryptUpdate(context, nullptr, &written, nullptr, static_cast<int>(size)) != 1)
      return false;
    if (EVP_DecryptUpdate(context, nullptr, &written, additional.data(),
                          static_cast<int>(additional.size())) != 1)
      return false;
    if (EVP_DecryptUpdate(context, out.data(), &written, sealed.data(), static_cast<int>(size)) != 1)
      return false;
    return counter || EVP_DecryptFinal_ex(context, out.data() + written, &written) == 1;
  }
  bool authentic(uint64_t sequence, Bytes header, Bytes covered, Bytes mac, std::span<uint8_t> scratch) const {
    // Number, type, version and length go in front of what is covered (RFC 5246 section 6.2.3.1).
    std::array<uint8_t, 13> front;
    for (size_t i = 0; i < 8; ++i) front[i] = static_cast<uint8_t>(sequence >> (56 - 8 * i));
    std::copy_n(header.begin(), 3, front.begin() + 8);
    front[11] = static_cast<uint8_t>(covered.size() >> 8);
    front[12] = static_cast<uint8_t>(covered.size());
    if (scratch.size() < front.size() + covered.size()) return false;
    std::copy(front.begin(), front.end(), scratch.begin());
    std::memcpy(scratch.data() + front.size(), covered.data(), covered.size());
    Mac computed{};
    return hmac(digest_of_size(suite.mac_size), Bytes(mac_key).first(suite.mac_size),
                Bytes(scratch).first(front.size() + covered.size()), computed) &&
           std::equal(mac.begin(), mac.end(), computed.begin());
  }

  TlsSuite suite;
  EVP_CIPHER* cipher = nullptr;
  EVP_CIPHER_CTX* context = nullptr;
  uint16_t version = 0;
  bool encrypt_then_mac = false;
  bool ready = false;
  std::array<uint8_t, 32> key{};
  std::array<uint8_t, longest_mac> mac_key{};
  std::array<uint8_t, 16> iv{};
  uint64_t stream_at = 0;  // RC4: records opened so far
  std::array<uint8_t, 16384 + 2048 + 64> scratch;
  std::array<uint8_t, 16384 + 2048 + 64> plain;
};

TlsRecordOpener::TlsRecordOpener() = default;
TlsRecordOpener::~TlsRecordOpener() = default;
TlsRecordOpener::TlsRecordOpener(TlsRecordOpener&&) noexcept = default;
TlsRecordOpener& TlsRecordOpener::operator=(TlsRecordOpener&&) noexcept = default;

bool TlsRecordOpener::ready() const { return state_ != nullptr && state_->ready; }

bool TlsRecordOpener::set_tls13(const TlsSuite& suite, const TlsSecret& secret) {
  if (state_ == nullptr) state_ = std::make_unique<State>();
  State& s = *state_;
  s.ready = false;
  if (suite.mac_size != 0 || secret.size != hash_size(suite.hash) || !s.fetch(suite)) return false;
  s.version = 0x0304;
  s.ready = expand_label(suite.hash, secret.view(), "key", std::span(s.key).first(suite.key_size)) &&
            expand_label(suite.hash, secret.view(), "iv", std::span(s.iv).first(12));
  return s.ready;
}

bool TlsRecordOpener::set_tls12(const TlsSuite& suite, const TlsKeyMaterial& material, bool of_client) {
  if (state_ == nullptr) state_ = std::make_unique<State>();
  State& s = *state_;
  s.ready = false;
  if (!s.fetch(suite)) return false;
  s.version = material.version;
  s.encrypt_then_mac = material.encrypt_then_mac && suite.bulk == cbc;
  const size_t block = s.block_size();
  const size_t iv = suite.bulk == gcm || suite.bulk == ccm || suite.bulk == ccm_8 ? 4
                    : suite.bulk == chacha20                                      ? 12
                    : suite.bulk == cbc && material.version < 0x0302              ? block
                                                                                  : 0;
  std::array<uint8_t, 2 * (longest_mac + 32 + 16)> keys;
  const size_t size = 2 * (suite.mac_size + size_t{suite.key_size} + iv);
  if (!key_block(suite, material, std::span(keys).first(size))) return false;
  const size_t side = of_client ? 0 : 1;
  const uint8_t* at = keys.data();
  std::copy_n(at + side * suite.mac_size, suite.mac_size, s.mac_key.begin());
  at += 2 * size_t{suite.mac_size};
  std::copy_n(at + side * suite.key_size, suite.key_size, s.key.begin());
  at += 2 * size_t{suite.key_size};
  std::copy_n(at + side * iv, iv, s.iv.begin());
  s.stream_at = 0;
  s.ready = suite.bulk != rc4 || EVP_DecryptInit_ex(s.context, s.cipher, nullptr, s.key.data(), nullptr) == 1;
  return s.ready;
}

TlsRecordOpener::Opened TlsRecordOpener::open(Bytes record, uint64_t sequence, std::span<uint8_t> room) {
  Opened out;
  if (!ready() || record.size() < header_size || room.size() < record.size()) return out;
  State& s = *state_;
  const Bytes header = record.first(header_size);
  Bytes body = record.subspan(header_size);
  if (body.size() > s.scratch.size() - 64) return out;
  out.type = header[0];
  std::array<uint8_t, 12> nonce;
  const auto put_number = [&](std::span<uint8_t> to, bool xor_in) {
    for (size_t i = 0; i < 8; ++i) {
      const auto byte = static_cast<uint8_t>(sequence >> (56 - 8 * i));
      to[i] = xor_in ? static_cast<uint8_t>(to[i] ^ byte) : byte;
    }
  };
  const bool is_aead = s.suite.mac_size == 0;
  if (is_aead) {
    const bool explicit_nonce = s.version < 0x0304 && s.suite.bulk != chacha20;
    if (body.size() < s.tag_size() + (explicit_nonce ? 8 : 0)) return out;
    std::copy_n(s.iv.begin(), 12, nonce.begin());
    if (explicit_nonce) {
      std::copy_n(body.begin(), 8, nonce.begin() + 4);
      body = body.subspan(8);
    } else {
      put_number(std::span(nonce).subspan(4), true);
    }
    const size_t size = body.size() - s.tag_size();
    if (s.version >= 0x0304) {
      if (!s.aead(nonce, header, body, room)) return out;
      size_t end = size;
      while (end != 0 && room[end - 1] == 0) --end;
      if (end == 0) return out;
      out.type = room[end - 1];
      out.content = Bytes(room).first(end - 1);
    } else {
      std::array<uint8_t, 13> additional;
      put_number(additional, false);
      std::copy_n(header.begin(), 3, additional.begin() + 8);
      additional[11] = static_cast<uint8_t>(size >> 8);
      additional[12] = static_cast<uint8_t>(size);
      if (!s.aead(nonce, additional, body, room)) return out;
      out.content = Bytes(room).first(size);
    }
    out.ok = true;
    return out;
  }

  const size_t mac = s.suite.mac_size;
  if (s.encrypt_then_mac) {
    if (body.size() < mac) return out;
    const Bytes covered = body.first(body.size() - mac);
    if (!s.authentic(sequence, header, covered, body.last(mac), s.scratch)) return out;
    body = covered;
  }
  Bytes plain = body;
  if (s.suite.bulk == cbc) {
    const size_t block = s.block_size();
    std::array<uint8_t, longest_block> chained{};
    std::copy_n(s.iv.begin(), block, chained.begin());
    const Bytes whole = body;
    if (s.version >= 0x0302) {
      if (body.size() < block) return out;
      std::copy_n(body.begin(), block, chained.begin());
      body = body.subspan(block);
    }
    if (body.empty() || body.size() % block != 0) return out;
    int written = 0;
    if (EVP_DecryptInit_ex(s.context, s.cipher, nullptr, s.key.data(), chained.data()) != 1 ||
        EVP_CIPHER_CTX_set_padding(s.context, 0) != 1 ||
        EVP_DecryptUpdate(s.context, s.plain.data(), &written, body.data(), static_cast<int>(body.size())) != 1)
      return out;
    const size_t padding = s.plain[body.size() - 1] + size_t{1};
    if (padding + (s.encrypt_then_mac ? 0 : mac) > body.size()) return out;
    plain = Bytes(s.plain).first(body.size() - padding);
    if (!s.encrypt_then_mac) {
      const Bytes covered = plain.first(plain.size() - mac);
      if (!s.authentic(sequence, header, covered, plain.last(mac), s.scratch)) return out;
      plain = covered;
    }
    // The last block is what the next record of TLS 1.0 begins with.
    if (s.version < 0x0302) std::copy_n(whole.end() - static_cast<std::ptrdiff_t>(block), block, s.iv.begin());
  } else {
    if (s.suite.bulk == rc4) {
      // A stream: every record moves it on, whatever becomes of it.
      int written = 0;
      if (sequence != s.stream_at || EVP_DecryptUpdate(s.context, s.plain.data(), &written, body.data(),
                                                       static_cast<int>(body.size())) != 1)
        return out;
      ++s.stream_at;
      plain = Bytes(s.plain).first(body.size());
    }
    if (plain.size() < mac) return out;
    const Bytes covered = plain.first(plain.size() - mac);
    if (!s.authentic(sequence, header, covered, plain.last(mac), s.scratch)) return out;
    plain = covered;
  }
  std::memcpy(room.data(), plain.data(), plain.size());
  out.content = Bytes(room).first(plain.size());
  out.ok = true;
  return out;
}

}  // namespace handprint
