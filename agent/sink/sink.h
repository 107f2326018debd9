// SPDX-License-Identifier: Apache-2.0
// A place where records go. A sink writes bytes and says what came of it; waiting, retrying, dropping
// and counting are done by the Output around it (output.h), alike for every sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fingerprint/result.h"
#include "record/pmercury_writer.h"

namespace handprint {

// How documents are written. Each form is made once, however many sinks want it.
// From `pmercury` on: its records, with the bits of pmercury_rendering().
enum class Rendering : uint8_t { json, json_all, line, line_colours, pmercury };
inline constexpr std::size_t renderings = 12;

// pmercury's records as its switches -w, -g and -e choose.
constexpr Rendering pmercury_rendering(PmercuryShape shape) {
  return static_cast<Rendering>(static_cast<unsigned>(Rendering::pmercury) + (shape.readable ? 1u : 0u) +
                                (shape.flows ? 2u : 0u) + (shape.experimental ? 4u : 0u));
}
constexpr PmercuryShape pmercury_shape(Rendering rendering) {
  const unsigned bits = static_cast<unsigned>(rendering) - static_cast<unsigned>(Rendering::pmercury);
  return {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
}
// True for renderings that show kinds of fingerprint which the default fields leave out.
constexpr bool needs_all_strings(Rendering rendering) {
  return rendering == Rendering::json_all ||
         (rendering >= Rendering::pmercury && pmercury_shape(rendering).experimental);
}

// What came of a write.
struct Written {
  std::size_t bytes = 0;  // taken; fewer than given only with an error
  int error = 0;          // errno; EPIPE: nobody reads any more and nobody will
};

// All functions but the constructor run on the output's own thread.
class Sink {
 public:
  virtual ~Sink() = default;

  // "file:/var/log/x.jsonl", "stdout": for logs and counters.
  virtual std::string_view name() const = 0;
  virtual Rendering rendering() const = 0;

  // Writes whole records, each with its newline. May block for as long as the device does.
  virtual Written write(std::string_view text) = 0;

  // Brings what was written to stable storage, where there is one.
  virtual Result<void> sync() { return {}; }

  // Called a few times a second while nothing is to be written. 0, or the
  // errno of something that was tried in vain; it counts as an error of the output.
  virtual int idle() { return 0; }
  // Whether a write could begin now; for what is connected only.
  virtual bool ready() const { return true; }

  // After a failed write: how long to wait before the next, in ms. Live traffic only.
  virtual uint32_t retry_ms() const { return 1000; }

  // Opens the place anew under its name (after a rotation). The old one stays in use on an error.
  virtual Result<void> reopen() { return {}; }
};

}  // namespace handprint
