// SPDX-License-Identifier: Apache-2.0
// What the program says about itself, on standard error: never on the packet path.
#pragma once

#include <string_view>

#include "agent/config/settings.h"

namespace handprint {

// Begins to log. LogFormat::automatic: lines with the journal's priority in front (<6>…) when standard
// error is the journal, else "handprint: …" for people. Before this, and after an error of the log
// itself, messages go to standard error as text. May be called again, e.g. after a reload.
void start_log(LogLevel level, LogFormat format);

// One line each; control characters are made visible. From any thread.
void log_always(std::string_view message);  // information, whatever the level
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

// True when standard error is connected to the journal (JOURNAL_STREAM of systemd.exec(5)).
bool stderr_is_journal();

}  // namespace handprint
