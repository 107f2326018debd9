// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/settings_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace handprint {
namespace {

Error failure(const std::string& what) {
  Error error;
  error.message = what + ": " + std::strerror(errno);
  return error;
}

}  // namespace

Result<Descriptor> pack_settings(const Settings& settings, uint32_t& bytes) {
  const std::string text = settings_with_secrets(settings);
  Descriptor file(memfd_create("handprint-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return failure("cannot make a file of memory");
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failure("cannot write the settings into memory");
  fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  bytes = static_cast<uint32_t>(text.size());
  return file;
}

Result<Settings> unpack_settings(int file, uint32_t bytes) {
  std::string text(bytes, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got =
        ::pread(file, text.data() + filled, text.size() - filled, static_cast<off_t>(filled));
    if (got <= 0) return failure("cannot read the settings");
    filled += static_cast<std::size_t>(got);
  }
  SettingsResult loaded = load_settings_text(text, "the loader's settings");
  if (!loaded.ok()) return loaded.errors.front();
  return std::move(loaded.settings);
}

}  // namespace handprint
