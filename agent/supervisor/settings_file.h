// SPDX-License-Identifier: Apache-2.0
// Settings on their way from the loader, which reads files, to the worker, which may not.
#pragma once

#include "agent/config/settings.h"
#include "agent/source/live/descriptor.h"
#include "fingerprint/result.h"

namespace handprint {

// The settings as text in a file of memory that nobody can change any more; `bytes` receives its
// length.
Result<Descriptor> pack_settings(const Settings& settings, uint32_t& bytes);

// Reads them back.
Result<Settings> unpack_settings(int file, uint32_t bytes);

}  // namespace handprint
