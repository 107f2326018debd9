// SPDX-License-Identifier: Apache-2.0
// Any bytes as a capture file, plain or compressed, read in batches of a size that the first byte
// chooses; every frame goes on into the selector and the engine, as `handprint read` does it.
#include "agent/source/file/file_source.h"

#include <cstdlib>

using namespace handprint;

namespace {

class Discard : public DocumentTaker {
 public:
  void take(DocumentPtr document) override {
    if (document->part == 0) std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::size_t batch = data[0] % 8 + 1;
  const Bytes bytes(data + 1, size - 1);
  auto file = CaptureFile::open(bytes, "fuzz");
  if (!file) {
    if (file.error().text().rfind("fuzz: ", 0) != 0) std::abort();
    return 0;
  }
  std::vector<Frame> frames(batch);
  std::size_t total = 0;
  uint8_t sum = 0;
  while (const std::size_t count = (*file)->read(frames)) {
    if (count > batch) std::abort();
    for (std::size_t i = 0; i < count; ++i) {
      if (frames[i].bytes.size() > CaptureFile::largest_frame) std::abort();
      if (frames[i].interface >= (*file)->interface_count()) std::abort();
      for (uint8_t byte : frames[i].bytes) sum = static_cast<uint8_t>(sum + byte);
      // Compressed input can hold far more than is worth looking at here.
      if (++total > 100'000) return 0;
    }
  }
  volatile uint8_t seen = sum;
  static_cast<void>(seen);

  auto again = CaptureFile::open(bytes, "fuzz");
  if (!again) std::abort();
  static Discard taker;
  static Engine engine([] {
    EngineOptions options;
    options.from_file = true;
    options.flow_bytes = 1u << 20;
    return options;
  }(), taker);
  FileSource source(**again, file_policy());
  while (source.pump(engine, 0) != Source::State::end) {
  }
  engine.finish();
  return 0;
}
