// SPDX-License-Identifier: Apache-2.0
// The command line, by CLI11. Nothing but options stands here.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <iostream>

#include "agent/cli/commands.h"
#include "agent/cli/terminal.h"
#include "fingerprint/readable.h"

namespace handprint {
namespace {

const std::map<std::string, OutputFields> fields_names{{"default", OutputFields::default_},
                                                       {"all", OutputFields::all}};
const std::map<std::string, OutputFormat> format_names{{"json", OutputFormat::json},
                                                       {"line", OutputFormat::line},
                                                       {"pmercury", OutputFormat::pmercury}};
const std::map<std::string, Colours> colour_names{
    {"auto", Colours::automatic}, {"always", Colours::always}, {"never", Colours::never}};
const std::map<std::string, hp_mode> policy_names{{"hello", HP_MODE_HELLO},
                                                  {"certificates", HP_MODE_CERTIFICATES}};
const std::map<std::string, CaptureHook> hook_names{{"auto", CaptureHook::automatic},
                                                    {"cgroup", CaptureHook::cgroup},
                                                    {"tc", CaptureHook::tc},
                                                    {"clsact", CaptureHook::clsact},
                                                    {"xdp", CaptureHook::xdp}};

template <class Value>
std::string choices(const std::map<std::string, Value>& names) {
  std::string out;
  for (const auto& [name, value] : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// An option that takes one of a few words.
template <class Value>
CLI::Option* word(CLI::App& app, const std::string& flags, Value& value,
                  const std::map<std::string, Value>& names, const std::string& text) {
  return app
      .add_option_function<std::string>(
          flags,
          [&value, &names, flags](const std::string& given) {
            const auto found = names.find(given);
            if (found == names.end())
              throw CLI::ValidationError(flags.substr(flags.rfind("--")),
                                         "\"" + given + "\" is none of " + choices(names));
            value = found->second;
          },
          text)
      ->type_name("WORD");
}

void output_options(CLI::App& app, OutputChoice& choice, OutputFormat& format, CLI::Option*& format_given) {
  app.add_option("-f,--output", choice.file, "write to FILE instead of standard output")->type_name("FILE");
  format_given = word(app, "--format", format, format_names,
                      "json: a line of JSON for each record; line: one for people (the default on a terminal); "
                      "pmercury: that program's records");
  // `-w` of capture is kept for the packets, as tcpdump has it.
  app.add_flag(app.get_name() == "capture" ? "--human" : "-w,--human", choice.pmercury.readable,
               "pmercury's: each fingerprint also as parts and names");
  app.add_flag("-g,--group-flows", choice.pmercury.flows, "pmercury's: one record a flow");
  app.add_flag("-e,--experimental", choice.pmercury.experimental,
               "pmercury's: also SSH, certificates and what was decrypted");
  word(app, "--fields", choice.fields, fields_names,
       "default, or all: also the raw strings behind the fingerprints");
  word(app, "--color,--colour", choice.colours, colour_names, "auto, always or never");
  app.add_option("--sensor", choice.sensor, "name in handprint.sensor")->type_name("NAME");
  app.add_option("--label", choice.labels, "KEY=VALUE for labels; may be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        const std::size_t at = text.find('=');
        return at == std::string::npos || at == 0 ? "\"" + text + "\" is not KEY=VALUE" : std::string();
      });
  app.add_flag("-q,--quiet", choice.quiet, "no progress bar and no summary");
}

// 10, 10s, 5m, 1h → seconds.
std::string parse_duration(const std::string& text, double& seconds) {
  std::size_t used = 0;
  try {
    seconds = std::stod(text, &used);
  } catch (const std::exception&) {
    return "\"" + text + "\" is not a duration such as 30s, 5m or 1h";
  }
  const std::string unit = text.substr(used);
  if (unit == "m")
    seconds *= 60;
  else if (unit == "h")
    seconds *= 3600;
  else if (unit == "ms")
    seconds /= 1000;
  else if (!unit.empty() && unit != "s")
    return "\"" + text + "\" is not a duration such as 30s, 5m or 1h";
  return seconds > 0 ? std::string() : "a duration must be more than 0";
}

// pmercury's `-r FILE`, `-c INTERFACE` and `-l STRING` without a command mean read, capture and lookup.
std::vector<std::string> with_command(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  static const std::vector<std::string> commands{"run",    "read",   "capture", "lookup", "doctor",
                                                 "status", "config", "detach",  "version"};
  for (const std::string& item : words) {
    if (std::find(commands.begin(), commands.end(), item) != commands.end()) return words;
    if (item == "-r" || item == "--read" || item.rfind("--read=", 0) == 0) {
      words.insert(words.begin(), "read");
      return words;
    }
    if (item == "-l" || item == "--lookup" || item.rfind("--lookup=", 0) == 0) {
      words.insert(words.begin(), "lookup");
      return words;
    }
    if (item == "-c" || item == "--capture" || item.rfind("--capture=", 0) == 0) {
      words.insert(words.begin(), "capture");
      return words;
    }
  }
  return words;
}

constexpr const char* program_examples =
    "Examples:\n"
    "  handprint read capture.pcap                 what the capture holds, a line for each connection\n"
    "  handprint read *.pcapng.gz -f out.jsonl     as JSON lines into a file\n"
    "  sudo handprint capture auto                 this host's connections as they happen\n"
    "  handprint doctor                            what live capture needs, and what is missing\n"
    "\n"
    "Exit codes: 0 success, 1 failure, 2 wrong usage, 70 repeated crashes, 78 wrong configuration.\n";
constexpr const char* read_examples =
    "Examples:\n"
    "  handprint read a.pcap b.pcapng.gz\n"
    "  tcpdump -U -w - port 443 | handprint read -\n"
    "  handprint read --fields all a.pcap | jq .handprint.fingerprint\n"
    "  handprint -r a.pcap -w -g                  pmercury's records, named, one a flow\n"
    "\n"
    "Reads pcap and pcapng, also compressed by gzip, of any size. What stands before damage in a file\n"
    "is written, and the exit code is 1.\n";
constexpr const char* lookup_examples =
    "Examples:\n"
    "  handprint lookup '(0303)(c02f)((ff01)(000b00020100))'\n"
    "  handprint lookup --json t13d0310h3_1301,1302,1303_000a,000d_0403,0804\n"
    "  handprint read a.pcap | jq -r '.handprint.fingerprint.tls // empty' | handprint lookup -\n"
    "\n"
    "The kind follows from a prefix such as quic/ or from the shape of the string. A string that is\n"
    "broken gives the offset of the character at fault, and the exit code 1.\n";
constexpr const char* capture_examples =
    "Examples:\n"
    "  sudo handprint capture auto\n"
    "  sudo handprint capture eth0 'wg*' -f out.jsonl --duration 10m\n"
    "  sudo handprint capture --hook tc kind:veth --count 100\n"
    "\n"
    "INTERFACE is a name, a glob, or kind:uplink, kind:veth, kind:bridge, kind:loopback, kind:tunnel,\n"
    "kind:all. auto takes every socket of this host and its containers, and what passes the uplinks (or the\n"
    "interfaces that are named beside it) besides; without cgroup v2 the latter alone.\n";

}  // namespace

int command_line(int argc, char** argv) {
  CLI::App app{"Names the software, and the process, behind every handshake.", "handprint"};
  app.footer(program_examples);
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("OPTIONS", "options");
  app.failure_message(CLI::FailureMessage::simple);
  bool version_wanted = false;
  app.add_flag("--version", version_wanted, "print the version");

  ReadCommand read_command;
  OutputFormat read_format = OutputFormat::json;
  CLI::Option* read_format_given = nullptr;
  CLI::App* read_app = app.add_subcommand("read", "read pcap and pcapng files; needs no privilege");
  read_app->footer(read_examples);
  std::vector<std::string> more_files;
  read_app->add_option("files", read_command.files, "capture files; - is standard input")->type_name("FILE");
  read_app->add_option("-r,-c,--read", more_files, "a further capture file (the letter of pmercury)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  output_options(*read_app, read_command.output, read_format, read_format_given);
  read_app->add_option("-s,--key-log", read_command.key_log,
                       "decrypt TLS with the secrets in FILE (SSLKEYLOGFILE); those in a pcapng are used anyway")
      ->type_name("FILE");
  word(*read_app, "--policy", read_command.policy, policy_names,
       "how much of a connection is read: hello (the least, and the quickest) or certificates (default)");
  read_app->add_flag("--stats", read_command.statistics,
                     "at the end, counters as a JSON object on standard error");

  CaptureCommand capture_command;
  OutputFormat capture_format = OutputFormat::json;
  CLI::Option* capture_format_given = nullptr;
  CLI::App* capture_app = app.add_subcommand("capture", "capture on this host until stopped; needs privilege");
  capture_app->footer(capture_examples);
  std::vector<std::string> more_interfaces;
  capture_app->add_option("interfaces", capture_command.interfaces, "where to capture; auto if not given")
      ->type_name("INTERFACE");
  capture_app->add_option("-c,--capture", more_interfaces, "a further interface (the letter of pmercury)")
      ->type_name("INTERFACE")
      ->allow_extra_args(false);
  word(*capture_app, "--hook", capture_command.hook, hook_names,
       "auto, cgroup (every socket), tc, clsact or xdp (chosen interfaces)");
  output_options(*capture_app, capture_command.output, capture_format, capture_format_given);
  capture_app->add_option("--count", capture_command.count, "stop after so many records")->type_name("N");
  capture_app
      ->add_option_function<std::string>(
          "--duration",
          [&](const std::string& text) {
            if (const std::string error = parse_duration(text, capture_command.duration); !error.empty())
              throw CLI::ValidationError("--duration", error);
          },
          "stop after this time: 30s, 5m, 1h")
      ->type_name("TIME");
  capture_app->add_option("--config", capture_command.config, "limits and other settings from this file")
      ->type_name("FILE");
  capture_app->add_option("--control", capture_command.control, "socket for `handprint status`")
      ->type_name("PATH");

  RunCommand run_command;
  CLI::App* run_app = app.add_subcommand("run", "the agent: capture as the configuration says, until stopped");
  run_app->footer(
      "SIGHUP reads the configuration again and opens output files anew; a faulty configuration is\n"
      "reported and the running one stays. SIGTERM and SIGINT write what is there and end.\n");
  run_app->add_option("--config", run_command.config, "configuration (default " +
                                                          std::string(default_settings_path) + " if it is there)")
      ->type_name("FILE");
  run_app->add_option("--control", run_command.control, "socket for `handprint status`")->type_name("PATH");

  LookupCommand lookup_command;
  CLI::App* lookup_app = app.add_subcommand("lookup", "what a fingerprint string is made of, by name");
  lookup_app->footer(lookup_examples);
  std::vector<std::string> more_fingerprints;
  lookup_app->add_option("fingerprints", lookup_command.fingerprints, "fingerprint strings; - reads lines")
      ->type_name("STRING");
  lookup_app->add_option("-l,--lookup", more_fingerprints, "a further string (the letter of pmercury)")
      ->type_name("STRING")
      ->allow_extra_args(false);
  lookup_app->add_option("--kind", lookup_command.kind, "what it is: " + std::string(readable_kinds()))
      ->type_name("KIND");
  lookup_app->add_flag("--json", lookup_command.json, "a line of JSON for each string");

  DoctorCommand doctor_command;
  CLI::App* doctor_app = app.add_subcommand("doctor", "what live capture needs on this host, and what is missing");
  doctor_app->add_flag("-q,--quiet", doctor_command.quiet, "only the exit code: 0 if capture works");
  doctor_app->add_flag("--json", doctor_command.json, "as JSON");
  word(*doctor_app, "--hook", doctor_command.hook, hook_names, "look at this hook");

  StatusCommand status_command;
  CLI::App* status_app = app.add_subcommand("status", "what a running agent does: counters, losses, rates");
  status_app->add_flag("--json", status_command.json, "as JSON");
  status_app->add_option("--pid", status_command.pid, "of this process, where several run")->type_name("PID");
  status_app->add_option("--control", status_command.control, "its socket")->type_name("PATH");

  ConfigCommand config_command;
  CLI::App* config_app = app.add_subcommand("config", "check or show the configuration");
  config_app->require_subcommand(1);
  const auto config_part = [&](const std::string& name, const std::string& text, ConfigCommand::What what,
                               bool takes_file) {
    CLI::App* part = config_app->add_subcommand(name, text);
    if (takes_file) part->add_option("--config,file", config_command.config, "the file")->type_name("FILE");
    part->callback([&config_command, what] { config_command.what = what; });
    return part;
  };
  config_part("check", "read it and say what is wrong", ConfigCommand::What::check, true);
  config_part("show", "as it takes effect, defaults included", ConfigCommand::What::show, true);
  config_part("example", "an example with every key, its text and its default", ConfigCommand::What::example,
              false);
  config_part("schema", "JSON Schema of the file", ConfigCommand::What::schema, false);
  config_part("reference", "the documentation of every key", ConfigCommand::What::reference, false);

  CLI::App* detach_app =
      app.add_subcommand("detach", "remove what an agent that was killed left in the kernel");
  CLI::App* version_app = app.add_subcommand("version", "print the version");

  std::vector<std::string> words = with_command(argc, argv);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);  // --help
      return exit_ok;
    }
    complain(error.what());
    const auto chosen = app.get_subcommands();
    std::cerr << "Try: handprint " << (chosen.empty() ? "" : chosen.front()->get_name() + " ") << "--help\n";
    return exit_usage;
  }

