// SPDX-License-Identifier: Apache-2.0
// `handprint run`, `capture` and `detach`: what attaches to the kernel.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agent/cli/commands.h"
#include "agent/cli/interrupt.h"
#include "agent/cli/terminal.h"
#include "agent/pipeline/live_options.h"
#include "agent/source/live/live_capture.h"
#include "agent/supervisor/live_run.h"
#include "agent/telemetry/log.h"

namespace handprint {
namespace {

// The file's settings, or the defaults where none was named and none is in the usual place. `path`
// becomes the file that was read, empty if none was.
bool load(std::string& path, Settings& settings) {
  if (path.empty()) {
    struct stat status {};
    if (::stat(std::string(default_settings_path).c_str(), &status) != 0) {
      settings = default_settings();
      return true;
    }
    path = default_settings_path;
  }
  SettingsResult loaded = load_settings(path);
  for (const Error& error : loaded.errors) complain(error.text());
  settings = std::move(loaded.settings);
  return loaded.ok();
}

}  // namespace

int run(const RunCommand& command) {
  ignore_broken_pipes();
  LiveRunOptions options;
  options.config = command.config;
  options.control = command.control;
  options.service = true;
  if (!load(options.config, options.settings)) return exit_configuration;
  for (const OutputSettings& output : options.settings.output)
    options.all_strings = options.all_strings || output.fields == OutputFields::all;
  start_log(options.settings.log.level, options.settings.log.format);
  return run_live(options);
}

int capture(const CaptureCommand& command) {
  ignore_broken_pipes();
  LiveRunOptions options;
  std::string path = command.config;
  if (path.empty())
    options.settings = default_settings();
  else if (!load(path, options.settings))
    return exit_configuration;
  Settings& settings = options.settings;
  settings.capture.hook = command.hook;
  std::vector<std::string> interfaces;
  bool everywhere = false;
  for (const std::string& name : command.interfaces) {
    if (name == "auto") {
      everywhere = true;
      continue;
    }
    if (name == "cgroup") {
      settings.capture.hook = CaptureHook::cgroup;
      continue;
    }
    interfaces.push_back(name);
  }
  if (!interfaces.empty()) {
    if (settings.capture.hook == CaptureHook::cgroup) {
      complain("the hook cgroup takes every socket of this host: leave the interfaces away, or use --hook tc");
      return exit_usage;
    }
    // Who names an interface alone wants what passes there, as with other tools.
    if (settings.capture.hook == CaptureHook::automatic && !everywhere)
      settings.capture.hook = CaptureHook::tc;
    if (const auto missing = missing_interfaces(interfaces); !missing.empty()) {
      std::string present;
      for (const std::string& name : present_interfaces()) present += (present.empty() ? "" : ", ") + name;
      complain("no interface is named " + missing.front() + "; there are: " + present);
      return exit_failure;
    }
    settings.capture.interfaces = std::move(interfaces);
  }
  if (!command.output.sensor.empty()) settings.sensor.id = command.output.sensor;
  if (!command.output.labels.empty()) settings.labels = command.output.labels;
  options.control = command.control;
  options.count = command.count;
  options.duration_s = command.duration;
  options.all_strings = command.output.fields == OutputFields::all ||
                        needs_all_strings(rendering_of(command.output));
  start_log(command.output.quiet ? LogLevel::warning : settings.log.level, settings.log.format);
  OutputSettings output;
  output.fields = command.output.fields;
  if (!command.output.file.empty() && command.output.file != "-") {
    output.type = OutputType::file;
    output.path = std::filesystem::absolute(command.output.file).string();
  }
  settings.output = {output};
  options.rendering = rendering_of(command.output);
  options.replace = true;
  return run_live(options);
}

int detach() {
  const auto removed = detach_leftovers();
  if (!removed) {
    complain("detach: " + removed.error().text());
    if (::geteuid() != 0) complain("it needs root or CAP_NET_ADMIN");
    return exit_failure;
  }
  if (*removed != 0) complain("removed " + std::to_string(*removed) + " filters that an agent left behind");
  return exit_ok;
}

}  // namespace handprint
