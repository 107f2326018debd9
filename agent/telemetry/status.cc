// SPDX-License-Identifier: Apache-2.0
#include "agent/telemetry/status.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace handprint {
namespace {

using Json = nlohmann::ordered_json;

Json object(const NamedCounters& counters) {
  Json out = Json::object();
  for (const auto& [name, count] : counters) out[name] = count;
  return out;
}

double rounded(double number) { return std::round(number * 10) / 10; }

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

// "name 12, other 3", without those that are 0.
std::string counter_text(const Json& counters) {
  std::string out;
  for (const auto& [name, count] : counters.items()) {
    if (!count.is_number_unsigned() || count.get<uint64_t>() == 0) continue;
    out += (out.empty() ? "" : ", ") + name + " " + grouped(count.get<uint64_t>());
  }
  return out.empty() ? "nothing yet" : out;
}

std::string line(const std::string& title, const std::string& text) {
  std::string out = title;
  out.resize(14, ' ');
  return out + text + "\n";
}

std::string uptime_text(double seconds) {
  const uint64_t whole = seconds > 0 ? static_cast<uint64_t>(seconds) : 0;
  char text[64];
  std::snprintf(text, sizeof(text), "%llud %02llu:%02llu:%02llu",
                static_cast<unsigned long long>(whole / 86400), static_cast<unsigned long long>(whole / 3600 % 24),
                static_cast<unsigned long long>(whole / 60 % 60), static_cast<unsigned long long>(whole % 60));
  return text;
}

}  // namespace

uint64_t value(const NamedCounters& counters, std::string_view name) {
  for (const auto& [key, count] : counters)
    if (key == name) return count;
  return 0;
}

