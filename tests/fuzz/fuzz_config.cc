// SPDX-License-Identifier: Apache-2.0
// Whatever a configuration file holds: it is read, or refused with messages that name it; and what was
// read is shown so that it reads again to the same settings.
#include <cstdlib>

#include "agent/config/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace handprint;
  const SettingsResult result = load_settings_text({reinterpret_cast<const char*>(data), size}, "input");
  for (const Error& error : result.errors)
    if (!error.text().starts_with("input:") || error.message.empty()) std::abort();
  if (!result.ok()) return 0;
  const SettingsResult again = load_settings_text(show_settings(result.settings), "shown");
  if (!again.ok() || again.settings != result.settings) std::abort();
  return 0;
}
