// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/config/settings.h"
#include "agent/source/live/options.h"
#include "fingerprint/result.h"

namespace handprint {

// What the settings mean to the live source. `hash_seed` 0: random.
LiveOptions live_options(const Settings& settings);

// Names among `interfaces` that are neither globs nor kinds and that this network namespace does not
// have. A configuration may name what comes later; a person at the terminal has mistyped it.
std::vector<std::string> missing_interfaces(const std::vector<std::string>& interfaces);

// Names of the interfaces of this network namespace.
std::vector<std::string> present_interfaces();

}  // namespace handprint