std::string status_json(const StatusReport& report) {
  Json out;
  out["version"] = report.version;
  out["agent_id"] = report.agent_id;
  out["sensor"] = report.sensor;
  out["host"] = report.host;
  out["pid"] = report.pid;
  out["state"] = report.state;
  out["uptime_s"] = rounded(report.uptime_s);
  if (!report.config.empty()) out["config"] = report.config;
  out["hook"] = report.hook;
  out["attached"] = Json::array();
  for (const StatusPoint& point : report.attached)
    out["attached"].push_back({{"name", point.name}, {"how", point.how}});
  out["not_attached"] = Json::array();
  for (const StatusPoint& point : report.not_attached)
    out["not_attached"].push_back({{"name", point.name}, {"reason", point.how}});
  out["rates"] = {{"packets_per_s", rounded(report.packets_per_s)},
                  {"selected_per_s", rounded(report.selected_per_s)},
                  {"documents_per_s", rounded(report.documents_per_s)}};
  out["kernel"] = object(report.kernel);
  out["reader"] = object(report.reader);
  out["engine"] = object(report.engine);
  out["process"] = object(report.process);
  out["processes"] = Json::array();
  for (const StatusProcess& process : report.processes)
    out["processes"].push_back(
        {{"role", process.role}, {"pid", process.pid}, {"rss_bytes", process.rss_bytes}});
  out["supervisor"] = object(report.supervisor);
  out["interfaces"] = object(report.interfaces);
  out["outputs"] = Json::array();
  for (const StatusOutput& output : report.outputs) {
    Json entry;
    entry["name"] = output.name;
    entry.update(object(output.counters));
    out["outputs"].push_back(std::move(entry));
  }
  out["balance"] = {{"unaccounted_selected", report.unaccounted_selected},
                    {"unaccounted_records", report.unaccounted_records}};
  out["memory"] = {{"rss_bytes", report.rss_bytes}, {"kernel_map_bytes", report.kernel_map_bytes}};
  out["memory"]["planned_bytes"] = report.memory_planned;
  out["memory"]["limit_bytes"] = report.memory_limit;
  out["memory"]["plan"] = report.memory_plan;
  out["load"] = {{"used_percent", std::round(report.load.used_percent * 1000) / 1000},
                 {"limit_percent", std::round(report.load.limit_percent * 1000) / 1000},
                 {"step", report.load.step},
                 {"captures", report.load.captures}};
  out["load"].update(object(report.load.counters));
  Json top = Json::array();
  for (const StatusScan& scan : report.scans) top.push_back({{"source", scan.prefix}, {"unanswered", scan.count}});
  out["scans"] = {{"top", std::move(top)}, {"sources", report.scan_sources}, {"others", report.scan_others}};
  out["reloads"] = report.reloads;
  out["reload_errors"] = report.reload_errors;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string status_text(std::string_view json) {
  const Json in = Json::parse(json, nullptr, false);
  if (!in.is_object()) return {};
  std::string out;
  const auto text = [&](const char* key) { return in.value(key, std::string()); };
  out += line("handprint", text("version") + ", pid " + std::to_string(in.value("pid", 0u)) + ", " +
                               text("state") + ", up " + uptime_text(in.value("uptime_s", 0.0)));
  out += line("sensor", text("sensor") + " on " + text("host") + ", agent " + text("agent_id"));
  if (!text("config").empty()) out += line("config", text("config"));
  std::string points;
  for (const auto& point : in.value("attached", Json::array()))
    points += (points.empty() ? "" : ", ") + point.value("name", "") + " (" + point.value("how", "") + ")";
  out += line("capture", text("hook") + ": " + (points.empty() ? "nowhere" : points));
  for (const auto& point : in.value("not_attached", Json::array()))
    out += line("not attached", point.value("name", "") + ": " + point.value("reason", ""));
  const Json rates = in.value("rates", Json::object());
  char numbers[120];
  std::snprintf(numbers, sizeof(numbers), "%.1f packets/s seen, %.1f selected, %.1f records/s",
                rates.value("packets_per_s", 0.0), rates.value("selected_per_s", 0.0),
                rates.value("documents_per_s", 0.0));
  out += line("rates", numbers);
  std::string processes;
  for (const auto& process : in.value("processes", Json::array()))
    processes += (processes.empty() ? "" : ", ") + process.value("role", "") + " " +
                 std::to_string(process.value("pid", 0u)) + " (" +
                 megabytes(process.value("rss_bytes", uint64_t{0})) + ")";
  if (!processes.empty()) out += line("processes", processes);
  if (const Json ends = in.value("supervisor", Json::object()); counter_text(ends) != "nothing yet")
    out += line("supervisor", counter_text(ends));
  if (const Json followed = in.value("interfaces", Json::object()); counter_text(followed) != "nothing yet")
    out += line("interfaces", counter_text(followed));
  for (const char* part : {"kernel", "reader", "engine", "process"})
    out += line(part, counter_text(in.value(part, Json::object())));
  for (const auto& output : in.value("outputs", Json::array()))
    out += line("output", output.value("name", "") + ": " + counter_text(output));
  const Json balance = in.value("balance", Json::object());
  const int64_t selected = balance.value("unaccounted_selected", int64_t{0});
  const int64_t records = balance.value("unaccounted_records", int64_t{0});
  out += line("balance", selected == 0 && records == 0
                             ? "every selected packet is a record or a counted loss"
                             : std::to_string(selected) + " packets and " + std::to_string(records) +
                                   " records in flight");
  const Json memory = in.value("memory", Json::object());
  out += line("memory", megabytes(memory.value("rss_bytes", uint64_t{0})) + " resident, " +
                            megabytes(memory.value("kernel_map_bytes", uint64_t{0})) + " in the kernel");
  if (memory.value("planned_bytes", uint64_t{0}) != 0) {
    const uint64_t most = memory.value("limit_bytes", uint64_t{0});
    std::string plan = memory.value("plan", std::string());
    plan += most != 0 ? "; limit " : "; no limit";
    if (most != 0) plan += megabytes(most);
    out += line("at most", plan);
  }
  const Json load = in.value("load", Json::object());
  char share[120];
  std::snprintf(share, sizeof(share), "%.2f %% of the host, limit %.2f %%", load.value("used_percent", 0.0),
                load.value("limit_percent", 0.0));
  std::string cost = share;
  cost.append(", captures ").append(load.value("captures", std::string("everything")));
  if (const uint64_t up = load.value("steps_up", uint64_t{0}); up != 0)
    cost.append(", steps up ").append(grouped(up)).append(", down ").append(grouped(load.value("steps_down", uint64_t{0})));
  out += line("load", cost);
  const Json scans = in.value("scans", Json::object());
  std::string sources;
  for (const auto& scan : scans.value("top", Json::array()))
    sources.append(sources.empty() ? "" : ", ")
        .append(scan.value("source", std::string()))
        .append(" ")
        .append(grouped(scan.value("unanswered", uint64_t{0})));
  if (const uint64_t rest = scans.value("others", uint64_t{0}); rest != 0)
    sources.append(sources.empty() ? "others " : ", others ").append(grouped(rest));
  if (!sources.empty()) out += line("scans", sources);
  if (in.value("reloads", uint64_t{0}) + in.value("reload_errors", uint64_t{0}) != 0)
    out += line("reloads", std::to_string(in.value("reloads", uint64_t{0})) + ", refused " +
                               std::to_string(in.value("reload_errors", uint64_t{0})));
  return out;
}

ResidentMemory resident_memory(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  uint64_t total = 0, resident = 0, shared = 0;
  in >> total >> resident >> shared;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {resident * page, shared * page};
}

}  // namespace handprint
