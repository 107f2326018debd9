// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "fingerprint/address.h"

namespace handprint {

inline constexpr size_t community_id_size = 30;  // "1:" and 28 characters of base64

// The Community ID version 1 (Corelight's community-id-spec) of a TCP or UDP flow with seed 0: the
// same text for both directions. Ports in host order. Both addresses must be present and of one
// family; otherwise the result is false and `out` untouched.
bool community_id(const Address& source, uint16_t source_port, const Address& destination,
                  uint16_t destination_port, uint8_t transport,
                  std::span<char, community_id_size> out);

}  // namespace handprint
