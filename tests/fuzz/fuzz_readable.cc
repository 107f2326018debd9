// SPDX-License-Identifier: Apache-2.0
// Fingerprint strings that anybody may hand to `handprint lookup`: read, and written as JSON and
// lines.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "fingerprint/readable.h"
#include "record/readable_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const handprint::Months months = handprint::implementation_months(text);
  const auto found = handprint::read_fingerprint(text);
  if (!found) {
    if (found.error().offset > size || found.error().message.empty()) std::abort();
    return 0;
  }
  // Two readers of one string agree.
  for (const std::string_view kind : {"tls", "tls/1", "tls/2", "tls_server", "dtls", "quic"})
    if (found->kind == kind && (months.latest != found->implemented.latest ||
                                months.earliest != found->implemented.earliest))
      std::abort();
  std::string json;
  handprint::write_readable_json(*found, json);
  if (!nlohmann::json::accept(json)) std::abort();
  std::string lines;
  handprint::write_readable_lines(*found, lines);
  if (lines.find('\x1b') != std::string::npos) std::abort();
  return 0;
}
