// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/identity.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace handprint {
namespace {

// Ours, random: what makes ids out of the machine id without telling it.
constexpr sd_id128_t host_application = {{0x5e, 0x1c, 0x8a, 0x0b, 0x3f, 0x6d, 0x4e, 0x27, 0x9b, 0x42, 0xd1,
                                          0x74, 0x60, 0xaf, 0x25, 0xc3}};
constexpr sd_id128_t agent_application = {{0xb7, 0x02, 0x9d, 0xe4, 0x51, 0x88, 0x4c, 0x3a, 0x8f, 0x16,
                                           0x0c, 0xe9, 0x7b, 0x32, 0xd5, 0x90}};

std::string hexadecimal(const uint8_t* bytes, std::size_t count, bool dashes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    if (dashes && (i == 4 || i == 6 || i == 8 || i == 10)) out += '-';
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::string derived(const sd_id128_t& application, bool dashes) {
  sd_id128_t id;
  if (sd_id128_get_machine_app_specific(application, &id) < 0) return {};
  return hexadecimal(id.bytes, sizeof(id.bytes), dashes);
}

std::string random_uuid() {
  uint8_t bytes[16] = {};
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) return {};
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // RFC 9562: version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  return hexadecimal(bytes, sizeof(bytes), true);
}

std::string state_directory() {
  if (const char* given = std::getenv("STATE_DIRECTORY"); given != nullptr && *given != '\0') {
    const std::string list = given;  // systemd separates several by colons
    return list.substr(0, list.find(':'));
  }
  return "/var/lib/handprint";
}

bool plausible_id(const std::string& id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("0123456789abcdefABCDEF-") == std::string::npos;
}

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// Empty on success, else why not.
std::string keep_id(const std::string& directory, const std::string& id) {
  if (::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST)
    return directory + ": " + std::strerror(errno);
  const std::string path = directory + "/agent-id", fresh = path + ".new";
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return fresh + ": " + std::strerror(errno);
  const std::string text = id + "\n";
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file) == 0;
  ::close(file);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    ::unlink(fresh.c_str());
    return path + ": " + reason;
  }
  return {};
}

}  // namespace

std::string_view version() { return HP_VERSION; }

Identity load_identity(KeepIdentity keep, std::string* note) {
  Identity out;
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) == 0) out.host_name = name;
  if (out.host_name.empty()) out.host_name = "localhost";
  out.agent_name = out.host_name;
  out.host_id = derived(host_application, false);
  for (char c : first_line("/proc/sys/kernel/random/boot_id"))
    if (c != '-') out.boot_id += c;

  const std::string directory = state_directory();
  out.agent_id = first_line(directory + "/agent-id");
  if (plausible_id(out.agent_id)) return out;
  out.agent_id = random_uuid();
  if (keep == KeepIdentity::yes && !out.agent_id.empty()) {
    const std::string reason = keep_id(directory, out.agent_id);
    if (reason.empty()) return out;
    if (note != nullptr) *note = "the agent id cannot be kept: " + reason;
  }
  if (std::string lasting = derived(agent_application, true); !lasting.empty()) out.agent_id = lasting;
  return out;
}

RecordContext record_context(const Identity& identity) {
  RecordContext out;
  out.agent_id = identity.agent_id;
  out.agent_name = identity.agent_name;
  out.agent_version = version();
  out.host_id = identity.host_id;
  out.host_name = identity.host_name;
  return out;
}

std::array<uint8_t, 16> event_identity(const Identity& identity) {
  // FNV-1a of 64 bits over both texts, once from each end.
  const std::string text = identity.agent_id + "/" + identity.boot_id;
  uint64_t forward = 0xcbf29ce484222325ULL, backward = forward;
  for (std::size_t i = 0; i < text.size(); ++i) {
    forward = (forward ^ static_cast<uint8_t>(text[i])) * 0x100000001b3ULL;
    backward = (backward ^ static_cast<uint8_t>(text[text.size() - 1 - i])) * 0x100000001b3ULL;
  }
  std::array<uint8_t, 16> out;
  std::memcpy(out.data(), &forward, 8);
  std::memcpy(out.data() + 8, &backward, 8);
  return out;
}

}  // namespace handprint
