// SPDX-License-Identifier: Apache-2.0
// The agent's main process, the loader: it loads and attaches the kernel programs, follows interfaces,
// serves signals, reload, the service manager and `handprint status`, and has its two children do the
// rest. It never reads a packet's byte.
#pragma once

#include <cstdint>
#include <optional>
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
  bool all_strings = false;  // an output writes the raw strings too
  std::optional<Rendering> rendering;  // of the only output; nothing: as the settings say
  bool replace = false;      // output files are begun anew
  uint64_t count = 0;       // documents, 0: no limit
  double duration_s = 0;    // 0: no limit
};

// The program's exit code after too many crashes of a child: with nothing attached, and to stay down
// (RestartPreventExitStatus of the systemd unit).
inline constexpr int exit_given_up = 70;

// Captures until a signal, a limit or the end of standard output ends it; detached for as long as a
// kill switch (kill_switch.h) stands. Call it on the main thread. Result: the program's exit code, its
// reason said in the log.
int run_live(const LiveRunOptions& options);

}  // namespace handprint
