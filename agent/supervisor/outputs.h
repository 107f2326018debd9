// SPDX-License-Identifier: Apache-2.0
// Outputs of the configuration: the loader opens their files, the worker writes to them.
#pragma once

#include <memory>
#include <vector>

#include "agent/config/settings.h"
#include "agent/sink/descriptor_sink.h"
#include "agent/sink/sink.h"
#include "fingerprint/result.h"

namespace handprint {

Rendering rendering_of(const OutputSettings& output);

// One for each output, empty for those that are no files. The error names the path. `wait` as in
// open_output_file().
Result<std::vector<Descriptor>> open_output_files(const std::vector<OutputSettings>& outputs,
                                                  FileMode mode, bool wait);

// The sink of one output, without opening anything. `file` is its opened file, where it is one;
// `handed`, if it is one, receives the same sink for a later file.
Result<std::unique_ptr<Sink>> make_sink(const OutputSettings& output, Rendering rendering,
                                        Descriptor file, HandedFileSink*& handed);

}  // namespace handprint
