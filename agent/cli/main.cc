// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <new>
#include <string>

#include "agent/cli/commands.h"
#include "agent/cli/terminal.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/procinfo.h"
#include "agent/supervisor/worker.h"

int main(int argc, char** argv) {
  using handprint::Role;
  try {
    switch (argc > 0 ? handprint::role_of(argv[0]) : Role::program) {
      case Role::worker: return handprint::worker_main();
      case Role::procinfo: return handprint::procinfo_main();
      case Role::program: break;
    }
    return handprint::command_line(argc, argv);
  } catch (const std::bad_alloc&) {
    handprint::complain("out of memory");
  } catch (const std::exception& error) {
    handprint::complain(std::string("unexpected: ") + error.what());
  }
  return handprint::exit_failure;
}
