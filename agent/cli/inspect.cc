// SPDX-License-Identifier: Apache-2.0
// `handprint doctor`, `status` and `config`: they look, and change nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/commands.h"
#include "agent/cli/terminal.h"
#include "agent/pipeline/live_options.h"
#include "agent/source/live/doctor.h"
#include "agent/supervisor/memory_plan.h"
#include "agent/telemetry/control_socket.h"
#include "agent/telemetry/status.h"

namespace handprint {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

const char* colour_of(CheckState state) {
  switch (state) {
    case CheckState::ok: return "\x1b[32m";
    case CheckState::warn: return "\x1b[33m";
    case CheckState::fail: return "\x1b[31m";
  }
  return "";
}

}  // namespace

int doctor(const DoctorCommand& command) {
  Settings settings = default_settings();
  settings.capture.hook = command.hook;
  const std::vector<Check> checks = examine_live_capture(live_options(settings));
  bool failed = false;
  for (const Check& check : checks) failed = failed || check.state == CheckState::fail;
  if (command.json) {
    nlohmann::ordered_json out;
    out["capture"] = !failed;
    out["checks"] = nlohmann::ordered_json::array();
    for (const Check& check : checks)
      out["checks"].push_back({{"check", check.check},
                               {"state", std::string(name(check.state))},
                               {"detail", check.detail},
                               {"hint", check.hint}});
    print(out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } else if (!command.quiet) {
    const bool colours = wants_colours(Colours::automatic, STDOUT_FILENO);
    std::size_t width = 0;
    for (const Check& check : checks) width = std::max(width, check.check.size());
    for (const Check& check : checks) {
      std::string state(name(check.state));
      state.resize(6, ' ');
      std::string title = check.check;
      title.resize(width + 2, ' ');
      print((colours ? colour_of(check.state) + state + "\x1b[0m" : state) + title + check.detail + "\n");
      if (!check.hint.empty() && check.state != CheckState::ok)
        print(std::string(width + 8, ' ') + "→ " + check.hint + "\n");
    }
    print(failed ? "\nLive capture does not work here. `handprint read FILE` needs none of this.\n"
                 : "\nLive capture works here.\n");
  }
  return failed ? exit_failure : exit_ok;
}

int status(const StatusCommand& command) {
  std::string path = command.control;
  if (path.empty() && command.pid != 0) path = runtime_directory() + "/control-" + std::to_string(command.pid) + ".sock";
  std::vector<std::string> candidates{path};
  if (path.empty()) candidates = agent_sockets();
  std::string answer;
  Error first;
  first.message = "no agent is running (nothing listens in " + runtime_directory() + ")";
  bool have_first = false;
  std::size_t answered = 0;
  for (const std::string& candidate : candidates) {
    auto asked = ask_agent(candidate);
    if (!asked) {
      if (!have_first) first = asked.error();
      have_first = true;
      continue;
    }
    ++answered;
    if (answer.empty()) answer = *asked;
  }
  if (answer.empty()) {
    complain("status: " + first.text());
    return exit_failure;
  }
  if (answered > 1)
    complain(std::to_string(answered) + " agents are running; this is the first (--control or --pid chooses)");
  if (command.json) {
    print(answer + "\n");
    return exit_ok;
  }
  const std::string text = status_text(answer);
  if (text.empty()) {
    complain("status: what answers there is no agent of this version");
    return exit_failure;
  }
  print(text);
  return exit_ok;
}

int config(const ConfigCommand& command) {
  switch (command.what) {
    case ConfigCommand::What::example: print(settings_example()); return exit_ok;
    case ConfigCommand::What::schema: print(settings_schema()); return exit_ok;
    case ConfigCommand::What::reference: print(settings_reference()); return exit_ok;
    case ConfigCommand::What::check:
    case ConfigCommand::What::show: break;
  }
  std::string path = command.config;
  struct stat status {};
  if (path.empty() && ::stat(std::string(default_settings_path).c_str(), &status) == 0)
    path = default_settings_path;
  if (path.empty()) {
    if (command.what == ConfigCommand::What::show)
      print(show_settings(default_settings()));
    else
      complain("no file given, and " + std::string(default_settings_path) +
               " is not there: the defaults hold");
    return exit_ok;
  }
  const SettingsResult loaded = load_settings(path);
  for (const Error& error : loaded.errors) complain(error.text());
  if (!loaded.ok()) return exit_configuration;
  if (command.what == ConfigCommand::What::show) {
    print(show_settings(loaded.settings));
  } else {
    std::string files;
    for (const std::string& file : loaded.files) files += (files.empty() ? "" : ", ") + file;
    const MemoryPlan memory = plan_memory(loaded.settings);
    if (auto fits = memory.check(); !fits) {
      complain(fits.error().text());
      return exit_configuration;
    }
    print("good: " + files + "\nmemory: at most " + memory.text() + "\n");
  }
  return exit_ok;
}

}  // namespace handprint
