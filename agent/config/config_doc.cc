// SPDX-License-Identifier: Apache-2.0
// config_doc reference|example|schema: prints docs/configuration.md, the example file or the JSON Schema.
#include <cstdio>
#include <string_view>

#include "agent/config/settings.h"

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  std::string text;
  if (what == "reference") {
    text = handprint::settings_reference();
  } else if (what == "example") {
    text = handprint::settings_example();
  } else if (what == "schema") {
    text = handprint::settings_schema();
  } else {
    std::fputs("usage: config_doc reference|example|schema\n", stderr);
    return 2;
  }
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
