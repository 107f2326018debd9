// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace handprint {

// Whether a string may be made from a message that is not all there.
enum class Cut : uint8_t {
  refuse,  // no_fingerprint: what is missing could change the string
  accept   // what pmercury prints from one packet: the list closed where the bytes end
};

}  // namespace handprint
