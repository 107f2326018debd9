// SPDX-License-Identifier: Apache-2.0
// Who this agent is and where it runs: what every record says about its maker.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "record/writer.h"

namespace handprint {

// The version of this build, "0.1.0".
std::string_view version();

struct Identity {
  std::string agent_id;   // UUID
  std::string agent_name;
  std::string host_id;    // of the machine id, not the machine id itself; empty where there is none
  std::string host_name;
  std::string boot_id;    // 32 hex digits
};

enum class KeepIdentity : uint8_t { yes, no };

// Reads this host's identity. The agent id is the one kept in the state directory
// ($STATE_DIRECTORY, else /var/lib/handprint). Where there is none yet it is made at random and,
// with KeepIdentity::yes, kept; where it cannot be kept it is derived from the machine id, so that
// it stays the same all the same. `note`, if given, receives why it could not be kept.
Identity load_identity(KeepIdentity keep, std::string* note = nullptr);

// What records say about their maker.
RecordContext record_context(const Identity& identity);

// What goes into event ids live: agent id and boot id.
std::array<uint8_t, 16> event_identity(const Identity& identity);

}  // namespace handprint
