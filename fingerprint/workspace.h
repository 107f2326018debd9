// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fingerprint/digest.h"

namespace handprint {

// The longest handshake message that is put together from several TLS records. The longest real
// ClientHello seen has 11 KB; certificate chains stay below 32 KB.
inline constexpr size_t handshake_scratch_size = 64 * 1024;
// A 16-bit length holds at most this many 16-bit values, so a list always fits.
inline constexpr size_t sort_scratch_size = 32 * 1024;
// The same list as "xxxx," text.
inline constexpr size_t text_scratch_size = 5 * sort_scratch_size + 64;

// Scratch memory and digest contexts for one thread, owned by the caller (about 300 KB: keep it on
// the heap). Functions that take one say which part they use; views into it are valid until the
// next such call.
struct Workspace {
  Workspace() {}  // the scratch stays as it is: nobody reads what was not written before

  Digests digests;
  std::array<uint8_t, handshake_scratch_size> handshake;  // tls_record.h
  std::array<uint16_t, sort_scratch_size> sort;           // ja4.h
  std::array<char, text_scratch_size> text;               // ja3.h, ja4.h: what is hashed
};

}  // namespace handprint
