// SPDX-License-Identifier: Apache-2.0
// What a document costs to write: budget 1.0 µs (design.md §9).
#include <benchmark/benchmark.h>

#include "record/community_id.h"
#include "tests/unit/record/sample_document.h"

namespace handprint {
namespace {

void write_json_live(benchmark::State& state) {
  const SampleDocument sample;
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_json(sample.document, sample.context, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(write_json_live);

void write_json_file(benchmark::State& state) {
  SampleDocument sample;
  sample.from_file();
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_json(sample.document, sample.context, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(write_json_file);

void write_json_all_fields(benchmark::State& state) {
  SampleDocument sample;
  sample.context.all_fields = true;
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_json(sample.document, sample.context, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(write_json_all_fields);

void write_line_live(benchmark::State& state) {
  const SampleDocument sample;
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_line(sample.document, sample.context, true, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_line_live);

void community_id_ipv4(benchmark::State& state) {
  const SampleDocument sample;
  std::array<char, community_id_size> out;
  for (auto _ : state) {
    community_id(sample.document.client.address, 1, sample.document.server.address, 2, 6, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(community_id_ipv4);

}  // namespace
}  // namespace handprint