  if (version_wanted || version_app->parsed()) return show_version();
  // pmercury's switches alone choose its records.
  const auto choose_format = [](OutputChoice& output, OutputFormat format, const CLI::Option* given) {
    const PmercuryShape& shape = output.pmercury;
    const bool wanted = shape.readable || shape.flows || shape.experimental;
    if (given->count() != 0)
      output.format = format;
    else if (wanted)
      output.format = OutputFormat::pmercury;
    if (!wanted || output.format == OutputFormat::pmercury) return true;
    complain("--human, --group-flows and --experimental belong to --format pmercury");
    return false;
  };
  if (read_app->parsed()) {
    read_command.files.insert(read_command.files.end(), more_files.begin(), more_files.end());
    if (read_command.files.empty()) {
      complain("read: no file given; - reads standard input");
      return exit_usage;
    }
    if (!choose_format(read_command.output, read_format, read_format_given)) return exit_usage;
    return read(read_command);
  }
  if (capture_app->parsed()) {
    capture_command.interfaces.insert(capture_command.interfaces.end(), more_interfaces.begin(),
                                      more_interfaces.end());
    if (!choose_format(capture_command.output, capture_format, capture_format_given)) return exit_usage;
    return capture(capture_command);
  }
  if (lookup_app->parsed()) {
    lookup_command.fingerprints.insert(lookup_command.fingerprints.end(), more_fingerprints.begin(),
                                       more_fingerprints.end());
    if (lookup_command.fingerprints.empty()) {
      complain("lookup: no string given; - reads lines of standard input");
      return exit_usage;
    }
    return lookup(lookup_command);
  }
  if (run_app->parsed()) return run(run_command);
  if (doctor_app->parsed()) return doctor(doctor_command);
  if (status_app->parsed()) return status(status_command);
  if (config_app->parsed()) return config(config_command);
  if (detach_app->parsed()) return detach();
  std::cout << app.help();
  return exit_usage;
}

}  // namespace handprint
