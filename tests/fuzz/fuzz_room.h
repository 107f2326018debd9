// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "fingerprint/reason.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"

namespace handprint::fuzz {

inline Workspace& workspace() {
  static const std::unique_ptr<Workspace> one = std::make_unique<Workspace>();
  return *one;
}

// Calls a writer with much room and with little, in memory of exactly that size, and stops the
// program when it breaks its promise: a failed writer leaves nothing behind.
template <class Write>
void try_writer(Write write, bool may_write) {
  for (size_t size : {size_t{300000}, size_t{48}}) {
    static std::vector<char> large(300000);
    std::vector<char> small(48);
    Text out(size == 48 ? small : large);
    Reason reason = write(out);
    if (reason != Reason::ok && (!out.empty() || out.truncated())) std::abort();
    if (reason == Reason::ok && (out.truncated() || !may_write)) std::abort();
  }
}

}  // namespace handprint::fuzz
