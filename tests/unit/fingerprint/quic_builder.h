// SPDX-License-Identifier: Apache-2.0
// Makes QUIC packets for tests. Sealing is written apart from the library's opening.
#pragma once

#include <openssl/evp.h>

#include <string_view>

#include "builder.h"
#include "fingerprint/quic_initial.h"

namespace handprint::test {

// A variable-length integer in the given number of bytes (0: the least).
inline Buffer varint(uint64_t value, int bytes = 0) {
  if (bytes == 0) bytes = value < 64 ? 1 : value < 16384 ? 2 : value < (1u << 30) ? 4 : 8;
  const unsigned prefix = bytes == 1 ? 0 : bytes == 2 ? 0x40 : bytes == 4 ? 0x80 : 0xc0;
  Builder out;
  for (int i = bytes - 1; i >= 0; --i)
    out.u8(static_cast<unsigned>(value >> (8 * i) & 0xff) | (i == bytes - 1 ? prefix : 0));
  return out;
}
inline Buffer crypto_frame(uint64_t offset, const Buffer& data) {
  return Builder().u8(6).raw(varint(offset)).raw(varint(data.size())).raw(data);
}

struct TestInitial {
  unsigned first = 0xc0;      // with the type of version 1
  uint32_t version = 1;
  Buffer key_id = hex("8394c8f03e515708");  // the client's first connection id
  Buffer destination = hex("8394c8f03e515708");
  Buffer source = {};
  Buffer token = {};
  uint32_t number = 2;
  int number_size = 4;
  QuicSide side = QuicSide::client;
  size_t fill = 0;            // payload at least so long, by PADDING

  Buffer sealed(Buffer payload) const {
    if (payload.size() < fill) payload = Builder().raw(payload).fill(fill - payload.size());
    const unsigned type = version == 0x6b3343cf ? 0x10 : 0x00;
    Builder header;
    header.u8(first | type | static_cast<unsigned>(number_size - 1)).u32(version);
    header.with_u8(destination).with_u8(source).raw(varint(token.size())).raw(token);
    header.raw(varint(static_cast<size_t>(number_size) + payload.size() + 16, 2));
    const size_t at = header.size();
    for (int i = number_size - 1; i >= 0; --i) header.u8(number >> (8 * i) & 0xff);
    QuicInitialKeys keys{};
    const bool known =
        derive_quic_initial_keys(quic_version(version == 0x0a0a0a0a ? 0xff00001d : version), key_id,
                                 side, workspace().digests, keys);
    if (!known) return {};
    auto nonce = keys.iv;
    for (int i = 0; i < 4; ++i)
      nonce[8 + static_cast<size_t>(i)] ^= static_cast<uint8_t>(number >> (24 - 8 * i));
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int written = 0, size = 0;
    Buffer text(payload.size() + 16);
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, keys.key.data(), nonce.data());
    EVP_EncryptUpdate(context, nullptr, &size, header.bytes().data(), static_cast<int>(header.size()));
    EVP_EncryptUpdate(context, text.data(), &written, payload.data(),
                      static_cast<int>(payload.size()));
    EVP_EncryptFinal_ex(context, text.data() + written, &size);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, text.data() + payload.size());
    Buffer out = header.raw(text);
    std::array<uint8_t, 16> mask{};
    EVP_CIPHER_CTX_reset(context);
    EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), nullptr, keys.header.data(), nullptr);
    EVP_EncryptUpdate(context, mask.data(), &size, out.data() + at + 4, 16);
    EVP_CIPHER_CTX_free(context);
    out[0] = static_cast<uint8_t>(out[0] ^ (mask[0] & 0x0f));
    for (int i = 0; i < number_size; ++i)
      out[at + static_cast<size_t>(i)] ^= mask[1 + static_cast<size_t>(i)];
    return out;
  }
};

// The ClientHello of RFC 9001 appendix A.2, as handshake message.
inline Buffer rfc9001_client_hello() {
  return hex(
      "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302"
      "010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007"
      "000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa"
      "71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d000201"
      "01001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff080110010480007530090110"
      "0f088394c8f03e51570806048000ffff");
}
// The ServerHello of appendix A.3.
inline Buffer rfc9001_server_hello() {
  return hex(
      "020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00"
      "330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304");
}

}  // namespace handprint::test
