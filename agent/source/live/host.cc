// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/host.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace handprint {
namespace {

// mountinfo writes blank, tab, newline and backslash as three octal digits (proc(5)).
std::string unescape(std::string_view field) {
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    unsigned code = 0;
    if (field[i] == '\\' && i + 3 < field.size() &&
        std::from_chars(field.data() + i + 1, field.data() + i + 4, code, 8).ptr ==
            field.data() + i + 4) {
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += field[i];
    }
  }
  return out;
}

std::string_view word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view taken = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return taken;
}

}  // namespace

std::string read_small_file(const std::string& path) {
  std::string out;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  out.resize(64u << 10);
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = read(fd, out.data() + filled, out.size() - filled);
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  close(fd);
  out.resize(filled);
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

uint64_t effective_capabilities() {
  const std::string status = read_small_file("/proc/self/status");
  const std::size_t at = status.find("CapEff:");
  if (at == std::string::npos) return 0;
  const std::size_t digits = status.find_first_not_of("\t ", at + 7);
  uint64_t value = 0;
  if (digits != std::string::npos)
    std::from_chars(status.data() + digits, status.data() + status.size(), value, 16);
  return value;
}

std::vector<std::string_view> missing_capabilities() {
  const uint64_t have = effective_capabilities();
  const auto has = [have](unsigned capability) { return (have >> capability & 1) != 0; };
  const bool admin = has(CAP_SYS_ADMIN);
  std::vector<std::string_view> missing;
  if (!has(39) && !admin) missing.push_back("CAP_BPF");
  if (!has(CAP_NET_ADMIN)) missing.push_back("CAP_NET_ADMIN");
  if (!has(38) && !admin) missing.push_back("CAP_PERFMON");
  return missing;
}

std::string lockdown_mode() {
  const std::string text = read_small_file("/sys/kernel/security/lockdown");
  const std::size_t begin = text.find('[');
  const std::size_t end = text.find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return text.substr(begin + 1, end - begin - 1);
}

CgroupMount find_cgroup2(std::string_view mountinfo) {
  CgroupMount found;
  while (!mountinfo.empty()) {
    const std::size_t end = mountinfo.find('\n');
    std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(end == std::string_view::npos ? mountinfo.size() : end + 1);
    word(line);
    word(line);
    word(line);
    const std::string_view root = word(line);
    const std::string_view point = word(line);
    const std::size_t separator = line.find("- ");
    if (separator == std::string_view::npos) continue;
    std::string_view rest = line.substr(separator + 2);
    if (word(rest) != "cgroup2") continue;
    const bool whole = root == "/";
    if (found.path.empty() || (whole && !found.whole)) found = {unescape(point), whole};
  }
  return found;
}

CgroupMount cgroup2_mount() {
  // Hosts with thousands of container mounts have long mount tables, so the bound is generous.
  std::string text;
  const int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char buffer[16384];
  ssize_t got = 0;
  while (text.size() < (16u << 20) && (got = read(fd, buffer, sizeof(buffer))) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  close(fd);
  return find_cgroup2(text);
}

uint32_t own_network_namespace() {
  struct stat status {};
  if (stat("/proc/self/ns/net", &status) != 0) return 0;
  return static_cast<uint32_t>(status.st_ino);
}

}  // namespace handprint
