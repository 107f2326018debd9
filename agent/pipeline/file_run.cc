// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/file_run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "agent/pipeline/interface_names.h"
#include "agent/sink/outlet.h"
#include "agent/sink/output.h"
#include "agent/source/file/file_source.h"
#include "agent/source/file/key_log_file.h"

namespace handprint {
namespace {

constexpr int finish_ms = 600'000;  // a slow disk may take its time; people can interrupt

// What the documents of one file are written with. Batches keep it alive.
struct FileContext {
  RecordContexts contexts;
  InterfaceNames names;
};

std::string sensor_of(const std::string& path) {
  if (path == "-") return "pcap-player-stdin";
  return "pcap-player-" + path.substr(path.find_last_of('/') + 1);
}

bool wants_all(const std::vector<std::unique_ptr<Sink>>& sinks) {
  for (const auto& sink : sinks)
    if (needs_all_strings(sink->rendering())) return true;
  return false;
}

}  // namespace

FileRunResult run_files(const FileRunOptions& options, const Identity& identity,
                        std::vector<std::unique_ptr<Sink>> sinks, const FileRunEvents& events,
                        const std::atomic<bool>& stop) {
  FileRunResult result;
  const bool all = wants_all(sinks);
  std::atomic<bool> output_failed{false};
  std::atomic<bool> closed{false};
  OutputEvents output_events;
  output_events.failed = [&](std::string_view, std::string_view) { output_failed.store(true); };
  output_events.ended = [&](std::string_view sink, int error) {
    if (error == EPIPE) {
      closed.store(true);
      return;
    }
    output_failed.store(true);
    if (events.output_failed) events.output_failed(sink, error);
  };
  std::vector<std::unique_ptr<Output>> outputs;
  std::vector<Output*> pointers;
  for (auto& sink : sinks) {
    outputs.push_back(std::make_unique<Output>(
        std::move(sink), OutputOptions{options.queue_bytes, false}, output_events));
    pointers.push_back(outputs.back().get());
  }
  const auto over = [&] { return stop.load() || closed.load() || output_failed.load(); };
  const auto damaged = [&](const Error& error) {
    result.failed = true;
    if (events.damaged) events.damaged(error);
  };

  KeyLog keys;
  std::optional<KeyLogFile> key_log;
  const auto read_key_log = [&] {
    Result<bool> fresh = key_log->read(keys);
    if (fresh) return *fresh;
    damaged(fresh.error());
    key_log.reset();
    return false;
  };
  if (!options.key_log.empty()) {
    auto opened = KeyLogFile::open(options.key_log);
    if (!opened) {
      damaged(opened.error());
    } else {
      key_log.emplace(std::move(*opened));
      read_key_log();
      const KeyLog::Counters& seen = keys.counters();
      if (seen.secrets == 0 && seen.malformed != 0)
        damaged({.file = options.key_log,
                 .message = "no secret of TLS is in it, and " + std::to_string(seen.malformed) +
                            " lines are of another form than LABEL RANDOM SECRET"});
    }
  }

  Outlet outlet(pointers, nullptr, false);
  for (std::size_t number = 0; number < options.files.size() && !over(); ++number) {
    const std::string& path = options.files[number];
    auto opened = CaptureFile::open(path, &stop);
    if (!opened) {
      if (!stop.load()) damaged(opened.error());
      continue;
    }
    CaptureFile& file = **opened;
    auto context = std::make_shared<FileContext>();
    context->contexts.standard = record_context(identity);
    context->contexts.standard.sensor = options.sensor.empty() ? sensor_of(path) : options.sensor;
    context->contexts.standard.labels = options.labels;
    context->names.serve(context->contexts.standard);
    // Names are noted before the documents of their packets are written.
    file.tell_interfaces([&names = context->names](std::string_view name) { names.add(name); });
    context->contexts.all = context->contexts.standard;
    context->contexts.all.all_fields = true;
    outlet.use(std::shared_ptr<const RecordContexts>(context, &context->contexts));

    EngineOptions engine_options;
    engine_options.flow_bytes = options.flow_bytes;
    engine_options.first_document_after = options.first_document_after;
    engine_options.http_messages = options.http_messages;
    engine_options.from_file = true;
    engine_options.identity = file.identity();
    engine_options.all_strings = all;
    engine_options.keys = &keys;
    // A pipe's packets may be older than their secrets.
    const bool pipe = file.stored_size() == 0;
    engine_options.keys_grow = key_log && pipe;
    file.tell_secrets([&keys](Bytes text) {
      keys.add(text);
      keys.finish();
    });
    engine_options.certificates = options.policy.mode != HP_MODE_HELLO;
    Engine engine(engine_options, outlet);
    // Documents in queues are the engine's memory: half of it is left for those in the making.
    for (auto& output : outputs)
      output->bound(std::min(options.queue_bytes, engine.document_bytes() / 2));
    FileSource source(file, options.policy, &keys);
    FileProgress progress{&path, number, 0, file.stored_size(), 0, 0};
    for (;;) {
      const Source::State state = source.pump(engine, -1);
      if (state == Source::State::end || over()) break;
      // A pipe gives what it has: what came of it is written without waiting for more.
      if (pipe) outlet.flush();
      if (pipe && key_log && read_key_log()) engine.secrets_came();
      if (events.progress) {
        progress.read = file.stored_read();
        progress.packets = result.packets + source.counters().packets;
        progress.documents = outlet.taken();
        events.progress(progress);
      }
    }
    engine.finish();
    outlet.flush();
    const FileCounters& counters = source.counters();
    result.packets += counters.packets;
    result.bytes += counters.bytes;
    result.selected += counters.selected;
    for (std::size_t i = 0; i < reason_count; ++i) result.undecoded[i] += counters.undecoded[i];
    result.flows += engine.counters().flows;
    result.documents_dropped += engine.counters().documents_dropped;
    const DecryptionCounters& decryption = engine.decryption_counters();
    result.decryption.flows += decryption.flows;
    result.decryption.opened += decryption.opened;
    result.decryption.records += decryption.records;
    result.decryption.refused += decryption.refused;
    if (const Error* error = file.damage(); error != nullptr && !stop.load()) damaged(*error);
  }
  outlet.flush();
  for (auto& output : outputs) {
    if (!output->finish(finish_ms) && !closed.load()) result.failed = true;
    result.documents += output->counters().written;
  }
  result.closed = closed.load();
  result.stopped = stop.load();
  if (output_failed.load()) result.failed = true;
  return result;
}

}  // namespace handprint
