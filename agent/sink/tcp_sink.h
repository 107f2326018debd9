// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/sink/sink.h"

namespace handprint {

// Lines to a TCP server. `address` is "a.b.c.d:port" or "[IPv6]:port", in numbers: the process that
// writes may open no file, so that it can look up no name. Connects on the output's thread, waits at
// most a second for the server, and after a failure connects again after 1 s, doubled up to 30 s. A
// server that closes is noticed while nothing is to be written, too. Records that a server had not read
// when it closed are lost without a trace, as TCP has it; a record that was cut is sent again whole.
// An address that cannot be read is the error EINVAL of every write.
std::unique_ptr<Sink> tcp_sink(const std::string& address, Rendering rendering);

}  // namespace handprint
