// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <new>
#include <string>

#include "agent/cli/commands.h"
#include "agent/cli/terminal.h"

int main(int argc, char** argv) {
  try {
    return handprint::command_line(argc, argv);
  } catch (const std::bad_alloc&) {
    handprint::complain("out of memory");
  } catch (const std::exception& error) {
    handprint::complain(std::string("unexpected: ") + error.what());
  }
  return handprint::exit_failure;
}
