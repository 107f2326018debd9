// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/outputs.h"

#include <utility>

#include "agent/sink/tcp_sink.h"

namespace handprint {

Rendering rendering_of(const OutputSettings& output) {
  if (output.format == OutputFormat::line) return Rendering::line;
  if (output.format == OutputFormat::pmercury)
    return pmercury_rendering({false, false, output.fields == OutputFields::all});
  return output.fields == OutputFields::all ? Rendering::json_all : Rendering::json;
}

Result<std::vector<Descriptor>> open_output_files(const std::vector<OutputSettings>& outputs,
                                                  FileMode mode, bool wait) {
  std::vector<Descriptor> out;
  for (const OutputSettings& output : outputs) {
    if (output.type != OutputType::file) {
      out.emplace_back();
      continue;
    }
    auto file = open_output_file(output.path, mode, wait);
    if (!file) return file.error();
    out.push_back(std::move(*file));
  }
  return out;
}

Result<std::unique_ptr<Sink>> make_sink(const OutputSettings& output, Rendering rendering,
                                        Descriptor file, HandedFileSink*& handed) {
  handed = nullptr;
  if (output.type == OutputType::stdout_) return stdout_sink(rendering);
  if (output.type == OutputType::tcp) return tcp_sink(output.address, rendering);
  if (!file) return Error{Reason::truncated, output.path, 0, 0, 0, "was not handed over"};
  auto sink = std::make_unique<HandedFileSink>(output.path, rendering, std::move(file));
  handed = sink.get();
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace handprint
