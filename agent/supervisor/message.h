// SPDX-License-Identifier: Apache-2.0
// What the three processes of a live agent say to each other: fixed layouts with a version, one a
// message of a SOCK_SEQPACKET pair. All three run the same file, so a struct means the same to
// each; what the worker and procinfo say is read by the loader as if an enemy had written it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "agent/pipeline/live_pipeline.h"
#include "agent/process/message.h"
#include "agent/process/process_info.h"
#include "agent/sink/output.h"
#include "bpf/wire.h"
#include "fingerprint/cursor.h"

namespace handprint {

inline constexpr uint16_t supervisor_message_version = 1;
inline constexpr std::size_t longest_message = 64u << 10;
inline constexpr std::size_t most_message_descriptors = 4;

enum class MessageKind : uint16_t {
  // the loader to the worker
  start_worker = 1,
  rings,
  owners,
  interface_name,
  settings,
  output_file,
  process_service,
  begin,
  stop,
  // the loader to procinfo
  start_procinfo = 32,
  asker,
  // the worker, and procinfo where it says so, to the loader
  ready = 64,  // both
  failed,      // both
  worker_report,
  over,
  stopped,
  procinfo_report,
};

struct MessageHeader {
  uint16_t version = supervisor_message_version;
  MessageKind kind{};
  uint32_t size = 0;  // of the whole message, this header included
};
static_assert(sizeof(MessageHeader) == 8);

// A text of at most N - 1 bytes.
template <std::size_t N>
struct MessageText {
  char bytes[N] = {};
  void set(std::string_view text) {
    std::memset(bytes, 0, N);
    std::memcpy(bytes, text.data(), std::min(text.size(), N - 1));
  }
  // Up to the first NUL; never past the end, whether there is one or not.
  std::string_view view() const { return {bytes, strnlen(bytes, N)}; }
};

inline constexpr uint32_t stay_user = 0xffffffff;  // keep the user that the process runs as
inline constexpr uint8_t rendering_of_settings = 0xff;

// With the descriptor of the settings' text.
struct StartWorker {
  static constexpr MessageKind kind = MessageKind::start_worker;
  MessageHeader header;
  uint32_t loader_pid = 0;
  uint32_t uid = stay_user, gid = stay_user;
  uint32_t settings_bytes = 0;
  uint64_t count = 0;  // documents, 0: no limit
  uint8_t service = 0;
  uint8_t all_strings = 0;
  uint8_t rendering = rendering_of_settings;  // else of the only output
  uint8_t reserved[5] = {};
  MessageText<64> agent_id;
  MessageText<256> agent_name;
  MessageText<128> host_id;
  MessageText<256> host_name;
  MessageText<64> boot_id;
};

// With two descriptors: of the rings "packets" and "processes".
struct RingsMessage {
  static constexpr MessageKind kind = MessageKind::rings;
  MessageHeader header;
  uint32_t packet_bytes = 0, process_bytes = 0;
  uint32_t own_netns = 0;
  uint32_t sockets_seen = 0;  // 1: EngineOptions::sockets_seen
};

// Owners of sockets that are older than the agent.
struct OwnersMessage {
  static constexpr MessageKind kind = MessageKind::owners;
  static constexpr std::size_t most = 256;
  MessageHeader header;
  uint32_t count = 0;
  uint32_t reserved = 0;
  hp_owner item[most] = {};
};

struct InterfaceMessage {
  static constexpr MessageKind kind = MessageKind::interface_name;
  MessageHeader header;
  uint32_t index = 0;
  uint32_t gone = 0;
  MessageText<16> name;
};

// With the descriptor of the settings' text: what a reload changed.
struct SettingsMessage {
  static constexpr MessageKind kind = MessageKind::settings;
  MessageHeader header;
  uint32_t bytes = 0;
  uint32_t reserved = 0;
};

// With the descriptor of the opened file of output `index`: before `begin` to write to, behind it
// to go on with (the old one was moved away).
struct OutputFileMessage {
  static constexpr MessageKind kind = MessageKind::output_file;
  MessageHeader header;
  uint32_t index = 0;
  uint32_t reserved = 0;
};

// With the asker's end of a socket pair to procinfo.
struct ProcessServiceMessage {
  static constexpr MessageKind kind = MessageKind::process_service;
  MessageHeader header;
};

// Everything has been handed over: read the rings.
struct BeginMessage {
  static constexpr MessageKind kind = MessageKind::begin;
  MessageHeader header;
};

// The kernel programs are detached: drain, write everything, say `stopped` and end.
struct StopMessage {
  static constexpr MessageKind kind = MessageKind::stop;
  MessageHeader header;
  uint32_t pipeline_ms = 0, outputs_ms = 0;
};

struct StartProcinfo {
  static constexpr MessageKind kind = MessageKind::start_procinfo;
  MessageHeader header;
  uint32_t loader_pid = 0;
  uint32_t uid = stay_user, gid = stay_user;
  uint32_t digests = 0;
  uint64_t digest_max_bytes = 0;
};

// With the service's end of a socket pair to a (new) worker.
struct AskerMessage {
  static constexpr MessageKind kind = MessageKind::asker;
  MessageHeader header;
};

struct ReadyMessage {
  static constexpr MessageKind kind = MessageKind::ready;
  MessageHeader header;
};

struct FailedMessage {
  static constexpr MessageKind kind = MessageKind::failed;
  MessageHeader header;
  MessageText<1024> text;
};

struct OutputReport {
  MessageText<128> name;
  OutputCounters counters;
  uint64_t heartbeat = 0;
  uint32_t waiting_ms = 0;  // since when its device has not taken a write, 0: it is not waiting
  uint32_t ended = 0;
};

// Every fifth of a second, and a last one before `stopped`.
struct WorkerReport {
  static constexpr MessageKind kind = MessageKind::worker_report;
  static constexpr std::size_t most = 64;
  MessageHeader header;
  uint32_t count = 0;  // outputs
  uint32_t reserved = 0;
  uint64_t heartbeat = 0;  // of the pipeline
  LivePipelineCounters pipeline;
  OutputReport item[most] = {};
};

enum class OverReason : uint32_t {
  limit = 1,   // the number of documents that was asked for
  closed = 2,  // nobody reads standard output any more
};

struct OverMessage {
  static constexpr MessageKind kind = MessageKind::over;
  MessageHeader header;
  OverReason reason{};
  uint32_t reserved = 0;
};

struct StoppedMessage {
  static constexpr MessageKind kind = MessageKind::stopped;
  MessageHeader header;
  uint32_t pipeline_complete = 0;
  uint32_t outputs_written = 0;
};

struct ProcinfoReport {
  static constexpr MessageKind kind = MessageKind::procinfo_report;
  MessageHeader header;
  uint64_t heartbeat = 0;
  ProcessInfoCounters counters;
};

// A message whose last member is `item`, of which `count` are sent.
template <class T>
concept ListMessage = requires(T message) {
  message.count;
  message.item[0];
  T::most;
};

// Bytes of `message` as it is sent; fills its header.
template <class T>
std::size_t seal_message(T& message) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= longest_message);
  std::size_t size = sizeof(T);
  if constexpr (ListMessage<T>) {
    message.count = std::min<uint32_t>(message.count, T::most);
    size = offsetof(T, item) + message.count * sizeof(message.item[0]);
  }
  message.header = {supervisor_message_version, T::kind, static_cast<uint32_t>(size)};
  return size;
}

// Reads a message of kind T. False, and `out` is not to be used, unless version, kind and both the
// size that is told and the size that came are exactly those of such a message.
template <class T>
bool read_message(Bytes bytes, T& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  MessageHeader header;
  if (bytes.size() < sizeof(header)) return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.version != supervisor_message_version || header.kind != T::kind ||
      header.size != bytes.size())
    return false;
  if constexpr (ListMessage<T>) {
    constexpr std::size_t fixed = offsetof(T, item);
    if (bytes.size() < fixed || bytes.size() > sizeof(T)) return false;
    std::memcpy(static_cast<void*>(&out), bytes.data(), bytes.size());
    return out.count <= T::most && bytes.size() == fixed + out.count * sizeof(out.item[0]);
  } else {
    if (bytes.size() != sizeof(T)) return false;
    std::memcpy(static_cast<void*>(&out), bytes.data(), sizeof(T));
    return true;
  }
}

// What a text of another process may say in a log or on a terminal: printable, in UTF-8 or not.
std::string visible_text(std::string_view text);

}  // namespace handprint
