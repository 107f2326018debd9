// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/memory_plan.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "agent/pipeline/live_options.h"
#include "agent/process/process_table.h"
#include "agent/source/live/loader.h"

namespace handprint {
namespace {

// What loader, worker and procinfo take with nothing to do, without the budgets below: code, libraries,
// the kernel's type information while programs are loaded.
constexpr uint64_t idle_bytes = 32u << 20;
// Owners ahead of their packets, documents that wait for process facts, digests, user names, cgroups.
constexpr uint64_t tables_bytes = 8u << 20;

std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", static_cast<double>(bytes) / 1e6);
  return text;
}

}  // namespace

uint64_t MemoryPlan::total() const {
  return std::accumulate(parts.begin(), parts.end(), uint64_t{0},
                         [](uint64_t sum, const MemoryPart& part) { return sum + part.bytes; });
}

std::string MemoryPlan::text() const {
  std::vector<MemoryPart> sorted = parts;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const MemoryPart& a, const MemoryPart& b) { return a.bytes > b.bytes; });
  std::string out = megabytes(total()) + " MB";
  for (std::size_t i = 0; i < sorted.size(); ++i)
    out += (i == 0 ? ": " : ", ") + sorted[i].name + " " + megabytes(sorted[i].bytes);
  return out;
}

Result<void> MemoryPlan::check() const {
  if (limit == 0 || total() <= limit) return {};
  Error error;
  error.message = "the agent could come to take more than limits.memory, " + megabytes(limit) + " MB: " + text() +
                  " (make a part smaller, or raise limits.memory)";
  return error;
}

MemoryPlan plan_memory(const Settings& settings) {
  MemoryPlan out;
  out.limit = settings.limits.memory;
  out.parts.push_back({"programs", idle_bytes});
  out.parts.push_back({"connections (limits.flow_memory)", settings.limits.flow_memory});
  out.parts.push_back({"queues (limits.queue x " + std::to_string(settings.output.size()) + ")",
                       settings.limits.queue * settings.output.size()});
  out.parts.push_back({"processes", ProcessTableOptions().bytes});
  out.parts.push_back({"small tables", tables_bytes});
  uint64_t others = 0;
  for (const MapPlan& map : planned_maps(live_options(settings))) {
    if (map.name == "packets")
      out.parts.push_back({"packet ring (capture.ring.packets)", map.bytes});
    else if (map.name == "processes")
      out.parts.push_back({"process ring (capture.ring.processes)", map.bytes});
    else if (map.name == "slots")
      out.parts.push_back({"handshake windows", map.bytes});
    else
      others += map.bytes;
  }
  out.parts.push_back({"other maps", others});
  return out;
}

}  // namespace handprint
