// SPDX-License-Identifier: Apache-2.0
// Any bytes as what /proc, the cgroup tree and the kubelet's directory names say, and as messages
// of the process-information service. The first byte chooses the reader.
#include <sys/socket.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "agent/process/cgroup_path.h"
#include "agent/process/proc_reader.h"
#include "agent/process/process_table.h"
#include "agent/source/live/host.h"
#include "agent/source/live/interfaces.h"

using namespace handprint;

namespace {

// The two ends of the seam; the table reads from the first.
struct Seam {
  Seam() {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
      std::abort();
  }
  int ends[2];
};

void answer(std::string_view bytes) {
  static Seam seam;
  ProcessTableOptions options;
  options.hash_seed = 1;
  options.bytes = 64 << 10;
  options.service = seam.ends[0];
  options.boot_id = "0";
  ProcessTable table(options);
  hp_owner owner{};
  owner.pid = 1;
  owner.start_ns = 1;
  table.request(owner);
  ProcessRequest request;
  while (recv(seam.ends[1], &request, sizeof(request), MSG_DONTWAIT) > 0) {
  }
  // Addressed to the process that was asked for, so that the rest is read.
  std::string message(bytes);
  if (message.size() >= offsetof(ProcessReply, read_ns)) {
    const uint32_t pid = 1;
    const uint64_t start = 1;
    message.replace(offsetof(ProcessReply, pid), sizeof(pid), reinterpret_cast<const char*>(&pid),
                    sizeof(pid));
    message.replace(offsetof(ProcessReply, start_ns), sizeof(start),
                    reinterpret_cast<const char*>(&start), sizeof(start));
  }
  if (message.empty() || send(seam.ends[1], message.data(), message.size(), MSG_DONTWAIT) < 0)
    return;
  table.poll();
  if (table.find(owner, std::numeric_limits<PacketTime>::max()) == nullptr) std::abort();
}

void netlink(std::string_view bytes) {
  alignas(nlmsghdr) char buffer[8192] = {};
  if (bytes.size() < sizeof(nlmsghdr) || bytes.size() > sizeof(buffer)) return;
  bytes.copy(buffer, bytes.size());
  auto* message = reinterpret_cast<nlmsghdr*>(buffer);
  message->nlmsg_type = RTM_NEWLINK;
  message->nlmsg_len = static_cast<uint32_t>(bytes.size());  // as NLMSG_OK has made sure
  Interface interface;
  read_interface(message, interface);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0: {
      const CgroupPlace place = place_process(text);
      if (!place.pod_uid.empty() && place.pod_uid.size() != 36 && place.pod_uid.size() != 32)
        std::abort();
      break;
    }
    case 1: {
      ProcStat stat;
      read_stat(text, stat);
      break;
    }
    case 2: {
      const size_t middle = text.size() / 2;
      std::string name, pod_namespace;
      if (read_pod_directory(text, text.substr(middle), name, pod_namespace) &&
          (name.empty() || pod_namespace.empty()))
        std::abort();
      break;
    }
    case 3:
      find_cgroup2(text);
      break;
    case 4:
      netlink(text);
      break;
    default:
      answer(text);
  }
  return 0;
}
