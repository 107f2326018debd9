// SPDX-License-Identifier: Apache-2.0
// `handprint lookup`: what a fingerprint string is made of.
#include <cstdio>
#include <iostream>

#include "agent/cli/commands.h"
#include "agent/cli/terminal.h"
#include "fingerprint/readable.h"
#include "record/json_text.h"
#include "record/readable_text.h"

namespace handprint {
namespace {

// True if the string could be read.
bool look_up(const LookupCommand& command, std::string_view text) {
  const auto found = read_fingerprint(text, command.kind);
  std::string out;
  if (command.json) {
    if (found) {
      write_readable_json(*found, out);
    } else {
      JsonText json(out);
      json.raw("{\"error\":");
      json.string(found.error().message);
      json.raw(",\"offset\":");
      json.number(found.error().offset);
      json.raw('}');
      json.done();
    }
    out += '\n';
  } else if (found) {
    write_readable_lines(*found, out);
  } else {
    complain("lookup: offset " + std::to_string(found.error().offset) + ": " +
             found.error().message);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return found.ok();
}

}  // namespace

int lookup(const LookupCommand& command) {
  bool all_read = true;
  bool first = true;
  for (const std::string& text : command.fingerprints) {
    if (text != "-") {
      if (!first && !command.json) std::fputc('\n', stdout);
      first = false;
      all_read = look_up(command, text) && all_read;
      continue;
    }
    for (std::string line; std::getline(std::cin, line);) {
      if (line.empty()) continue;
      if (!first && !command.json) std::fputc('\n', stdout);
      first = false;
      all_read = look_up(command, line) && all_read;
    }
  }
  return all_read ? exit_ok : exit_failure;
}

}  // namespace handprint
