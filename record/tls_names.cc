// SPDX-License-Identifier: Apache-2.0
#include "record/tls_names.h"

#include "fingerprint/registry.h"

namespace handprint {
std::string_view tls_cipher_name(uint16_t code) { return code_name(Registry::tls_cipher, code); }

std::string_view tls_group_name(uint16_t code) { return code_name(Registry::tls_group, code); }

bool tls_group_is_post_quantum(uint16_t code) {
  // Of every name of such a group one of these words is a part; ECDH and finite fields have none.
  const std::string_view name = tls_group_name(code);
  for (const std::string_view word : {"MLKEM", "Kyber", "kyber", "CECPQ2"})
    if (name.find(word) != std::string_view::npos) return true;
  return false;
}

std::string_view tls_alert_name(uint8_t description) {
  return code_name(Registry::tls_alert, description);
}

TlsVersionName tls_version_name(uint16_t code) {
  switch (code) {
    case 0x0002:
      return {"ssl", "2.0"};
    case 0x0300:
      return {"ssl", "3.0"};
    case 0x0301:
      return {"tls", "1.0"};
    case 0x0302:
      return {"tls", "1.1"};
    case 0x0303:
      return {"tls", "1.2"};
    case 0x0304:
      return {"tls", "1.3"};
    case 0xfeff:
      return {"dtls", "1.0"};
    case 0xfefd:
      return {"dtls", "1.2"};
    case 0xfefc:
      return {"dtls", "1.3"};
    default:
      break;
  }
  if ((code >> 8) == 0x7f) return {"tls", "1.3"};
  return {};
}

}  // namespace handprint
