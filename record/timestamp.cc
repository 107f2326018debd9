// SPDX-License-Identifier: Apache-2.0
#include "record/timestamp.h"

#include <array>
#include <cstring>

namespace handprint {
namespace {

constexpr std::array<char, 200> decimal_pairs = [] {
  std::array<char, 200> table{};
  for (size_t value = 0; value < 100; ++value) {
    table[2 * value] = static_cast<char>('0' + value / 10);
    table[2 * value + 1] = static_cast<char>('0' + value % 10);
  }
  return table;
}();

// Two digits of a value below 100.
void pair(char* to, uint32_t value) { std::memcpy(to, &decimal_pairs[2 * value], 2); }

}  // namespace

void write_timestamp(int64_t wall_ns, std::span<char, timestamp_size> out) {
  constexpr int64_t day_us = 86'400'000'000;
  int64_t us = wall_ns / 1000;
  if (wall_ns % 1000 < 0) --us;
  int64_t days = us / day_us;
  int64_t rest = us % day_us;
  if (rest < 0) rest += day_us, --days;

  // Days are counted from the first of March of the year 0, so that the leap day ends a year; 400
  // years have 146,097 days.
  const auto shifted = static_cast<uint32_t>(days + 719'468);
  const uint32_t era = shifted / 146'097;
  const uint32_t day_of_era = shifted % 146'097;
  const uint32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t shifted_month = (5 * day_of_year + 2) / 153;  // 0 is March
  const uint32_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const uint32_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const uint32_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);

  const auto seconds = static_cast<uint32_t>(rest / 1'000'000);
  const auto micros = static_cast<uint32_t>(rest % 1'000'000);
  char* to = out.data();
  pair(to, year / 100);
  pair(to + 2, year % 100);
  to[4] = '-';
  pair(to + 5, month);
  to[7] = '-';
  pair(to + 8, day);
  to[10] = 'T';
  pair(to + 11, seconds / 3600);
  to[13] = ':';
  pair(to + 14, seconds / 60 % 60);
  to[16] = ':';
  pair(to + 17, seconds % 60);
  to[19] = '.';
  pair(to + 20, micros / 10'000);
  pair(to + 22, micros / 100 % 100);
  pair(to + 24, micros % 100);
  to[26] = 'Z';
}

}  // namespace handprint
