// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace handprint {

// From here on SIGINT, SIGTERM and SIGHUP set the flag once; the second one ends the program as if
// nobody listened. SIGPIPE is ignored: a write tells of it.
const std::atomic<bool>& catch_interrupts();

// Ignores SIGPIPE alone.
void ignore_broken_pipes();

}  // namespace handprint
