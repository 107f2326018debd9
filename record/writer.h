// SPDX-License-Identifier: Apache-2.0
// Documents become text: ECS JSON (one line) or one readable line for a terminal. Direct writers on
// a char buffer, no DOM (a DOM costs ten times as much).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/document.h"

namespace handprint {

// What stands in every record of this agent and is not the document's own. Built once, read by all.
struct RecordContext {
  std::string agent_id, agent_name, agent_version;
  std::string host_id, host_name;
  std::string sensor;                 // sensor-… live, pcap-player-… from a file
  std::vector<std::string> labels;    // "key=value"
  // Added to a packet time to give wall time (ns since 1970): 0 for files.
  int64_t wall_offset_ns = 0;
  bool all_fields = false;            // fields: all
  // Interface names by index (live) or number (file); "" where unknown.
  std::string (*interface_name)(const void* user, uint32_t interface) = nullptr;
  const void* interface_user = nullptr;
};

// Appends one JSON object and a newline to `out` (which keeps its capacity between calls). The fields
// are those of catalogue.def. Whatever the document holds, the result is valid JSON; bytes that are no
// UTF-8 are written as record/json_text.h says.
void write_json(const Document& document, const RecordContext& context, std::string& out);

// Appends one line for people, with a newline: local time, process, addresses, SNI or host, JA4,
// protocols; colours if asked for. `width` > 0 cuts it to so many columns. Bytes from the network
// never reach the terminal as they are: control characters, what changes the direction of text, and
// what is no UTF-8 stand as \xNN.
void write_line(const Document& document, const RecordContext& context, bool colours, std::string& out,
                size_t width = 0);

// Appends `text` with everything that a terminal could take for a command as \xNN.
void write_terminal_text(std::string_view text, std::string& out);

// The name of an interface, or "" where the context knows none.
std::string interface_text(const RecordContext& context, uint32_t interface);

}  // namespace handprint
