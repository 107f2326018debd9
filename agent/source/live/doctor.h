// SPDX-License-Identifier: Apache-2.0
// What `handprint doctor` says about live capture on this host.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/source/live/options.h"

namespace handprint {

enum class CheckState : uint8_t { ok, warn, fail };
// "ok", "warn", "fail".
std::string_view name(CheckState state);

struct Check {
  std::string check;  // stable short name: "kernel", "btf", "capture_tc" …
  CheckState state = CheckState::ok;
  std::string detail;  // what was found, one line (the verifier's log may add lines)
  std::string hint;    // what to do, empty where nothing is to be done
};

// Looks at the host and loads every program group once without attaching anything. Changes nothing.
// Works without privilege, and then says what is missing.
std::vector<Check> examine_live_capture(const LiveOptions& options);

}  // namespace handprint
