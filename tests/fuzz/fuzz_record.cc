// SPDX-License-Identifier: Apache-2.0
// Whatever bytes a document holds: the JSON writer gives one line of valid JSON, and the line writer
// gives one line without control characters.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "record/pmercury_writer.h"
#include "tests/unit/record/sample_document.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace handprint;
  static SampleDocument sample;
  // Pieces of the input, divided by 0xf8, which is no byte of UTF-8.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto piece = [&rest] {
    const size_t end = rest.find('\xf8');
    const std::string_view out = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return out;
  };
  HttpRequestFacts request;
  request.method = piece();
  request.uri = piece();
  request.host = piece();
  request.version = piece();
  request.user_agent = request.referrer = piece();
  const std::string_view protocol = piece();
  sample.document.protocols = {&protocol, 1};
  sample.document.http_request = &request;
  sample.client_hello.server_name = piece();
  sample.server_hello.alpn = piece();
  sample.process->name = piece();
  sample.process->args = {std::string(piece()), std::string(piece())};
  sample.context.labels = {std::string(piece())};
  sample.context.all_fields = size % 2 != 0;
  sample.document.part = size % 3 == 0 ? 2 : 1;
  sample.observations.resize(11);
  sample.observe(Side::client, Kind::http, rest);

  std::string out;
  write_json(sample.document, sample.context, out);
  if (!nlohmann::json::accept(out) || out.find('\n') != out.size() - 1) std::abort();
  out.clear();
  for (const bool flows : {false, true}) {
    std::string records;
    write_pmercury(sample.document, sample.context, {true, flows, true}, records);
    for (std::size_t at = 0; at < records.size();) {
      const std::size_t end = records.find('\n', at);
      if (end == std::string::npos || !nlohmann::json::accept(records.substr(at, end - at))) std::abort();
      at = end + 1;
    }
  }
  write_line(sample.document, sample.context, false, out, size % 200);
  if (out.find('\n') != out.size() - 1) std::abort();
  for (size_t i = 0; i + 1 < out.size(); ++i)
    if (static_cast<unsigned char>(out[i]) < 0x20 || out[i] == 0x7f) std::abort();
  return 0;
}
