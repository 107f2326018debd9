// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace handprint {

inline constexpr size_t timestamp_size = 27;  // 2026-11-23T02:15:20.123456Z

// Wall time (ns since 1970-01-01T00:00:00Z) as ISO 8601 in UTC with microseconds, cut, not rounded.
// The whole range of int64_t lies in the years 1677 to 2262, so the year has always four digits.
void write_timestamp(int64_t wall_ns, std::span<char, timestamp_size> out);

}  // namespace handprint
