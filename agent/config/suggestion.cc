// SPDX-License-Identifier: Apache-2.0
#include "agent/config/suggestion.h"

#include <algorithm>
#include <vector>

namespace handprint {

size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  // Rows i-2, i-1 and i of the table of distances between beginnings of a and b.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string suggestion(std::string_view wrong, std::span<const std::string_view> candidates) {
  std::string_view best;
  size_t least = 0;
  // A long text is no slip of a key's name, and its distance would take long to compute.
  if (wrong.empty() || wrong.size() > 64) return {};
  for (std::string_view candidate : candidates) {
    const size_t distance = edit_distance(wrong, candidate);
    if (best.empty() || distance < least) best = candidate, least = distance;
  }
  const size_t allowed = std::max<size_t>(1, std::max(wrong.size(), best.size()) / 3);
  if (best.empty() || least > allowed) return {};
  return "; did you mean '" + std::string(best) + "'?";
}

}  // namespace handprint
