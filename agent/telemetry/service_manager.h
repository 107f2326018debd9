// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace handprint {

// What systemd is told (sd_notify(3)). Without a service manager every call does nothing.
void notify_ready(const std::string& status);
void notify_status(const std::string& status);
void notify_reloading();
void notify_stopping(const std::string& status);
void notify_watchdog();

// How often the watchdog wants to be fed; nothing if it does not.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace handprint
