// SPDX-License-Identifier: Apache-2.0
// A document while it is written. Everything it points to lies in its own arena.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "fingerprint/client_hello.h"
#include "fingerprint/http_request.h"
#include "fingerprint/http_response.h"
#include "fingerprint/quic_initial.h"
#include "fingerprint/text.h"
#include "fingerprint/workspace.h"
#include "flow/arena.h"
#include "flow/document.h"

namespace handprint {

// Memory for one pipeline thread, too large for its stack.
struct Scratch {
  Workspace workspace;
  HttpRequest request;
  HttpResponse response;
  QuicOpener quic;
  struct {
    std::array<std::byte, 32768> memory;  // of the reader of one header block
    std::array<uint8_t, 16384> block;
    std::array<char, 32768> text;         // of its fields
    std::array<std::pair<std::string_view, std::string_view>, 256> fields;
  } http2;
  std::array<uint8_t, 16384> unwrapped;  // TLS that was carried in packets of another protocol
  std::array<char, Arena::largest> text;
};

// What became of the answer to a request that has none. doubtful: bytes that did not come here may have
// held it.
enum class Answer : uint8_t { expected, doubtful, lost };

class DocumentBuilder final : public Document {
 public:
  // Null when the pool has no chunk left.
  static DocumentBuilder* create(DocumentPool& pool);
  // Gives every chunk back; any thread.
  static void destroy(DocumentBuilder* builder);

  // Lets write(Text&) → Reason write a string and adds it as an observation. A string that does not
  // fit any chunk gives too_long; one that could not be written adds nothing.
  template <class Write>
  Reason observe(PacketTime time, Side side, Kind kind, Scratch& scratch, Write&& write) {
    Text text(arena.room());
    Reason reason = write(text);
    if (reason == Reason::ok) {
      const std::string_view written = text.view();
      arena.keep(written.size());
      return add(time, side, kind, written);
    }
    if (reason != Reason::too_long) return reason;
    Text retry(scratch.text);
    reason = write(retry);
    if (reason != Reason::ok) return reason;
    const std::string_view kept = arena.copy(retry.view());
    if (kept.empty()) return Reason::too_long;
    return add(time, side, kind, kept);
  }
  // Says that something was expected and is not whole.
  void note_incomplete(std::string_view what, Reason reason);
  void note_alert(const TlsAlert& alert);
  // Takes the spans of the lists into the document; call once, at the end.
  void seal();

  bool has_facts() const {
    return !observations_.empty() || !alerts_.empty() || !incomplete_.empty();
  }

  Arena arena;
  DocumentBuilder* next = nullptr;  // the next unwritten document of the same flow
  // Nothing is added any more: the document is ready and waits for a process alone. Its counts are
  // those of that moment, as they would be without the wait.
  bool closed = false;
  uint8_t closed_protocols = 0;
  uint8_t closed_prefixes = 0;
  uint32_t http2_stream = 0;  // of the request in it; 0: none of HTTP/2
  Answer answer = Answer::expected;  // to the request in it
  bool interim = false;  // an interim response (1xx) came, the final one is awaited

 private:
  explicit DocumentBuilder(Arena&& own) : arena(static_cast<Arena&&>(own)) {}
  ~DocumentBuilder() = default;
  Reason add(PacketTime time, Side side, Kind kind, std::string_view text);

  ArenaList<Observation> observations_;
  ArenaList<IncompleteFact> incomplete_;
  ArenaList<TlsAlert> alerts_;
};

}  // namespace handprint
