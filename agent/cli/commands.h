// SPDX-License-Identifier: Apache-2.0
// What the command line asks for, as plain values, and who does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/settings.h"
#include "bpf/wire.h"
#include "record/pmercury_writer.h"

namespace handprint {

// sysexits.h and custom: 78 is EX_CONFIG, which systemd knows too.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_configuration = 78;

enum class Colours : uint8_t { automatic, always, never };

// Where `read` and `capture` write, and how. What is not set follows from the place: lines for people
// on a terminal, JSON lines in a pipe or file.
struct OutputChoice {
  std::string file;  // "-" or empty: standard output
  std::optional<OutputFormat> format;
  OutputFields fields = OutputFields::default_;
  Colours colours = Colours::automatic;
  std::string sensor;
  std::vector<std::string> labels;  // "key=value"
  PmercuryShape pmercury;           // only with that format
  bool quiet = false;               // no progress, no summary
};

struct ReadCommand {
  std::vector<std::string> files;
  OutputChoice output;
  bool statistics = false;
  std::string key_log;  // empty: none
  hp_mode policy = HP_MODE_CERTIFICATES;
};

struct CaptureCommand {
  std::vector<std::string> interfaces;  // names, globs, kinds, "auto"; empty: auto
  CaptureHook hook = CaptureHook::automatic;
  OutputChoice output;
  uint64_t count = 0;       // documents, 0: no limit
  double duration = 0;      // seconds, 0: no limit
  std::string config;       // settings to start from; empty: the defaults
  std::string control;
};

struct RunCommand {
  std::string config;  // empty: default_settings_path, if it is there
  std::string control;
};

struct LookupCommand {
  std::vector<std::string> fingerprints;  // "-": lines of standard input
  std::string kind;                       // empty: as the string tells
  bool json = false;
};

struct DoctorCommand {
  bool quiet = false;
  bool json = false;
  CaptureHook hook = CaptureHook::automatic;
};

struct StatusCommand {
  std::string control;  // path of a socket; empty: the agents in the runtime directory
  uint32_t pid = 0;     // 0: the first agent
  bool json = false;
};

struct ConfigCommand {
  enum class What : uint8_t { check, show, example, schema, reference } what = What::check;
  std::string config;
};

// Each returns the exit code of the program.
int read(const ReadCommand& command);
int capture(const CaptureCommand& command);
int run(const RunCommand& command);
int lookup(const LookupCommand& command);
int doctor(const DoctorCommand& command);
int status(const StatusCommand& command);
int config(const ConfigCommand& command);
int detach();
int show_version();

// Parses the command line and does what it asks for.
int command_line(int argc, char** argv);

}  // namespace handprint
