// SPDX-License-Identifier: Apache-2.0
// foreign_programs INTERFACE CGROUP [front]: attaches the programs of foreign.bpf.c behind those that are
// there, or in front of them, prints "attached", and then one JSON object of its
// counts for each line that it reads, until the input ends.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "foreign.skel.h"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "foreign_programs: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// A TCX link (BPF_LINK_CREATE; linux/bpf.h of Debian 12 is older than TCX).
void attach_tcx(int program, unsigned interface, uint32_t type, uint32_t flags) {
  struct {
    uint32_t program, interface, type, flags, relative, padding;
    uint64_t revision;
  } create{static_cast<uint32_t>(program), interface, type, flags, 0, 0, 0};
  if (syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof create) < 0) fail("attach to TCX");
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: foreign_programs INTERFACE CGROUP [front]\n");
    return 2;
  }
  const unsigned interface = if_nametoindex(words[1]);
  if (interface == 0) fail(words[1]);
  const int cgroup = open(words[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0) fail(words[2]);
  foreign* const programs = foreign__open_and_load();
  if (programs == nullptr) fail("load");
  const uint32_t flags = count > 3 ? 1u << 3 : 0;  // BPF_F_BEFORE
  attach_tcx(bpf_program__fd(programs->progs.pass), interface, 46, flags);
  attach_tcx(bpf_program__fd(programs->progs.send_again), interface, 47, flags);
  if (bpf_prog_attach(bpf_program__fd(programs->progs.socket_in), cgroup, BPF_CGROUP_INET_INGRESS,
                      BPF_F_ALLOW_MULTI) != 0 ||
      bpf_prog_attach(bpf_program__fd(programs->progs.socket_out), cgroup, BPF_CGROUP_INET_EGRESS,
                      BPF_F_ALLOW_MULTI) != 0)
    fail("attach to the cgroup");
  std::puts("attached");
  std::fflush(stdout);
  std::array<char, 16> line{};
  while (std::fgets(line.data(), line.size(), stdin) != nullptr) {
    std::string text = "{";
    const char* const groups[] = {"pass", "send_again", "socket_in", "socket_out"};
    const char* const kinds[] = {"syns", "answers", "datagrams"};
    for (uint32_t i = 0; i < 12; ++i) {
      uint64_t value = 0;
      bpf_map_lookup_elem(bpf_map__fd(programs->maps.counts), &i, &value);
      text += (i == 0 ? "\"" : ", \"") + std::string(groups[i / 3]) + "." + kinds[i % 3] +
              "\": " + std::to_string(value);
    }
    std::puts((text + "}").c_str());
    std::fflush(stdout);
  }
  bpf_prog_detach2(bpf_program__fd(programs->progs.socket_in), cgroup, BPF_CGROUP_INET_INGRESS);
  bpf_prog_detach2(bpf_program__fd(programs->progs.socket_out), cgroup, BPF_CGROUP_INET_EGRESS);
  return 0;
}
