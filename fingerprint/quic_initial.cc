// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/quic_initial.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "fingerprint/crypto_library.h"

namespace handprint {
namespace {

constexpr size_t tag_size = 16, block_size = 16;

// Fetched once: fetching an algorithm is slow.
struct Algorithms {
  EVP_CIPHER* block = fetch("AES-128-ECB");
  EVP_CIPHER* sealed = fetch("AES-128-GCM");

  static EVP_CIPHER* fetch(const char* name) {
    OSSL_LIB_CTX* const library = crypto_library();
    return library == nullptr ? nullptr : EVP_CIPHER_fetch(library, name, nullptr);
  }
  static const Algorithms& get() {
    static const Algorithms one;
    return one;
  }
};

// HKDF-Expand-Label for at most one block of output.
bool expand_label(const Digests& digests, const Sha256& secret, std::string_view label,
                  std::span<uint8_t> out) {
  std::array<char, 64> room;
  Text info(room);
  write_hkdf_label(label, out.size(), info);
  Sha256 block;
  if (info.truncated() || out.size() > block.size()) return false;
  if (!digests.hmac_sha256(secret, as_bytes(info.view()), block)) return false;
  std::copy_n(block.begin(), out.size(), out.begin());
  return true;
}

}  // namespace

bool derive_quic_initial_keys(const QuicVersion& version, Bytes destination_id, QuicSide side,
                              const Digests& digests, QuicInitialKeys& out) {
  if (!version.known) return false;
  Sha256 initial;
  return digests.hmac_sha256(version.salt, destination_id, initial) &&
         expand_label(digests, initial, side == QuicSide::client ? "client in" : "server in",
                      out.secret) &&
         expand_label(digests, out.secret, version.second ? "quicv2 key" : "quic key", out.key) &&
         expand_label(digests, out.secret, version.second ? "quicv2 iv" : "quic iv", out.iv) &&
         expand_label(digests, out.secret, version.second ? "quicv2 hp" : "quic hp", out.header);
}

struct QuicCipher::Contexts {
  EVP_CIPHER_CTX* block = nullptr;
  EVP_CIPHER_CTX* sealed = nullptr;
  bool ready = false;

  Contexts() : block(EVP_CIPHER_CTX_new()), sealed(EVP_CIPHER_CTX_new()) {
    const Algorithms& algorithms = Algorithms::get();
    ready = block != nullptr && sealed != nullptr && algorithms.block != nullptr &&
            algorithms.sealed != nullptr &&
            EVP_EncryptInit_ex2(block, algorithms.block, nullptr, nullptr, nullptr) == 1 &&
            EVP_CIPHER_CTX_set_padding(block, 0) == 1 &&
            EVP_DecryptInit_ex2(sealed, algorithms.sealed, nullptr, nullptr, nullptr) == 1;
  }
  ~Contexts() {
    EVP_CIPHER_CTX_free(block);
    EVP_CIPHER_CTX_free(sealed);
  }
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
};

QuicCipher::QuicCipher() : contexts_(std::make_unique<Contexts>()) {}
QuicCipher::~QuicCipher() = default;
bool QuicCipher::available() const { return contexts_->ready; }

Reason QuicCipher::open(const QuicPacket& packet, const QuicInitialKeys& keys,
                        std::span<uint8_t> room, Bytes& payload) {
  payload = {};
  if (!available()) return Reason::digest_unavailable;
  const Bytes bytes = packet.bytes;
  const size_t at = packet.number_at;
  constexpr size_t longest_header = 2048;  // the associated data is copied; tokens are shorter
  if (at + 4 > longest_header) return Reason::too_long;
  if (bytes.size() < at + 4 + block_size) return Reason::malformed_quic;

  std::array<uint8_t, block_size> mask;
  int written = 0;
  if (EVP_EncryptInit_ex2(contexts_->block, nullptr, keys.header.data(), nullptr, nullptr) != 1 ||
      EVP_EncryptUpdate(contexts_->block, mask.data(), &written, bytes.data() + at + 4,
                        static_cast<int>(block_size)) != 1 ||
      written != static_cast<int>(block_size))
    return Reason::digest_unavailable;

  std::array<uint8_t, longest_header> header;
  std::memcpy(header.data(), bytes.data(), at + 4);
  header[0] = static_cast<uint8_t>(header[0] ^ (mask[0] & 0x0f));
  const size_t number_size = (header[0] & 3u) + 1u;
  std::array<uint8_t, 12> nonce = keys.iv;
  for (size_t i = 0; i < number_size; ++i) {
    const auto digit = static_cast<uint8_t>(header[at + i] ^ mask[1 + i]);
    header[at + i] = digit;
    // Initials are few: the number as it was sent is the whole number.
    uint8_t& place = nonce[nonce.size() - number_size + i];
    place = static_cast<uint8_t>(place ^ digit);
  }
  const Bytes sealed = bytes.subspan(at + number_size);
  if (sealed.size() < tag_size) return Reason::malformed_quic;
  const Bytes text = sealed.first(sealed.size() - tag_size);
  if (text.size() > room.size()) return Reason::too_long;
  std::array<uint8_t, tag_size> tag;
  std::copy_n(sealed.end() - tag_size, tag_size, tag.begin());

  EVP_CIPHER_CTX* const gcm = contexts_->sealed;
  int more = 0;
  if (EVP_DecryptInit_ex2(gcm, nullptr, keys.key.data(), nonce.data(), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size), tag.data()) !=
          1 ||
      EVP_DecryptUpdate(gcm, nullptr, &written, header.data(),
                        static_cast<int>(at + number_size)) != 1 ||
      EVP_DecryptUpdate(gcm, room.data(), &written, text.data(), static_cast<int>(text.size())) !=
          1)
    return Reason::digest_unavailable;
  if (EVP_DecryptFinal_ex(gcm, room.data() + written, &more) != 1) return Reason::encrypted;
  payload = Bytes(room.data(), text.size());
  return Reason::ok;
}

Reason QuicOpener::open(const QuicPacket& packet, uint32_t number, Bytes first_destination_id,
                        QuicSide side, const Digests& digests, Bytes& payload) {
  payload = {};
  Kept& kept = kept_[static_cast<size_t>(side)];
  if (first_destination_id.size() > kept.id.size()) return Reason::malformed_quic;
  const bool same = kept.valid && kept.version == number &&
                    std::ranges::equal(Bytes(kept.id).first(kept.id_size), first_destination_id);
  if (!same) {
    const QuicVersion version = quic_version(number);
    if (!version.known) return Reason::not_this_protocol;
    kept.valid = derive_quic_initial_keys(version, first_destination_id, side, digests, kept.keys);
    if (!kept.valid) return Reason::digest_unavailable;
    kept.version = number;
    kept.id_size = static_cast<uint8_t>(first_destination_id.size());
    std::ranges::copy(first_destination_id, kept.id.begin());
  }
  return cipher_.open(packet, kept.keys, room_, payload);
}

}  // namespace handprint
