// SPDX-License-Identifier: Apache-2.0
// The agent: live capture from start to stop, with the control thread that serves signals, reload,
// the service manager and `handprint status`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/settings.h"
#include "agent/sink/sink.h"

namespace handprint {

struct LiveRunOptions {
  Settings settings;
  std::string config;       // read again on SIGHUP; empty: SIGHUP only opens output files anew
  std::string control;      // path of the control socket; empty: the usual place
  bool service = false;     // an agent (`run`), not a session at the terminal (`capture`)
  bool all_strings = false;  // a sink writes the raw strings too
  uint64_t count = 0;       // documents, 0: no limit
  double duration_s = 0;    // 0: no limit
};

// The sinks that the settings name. The error names the path.
Result<std::vector<std::unique_ptr<Sink>>> settings_sinks(const Settings& settings);

// Captures until a signal, a limit or the end of standard output ends it. Runs the control thread on
// the caller's; all signals that matter are blocked in every other. Result: the program's exit code,
// its reason said in the log.
int run_live(const LiveRunOptions& options, std::vector<std::unique_ptr<Sink>> sinks);

}  // namespace handprint
