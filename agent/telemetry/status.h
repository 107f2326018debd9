// SPDX-License-Identifier: Apache-2.0
// What a running agent tells about itself: `handprint status`, the log's counters, and later metrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace handprint {

using NamedCounters = std::vector<std::pair<std::string, uint64_t>>;

struct StatusPoint {
  std::string name, how;
};

struct StatusOutput {
  std::string name;
  NamedCounters counters;
};

struct StatusProcess {
  std::string role;  // "loader", "worker", "procinfo"
  uint32_t pid = 0;
  uint64_t rss_bytes = 0;
};

struct StatusScan {
  std::string prefix;  // "192.0.2.0/24"
  uint64_t count = 0;
};

struct StatusLoad {
  double used_percent = 0, limit_percent = 0;  // of the host; limit 0: none
  uint32_t step = 0;
  std::string captures;  // what is left: "everything", "1 connection in 8", "detached"
  NamedCounters counters;
};

struct StatusReport {
  std::string version;
  std::string agent_id, sensor, host;
  uint32_t pid = 0;
  double uptime_s = 0;
  std::string config;                    // path of the configuration, may be empty
  std::string state;                     // "capturing", "stopping"
  std::string hook;
  std::vector<StatusPoint> attached;
  std::vector<StatusPoint> not_attached;  // how: why not
  NamedCounters interfaces;               // what following them met with
  NamedCounters kernel, reader, engine, process;
  std::vector<StatusProcess> processes;
  StatusLoad load;
  std::vector<StatusScan> scans;  // the greatest first
  uint64_t scan_sources = 0, scan_others = 0;
  std::string memory_plan;        // what all can take together, in words
  uint64_t memory_planned = 0, memory_limit = 0;
  NamedCounters supervisor;  // restarts, and what was lost by them
  std::vector<StatusOutput> outputs;
  double packets_per_s = 0, selected_per_s = 0, documents_per_s = 0;
  uint64_t rss_bytes = 0;  // of all processes, what they share counted once
  uint64_t kernel_map_bytes = 0;
  uint64_t reloads = 0, reload_errors = 0;
  // Selected packets that neither became records nor are in a loss counter, and records that neither
  // were read nor are in one: what is in flight, and otherwise 0.
  int64_t unaccounted_selected = 0;
  int64_t unaccounted_records = 0;
};

// The value of a counter by name, 0 if it is not there.
uint64_t value(const NamedCounters& counters, std::string_view name);

// One line of JSON, without a newline.
std::string status_json(const StatusReport& report);

// The JSON as lines for people. An empty text for what is no status.
std::string status_text(std::string_view json);

// A process's resident memory, bytes; 0 if it is gone.
struct ResidentMemory {
  uint64_t bytes = 0;
  uint64_t shared = 0;  // of these, pages of files and rings: other processes of the agent map them too
};
ResidentMemory resident_memory(int pid);

}  // namespace handprint
