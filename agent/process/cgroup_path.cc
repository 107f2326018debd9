// SPDX-License-Identifier: Apache-2.0
#include "agent/process/cgroup_path.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace handprint {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_container_id(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), is_hex);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

struct Runtime {
  std::string_view prefix;
  std::string_view name;
};

// Longer prefixes stand before those that they begin with.
constexpr Runtime runtimes[] = {
    {"cri-containerd-", "containerd"},
    {"containerd-", "containerd"},
    {"nerdctl-", "containerd"},
    {"libpod-payload-", "podman"},
    {"libpod-", "podman"},
    {"crio-", "cri-o"},
    {"docker-", "docker"},
};

std::string_view runtime_of_word(std::string_view word) {
  for (const Runtime& runtime : runtimes)
    if (word == runtime.prefix.substr(0, runtime.prefix.size() - 1)) return runtime.name;
  return {};
}

// One component as a container: `docker-ID.scope`, `ID`, `SLICE:cri-containerd:ID` …
bool read_container(std::string_view component, std::string_view parent, CgroupPlace& out) {
  if (const auto parts = split(component, ':'); parts.size() == 3 && is_container_id(parts[2])) {
    out.container_id = parts[2];
    out.container_runtime = runtime_of_word(parts[1]);
    return true;
  }
  if (component.starts_with("lxc.payload.") && component.size() > 12) {
    out.container_id = component.substr(12);
    out.container_runtime = "lxc";
    return true;
  }
  std::string_view word = component;
  strip_suffix(word, ".scope");
  for (const Runtime& runtime : runtimes) {
    if (!word.starts_with(runtime.prefix)) continue;
    const std::string_view id = word.substr(runtime.prefix.size());
    if (!is_container_id(id)) continue;
    out.container_id = id;
    out.container_runtime = runtime.name;
    return true;
  }
  if (parent == "lxc" && !component.empty()) {
    out.container_id = component;
    out.container_runtime = "lxc";
    return true;
  }
  if (!is_container_id(component)) return false;
  out.container_id = component;
  if (parent == "docker")
    out.container_runtime = "docker";
  else if (parent == "default" ||
           parent == "k8s.io")  // the namespaces of ctr and of the CRI plugin
    out.container_runtime = "containerd";
  else if (parent == "libpod_parent")
    out.container_runtime = "podman";
  return true;
}

// A pod's UID: a UUID, or for static pods 32 hex digits. The systemd driver writes "_" for "-".
std::string read_uid(std::string_view text) {
  std::string uid(text);
  std::replace(uid.begin(), uid.end(), '_', '-');
  const auto is_digit = [](char c) { return is_hex(c) || c == '-'; };
  const bool uuid =
      uid.size() == 36 && uid[8] == '-' && uid[13] == '-' && uid[18] == '-' && uid[23] == '-';
  const bool hash = uid.size() == 32 && uid.find('-') == std::string::npos;
  if ((!uuid && !hash) || !std::all_of(uid.begin(), uid.end(), is_digit)) return {};
  return uid;
}

std::string read_pod(std::string_view component, bool under_kubepods) {
  component = component.substr(0, component.find(':'));
  strip_suffix(component, ".slice");
  const std::size_t kubepods = component.find("kubepods");
  if (kubepods != std::string_view::npos) {
    const std::size_t pod = component.rfind("-pod");
    if (pod == std::string_view::npos || pod < kubepods) return {};
    return read_uid(component.substr(pod + 4));
  }
  if (under_kubepods && component.starts_with("pod")) return read_uid(component.substr(3));
  return {};
}

// A systemd unit that says what runs. systemd puts "_" before names that the kernel would take for
// its own; user managers keep themselves in init.scope.
std::string_view read_unit(std::string_view component, bool at_root) {
  if (component.starts_with('_')) component.remove_prefix(1);
  if (component == "init.scope" && !at_root) return {};
  if (component.ends_with(".service") && component.size() > 8) return component;
  if (component.ends_with(".scope") && component.size() > 6) return component;
  return {};
}

}  // namespace

CgroupPlace place_cgroup(std::string_view path) {
  CgroupPlace place;
  place.cgroup = path;
  const std::vector<std::string_view> parts = split(path, '/');
  std::size_t container = parts.size();
  bool under_kubepods = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    CgroupPlace here;
    if (read_container(parts[i], i > 0 ? parts[i - 1] : std::string_view(), here)) {
      place.container_id = std::move(here.container_id);
      place.container_runtime = std::move(here.container_runtime);
      container = i;
    }
    if (std::string pod = read_pod(parts[i], under_kubepods); !pod.empty())
      place.pod_uid = std::move(pod);
    under_kubepods |= parts[i].find("kubepods") != std::string_view::npos;
  }
  // Inside a container only its own systemd's units say anything; outside, a unit that a container
  // was started in says so only where it is that container's (Podman with split cgroups).
  const bool contained = container < parts.size();
  for (std::size_t i = parts.size(); i-- > 0;) {
    if (contained && i <= container && !(place.container_runtime == "podman" && i + 1 == container))
      continue;
    const std::string_view unit = read_unit(parts[i], i == 0);
    if (unit.empty() || (contained && unit.ends_with(".scope"))) continue;
    place.service = unit;
    break;
  }
  return place;
}

CgroupPlace place_process(std::string_view proc_cgroup) {
  std::vector<CgroupPlace> places;
  for (const std::string_view line : split(proc_cgroup, '\n')) {
    // hierarchy-ID:controllers:path, and a path may hold colons (cgroups(7)).
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    std::string_view path = line.substr(second + 1);
    strip_suffix(path, " (deleted)");
    places.push_back(place_cgroup(path));
  }
  if (places.empty()) return {};
  const auto weight = [](const CgroupPlace& place) {
    return std::tuple(!place.container_id.empty(), !place.pod_uid.empty(), !place.service.empty(),
                      std::count(place.cgroup.begin(), place.cgroup.end(), '/'),
                      place.cgroup.size());
  };
  const auto best =
      std::max_element(places.begin(), places.end(),
                       [&](const auto& a, const auto& b) { return weight(a) < weight(b); });
  CgroupPlace place = *best;
  for (const CgroupPlace& other : places) {
    if (place.pod_uid.empty()) place.pod_uid = other.pod_uid;
    if (place.container_id.empty() && place.service.empty()) place.service = other.service;
    if (place.container_runtime.empty() && other.container_id == place.container_id)
      place.container_runtime = other.container_runtime;
  }
  return place;
}

bool read_pod_directory(std::string_view directory, std::string_view pod_uid, std::string& name,
                        std::string& pod_namespace) {
  if (pod_uid.empty() || directory.size() < pod_uid.size() + 4 || !directory.ends_with(pod_uid))
    return false;
  directory.remove_suffix(pod_uid.size());
  if (!strip_suffix(directory, "_")) return false;
  // Neither names nor namespaces hold an underscore (RFC 1123 labels and subdomains).
  const std::size_t between = directory.find('_');
  if (between == 0 || between == std::string_view::npos || between + 1 == directory.size())
    return false;
  if (directory.find('_', between + 1) != std::string_view::npos) return false;
  pod_namespace = directory.substr(0, between);
  name = directory.substr(between + 1);
  return true;
}

}  // namespace handprint
