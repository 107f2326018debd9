// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace handprint {

// How many characters must be put in, taken out, replaced or swapped with their neighbour to turn one
// text into the other, without regard to the case of ASCII letters (Damerau-Levenshtein, restricted).
size_t edit_distance(std::string_view a, std::string_view b);

// "; did you mean 'x'?" for the candidate nearest to `wrong`, or "" where none is near: at most a third
// of the longer one's characters may differ, and always one.
std::string suggestion(std::string_view wrong, std::span<const std::string_view> candidates);

}  // namespace handprint
