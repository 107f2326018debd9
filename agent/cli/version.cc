// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>

#include "agent/cli/commands.h"
#include "agent/pipeline/identity.h"

namespace handprint {

int show_version() {
  std::printf("handprint %s\n", std::string(version()).c_str());
  return exit_ok;
}

}  // namespace handprint
