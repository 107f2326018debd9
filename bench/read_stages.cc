// SPDX-License-Identifier: Apache-2.0
// Where the time of reading a capture goes: read_stages FILE [ROUNDS]. Each stage does all that the
// one before it does; the figures are the medians of the rounds, CPU time of this thread in
// nanoseconds a packet, printed as one JSON object.
//
//   walk    the records of the file, mapped, without looking at frames: a bare read
//   read    CaptureFile
//   decode  + link layer, IP, TCP and UDP headers
//   select  + the selector with its window table
//   engine  + flows, dissectors, documents
//   write   + JSON
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "agent/source/file/byte_source.h"
#include "agent/source/file/file_source.h"
#include "record/writer.h"

using namespace handprint;

namespace {

struct Outcome {
  uint64_t packets = 0;
  uint64_t selected = 0;
  uint64_t documents = 0;
  uint64_t sum = 0;  // keeps the work from being optimised away
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::unique_ptr<CaptureFile> open_file(const std::string& path) {
  auto file = CaptureFile::open(path);
  if (!file) {
    std::fprintf(stderr, "read_stages: %s\n", file.error().text().c_str());
    std::exit(1);
  }
  return std::move(*file);
}

Outcome walk(const std::string& path) {
  Outcome out;
  auto bytes = open_bytes(path);
  if (!bytes) std::exit(1);
  ByteSource& in = **bytes;
  in.consume(24);
  while (in.available() >= 16) {
    uint32_t length;
    std::memcpy(&length, in.at() + 8, sizeof(length));
    if (in.available() < 16 + length) break;
    out.sum += in.at()[16];
    in.consume(16 + length);
    if (++out.packets % 256 == 0) in.settle();
  }
  return out;
}

Outcome read(const std::string& path) {
  Outcome out;
  auto file = open_file(path);
  std::vector<Frame> frames(FileSource::batch);
  while (const std::size_t count = file->read(frames)) {
    out.packets += count;
    for (std::size_t i = 0; i < count; ++i) out.sum += frames[i].bytes.empty() ? 0 : frames[i].bytes[0];
  }
  return out;
}

Outcome decode(const std::string& path, bool select) {
  Outcome out;
  auto file = open_file(path);
  Selection selection(file_policy(), 0);
  std::vector<Frame> frames(FileSource::batch);
  while (const std::size_t count = file->read(frames)) {
    out.packets += count;
    for (std::size_t i = 0; i < count; ++i) {
      Packet packet;
      const Frame& frame = frames[i];
      if (decode_packet(frame.link, frame.bytes, frame.original_length, packet) != Reason::ok) continue;
      out.sum += packet.payload_length;
      hp_decision decision;
      if (select && selection.select(packet, frame.time, frame.interface, decision)) ++out.selected;
    }
  }
  return out;
}

class Taker : public DocumentTaker {
 public:
  explicit Taker(bool write) : write_(write) { context_.sensor = "bench"; }
  void take(DocumentPtr document) override {
    ++documents;
    if (!write_) return;
    write_json(*document, context_, text_);
    bytes += text_.size();
    text_.clear();
  }
  uint64_t documents = 0, bytes = 0;

 private:
  bool write_;
  RecordContext context_;
  std::string text_;
};

Outcome engine(const std::string& path, bool write) {
  Outcome out;
  auto file = open_file(path);
  Taker taker(write);
  EngineOptions options;
  options.from_file = true;
  options.all_strings = false;
  options.flow_bytes = 64u << 20;
  Engine engine(options, taker);
  FileSource source(*file, file_policy());
  while (source.pump(engine, 0) != Source::State::end) {
  }
  engine.finish();
  out.packets = source.counters().packets;
  out.selected = source.counters().selected;
  out.documents = taker.documents;
  out.sum = taker.bytes;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: read_stages FILE [ROUNDS]\n");
    return 2;
  }
  const std::string path = argv[1];
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  struct Stage {
    const char* name;
    std::function<Outcome()> run;
    std::vector<double> ns;
    Outcome last;
  };
  std::vector<Stage> stages{{"walk", [&] { return walk(path); }, {}, {}},
                            {"read", [&] { return read(path); }, {}, {}},
                            {"decode", [&] { return decode(path, false); }, {}, {}},
                            {"select", [&] { return decode(path, true); }, {}, {}},
                            {"engine", [&] { return engine(path, false); }, {}, {}},
                            {"write", [&] { return engine(path, true); }, {}, {}}};
  for (int round = 0; round < rounds; ++round) {
    for (Stage& stage : stages) {
      const double before = cpu_seconds();
      stage.last = stage.run();
      stage.ns.push_back((cpu_seconds() - before) * 1e9 / static_cast<double>(stage.last.packets));
    }
  }
  std::printf("{");
  for (Stage& stage : stages) {
    std::sort(stage.ns.begin(), stage.ns.end());
    std::printf("\"%s\":%.1f,", stage.name, stage.ns[stage.ns.size() / 2]);
  }
  const Outcome& last = stages.back().last;
  std::printf("\"packets\":%llu,\"selected\":%llu,\"documents\":%llu}\n",
              static_cast<unsigned long long>(last.packets), static_cast<unsigned long long>(last.selected),
              static_cast<unsigned long long>(last.documents));
  return 0;
}
