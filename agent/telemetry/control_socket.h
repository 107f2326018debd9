// SPDX-License-Identifier: Apache-2.0
// The unix socket over which `handprint status` asks a running agent: whoever connects receives one
// JSON object and the end of the stream.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fingerprint/result.h"

namespace handprint {

// $RUNTIME_DIRECTORY, else /run/handprint.
std::string runtime_directory();

class ControlSocket {
 public:
  ControlSocket() = default;
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // Listens at `path`; empty: control.sock in the runtime directory (made if it is missing), or
  // control-PID.sock beside it while another agent answers there. A socket that nobody answers on is
  // replaced.
  Result<void> listen(const std::string& path);

  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

  // Answers everybody who waits with `text()`. Never blocks.
  void serve(const std::function<std::string()>& text);

 private:
  int descriptor_ = -1;
  std::string path_;
};

// Asks the agent at `path`. The error says whether nobody is there or it may not be asked.
Result<std::string> ask_agent(const std::string& path);

// The sockets of agents in the runtime directory, control.sock first.
std::vector<std::string> agent_sockets();

}  // namespace handprint
