// SPDX-License-Identifier: Apache-2.0
// The registered names of QUIC's numbers (IANA "QUIC").
#pragma once

#include <cstdint>
#include <string_view>

namespace handprint {

// A transport parameter's registered name; "GREASE" for those that are reserved to be ignored, "" for
// a number without a name.
std::string_view quic_parameter_name(uint64_t id);

}  // namespace handprint
