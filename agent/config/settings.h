// SPDX-License-Identifier: Apache-2.0
// The configuration of the agent as the rest of the program sees it: plain values, checked, with
// every default filled in. The keys themselves stand in keys.def and nowhere else.
//
//   SettingsResult loaded = load_settings("/etc/handprint/handprint.yaml");
//   if (!loaded.ok()) {
//     for (const Error& error : loaded.errors) print(error.text());   // file:line:column: …
//     return 78;
//   }
//   use(loaded.settings);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint/result.h"

namespace handprint {

// Where the agent looks when no --config was given. It need not exist then: the defaults hold.
inline constexpr std::string_view default_settings_path = "/etc/handprint/handprint.yaml";

enum class CaptureHook : uint8_t { automatic, cgroup, tc, xdp, clsact };
enum class OutputType : uint8_t { stdout_, file, tcp };
enum class OutputFormat : uint8_t { json, line, pmercury };
enum class OutputFields : uint8_t { default_, all };
enum class LogLevel : uint8_t { debug, info, warning, error };
// automatic: journal prefixes (<6>) when standard error is the journal, text otherwise.
enum class LogFormat : uint8_t { automatic, text, json };

// One place where documents go.
struct OutputSettings {
  OutputType type = OutputType::stdout_;
  std::string path;  // only with OutputType::file; absolute
  std::string address;  // only with OutputType::tcp; "a.b.c.d:port" or "[IPv6]:port"
  OutputFormat format = OutputFormat::json;
  OutputFields fields = OutputFields::default_;

  friend bool operator==(const OutputSettings&, const OutputSettings&) = default;
};

struct Settings {
  struct Sensor {
    std::string id;  // never empty once loaded: "sensor-<hostname>" unless configured
    friend bool operator==(const Sensor&, const Sensor&) = default;
  } sensor;

  std::vector<std::string> labels;  // "key=value", in order of the keys

  struct Capture {
    CaptureHook hook = CaptureHook::automatic;
    // Names, globs (eth*), or kind:uplink, kind:veth, kind:bridge, kind:loopback, kind:tunnel, kind:all.
    std::vector<std::string> interfaces;
    std::vector<std::string> exclude_interfaces;
    uint32_t requests_per_flow = 0;  // HTTP messages a direction; 0: all
    bool certificates = false;  // copy the bytes behind the hellos, for the certificates in them
    struct Ring {
      uint64_t packets = 0;    // bytes, a power of two
      uint64_t processes = 0;  // likewise
      friend bool operator==(const Ring&, const Ring&) = default;
    } ring;
    friend bool operator==(const Capture&, const Capture&) = default;
  } capture;

  struct Limits {
    uint32_t syn_rate = 0;               // SYNs a second and CPU; 0: no limit
    uint32_t hello_rate = 0;             // other packets a second and CPU; 0: no limit
    uint32_t syn_records = 0;            // records a second of unanswered SYNs; 0: no limit
    uint64_t flow_memory = 0;            // bytes
    int64_t first_document_after = 0;    // nanoseconds
    uint64_t queue = 0;                  // bytes of documents waiting for one output
    uint32_t cpu = 0;                    // thousandths of a percent of the host; 0: no limit
    uint64_t memory = 0;                 // bytes of all that can grow; 0: no limit
    friend bool operator==(const Limits&, const Limits&) = default;
  } limits;

  struct Process {
    bool command_line = false;     // arguments and command line stand in records
    bool hash = false;             // sha256 of executables
    uint64_t hash_max_size = 0;    // bytes; larger executables are not hashed
    friend bool operator==(const Process&, const Process&) = default;
  } process;

  std::vector<OutputSettings> output;

  struct Log {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::automatic;
    friend bool operator==(const Log&, const Log&) = default;
  } log;

  friend bool operator==(const Settings&, const Settings&) = default;
};

// What a load gives: settings that may be used only when there are no errors. All errors of all
// files are listed at once, in the order of files and lines.
struct SettingsResult {
  Settings settings;
  std::vector<Error> errors;
  std::vector<std::string> files;  // what was read, in order: the file, then its drop-ins

  bool ok() const { return errors.empty(); }
  explicit operator bool() const { return ok(); }
};

// Every key at its default; sensor.id made from this host's name.
Settings default_settings();

// Reads the YAML file `path`, then every *.yaml and *.yml file of the directory conf.d beside it, in
// byte order of their names. Mappings are merged key by key, everything else (lists too) is replaced
// by the later file. Keys that are named nowhere have their defaults. A file that is missing or
// cannot be read is an error; a missing conf.d is not.
SettingsResult load_settings(const std::string& path);

// The same from text in memory, without drop-ins; `name` stands for the file in messages.
SettingsResult load_settings_text(std::string_view yaml, std::string_view name);

// The effective configuration as YAML that loads again to the same settings (except secrets, which
// are shown as "***"): `handprint config show`.
std::string show_settings(const Settings& settings);

// The same with secrets as they are, for another process of this agent. Never for a log or a person.
std::string settings_with_secrets(const Settings& settings);

// What differs between two configurations, by key ("limits.syn_rate"), in the order of keys.def.
struct SettingsChange {
  std::vector<std::string_view> reloadable;      // takes effect on reload
  std::vector<std::string_view> needs_restart;   // takes effect only after a restart

  bool any() const { return !reloadable.empty() || !needs_restart.empty(); }
};
SettingsChange changed_settings(const Settings& before, const Settings& after);

// Generated from keys.def, for people and tools:
std::string settings_example();     // an example file with every key, its text and its default
std::string settings_schema();      // JSON Schema (2020-12) of the configuration file
std::string settings_reference();   // docs/configuration.md

}  // namespace handprint
