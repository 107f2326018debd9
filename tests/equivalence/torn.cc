// SPDX-License-Identifier: Apache-2.0
// Records of the cgroup hook must not be torn: programs that run in process context (egress) are
// interrupted by programs in softirq (ingress) on the same CPU. In a network namespace of their
// own, processes on CPU 0 and CPU 1 send each other messages whose every byte follows from their
// first ones; receive packet steering brings all of loopback's packets to CPU 0, so that what CPU 1
// sends interrupts the senders there. Each record's payload is checked against the rule, against
// its own headers, and against the checksum that the program took before the reader could see it.
//
//   torn [SECONDS]
//
// With one scratch buffer a CPU, as tc and XDP use it, this test sees torn records within seconds.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bpf/scan.h"
#include "kernel_selector.h"

namespace handprint::test {
namespace {

using Clock = std::chrono::steady_clock;

// A message that the selector copies: a ClientHello of this length whose body is a pattern seeded
// by the number in its first body bytes.
std::string message(uint32_t number, size_t length) {
  std::string bytes(length, '\0');
  const size_t record = length - 5, body = length - 9;
  const unsigned char head[9] = {0x16,
                                 3,
                                 1,
                                 static_cast<unsigned char>(record >> 8),
                                 static_cast<unsigned char>(record),
                                 1,
                                 0,
                                 static_cast<unsigned char>(body >> 8),
                                 static_cast<unsigned char>(body)};
  std::memcpy(bytes.data(), head, sizeof(head));
  std::memcpy(bytes.data() + 9, &number, 4);
  uint32_t state = number;
  for (size_t i = 13; i < length; ++i) {
    state = state * 1664525 + 1013904223;
    bytes[i] = static_cast<char>(state >> 24);
  }
  return bytes;
}

bool follows_the_rule(const uint8_t* payload, uint32_t length) {
  if (length < 13) return false;
  uint32_t number = 0;
  std::memcpy(&number, payload + 9, 4);
  const std::string expected = message(number, length);
  return std::memcmp(expected.data(), payload, length) == 0;
}

void stay_on(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// One end: sends hellos of changing length and reads what comes, until it is ended.
[[noreturn]] void talk(int fd, uint32_t number, unsigned cpu) {
  stay_on(cpu);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  std::array<char, 65536> sink;
  const size_t lengths[] = {60, 517, 200, 1400, 700, 3000, 300, 7000};
  for (;; number += 2) {
    const std::string bytes = message(number, lengths[(number / 2) % std::size(lengths)]);
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n > 0) {
        sent += static_cast<size_t>(n);
      } else if (errno == EAGAIN) {
        pollfd wait{fd, POLLIN | POLLOUT, 0};
        poll(&wait, 1, 100);
      } else {
        _exit(0);
      }
      while (recv(fd, sink.data(), sink.size(), 0) > 0) {
      }
    }
  }
}

// The root of the version 2 hierarchy, wherever it is mounted.
std::string cgroup_root() {
  FILE* mounts = fopen("/proc/self/mounts", "re");
  if (!mounts) return {};
  char line[1024], where[512], type[64];
  std::string found;
  while (fgets(line, sizeof(line), mounts))
    if (sscanf(line, "%*s %511s %63s", where, type) == 2 && std::string(type) == "cgroup2")
      found = where;
  fclose(mounts);
  return found;
}

// A cgroup of our own, so that only our processes are seen; removed at the end.
struct Cgroup {
  std::string path;
  int fd = -1;
  ~Cgroup() {
    if (fd >= 0) close(fd);
    if (!path.empty()) rmdir(path.c_str());
  }
};

void join(const Cgroup& cgroup, pid_t pid) {
  const std::string file = cgroup.path + "/cgroup.procs";
  if (FILE* procs = fopen(file.c_str(), "we")) {
    fprintf(procs, "%d", pid);
    fclose(procs);
  }
}

// A network namespace whose loopback delivers everything on CPU 0. Empty, or why not.
std::string own_network() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return "no network namespace can be made";
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) return "sysfs cannot be mounted";
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq up{};
  std::strcpy(up.ifr_name, "lo");
  up.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool raised = ioctl(control, SIOCSIFFLAGS, &up) == 0;
  close(control);
  if (!raised) return "loopback cannot be brought up";
  FILE* steering = fopen("/sys/class/net/lo/queues/rx-0/rps_cpus", "we");
  if (!steering) return "the kernel has no receive packet steering";
  const bool written = fputs("1", steering) >= 0;
  return fclose(steering) == 0 && written ? "" : "receive packet steering cannot be set";
}

int skip(const std::string& why) {
  printf("skipped: torn records: %s\n0 passed, 0 failed, 3 skipped\n", why.c_str());
  return 0;
}

int run(int seconds) {
  static constexpr std::array programs = {Program::cgroup_ingress, Program::cgroup_egress};
  KernelSelector kernel(programs, true);
  if (kernel.lacks_privilege()) return skip(kernel.error());
  if (!kernel.error().empty()) {
    printf("FAIL %s\n0 passed, 3 failed, 0 skipped\n", kernel.error().c_str());
    return 1;
  }
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) return skip("needs two CPUs");
  const std::string root = cgroup_root();
  const int root_fd = root.empty() ? -1 : open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) return skip("no version 2 control group hierarchy is mounted");
  // The new sysfs hides the hierarchy, which stays reachable by its descriptor.
  if (const std::string why = own_network(); !why.empty()) return skip(why);
  stay_on(1);
  Cgroup cgroup;
  cgroup.path =
      "/proc/self/fd/" + std::to_string(root_fd) + "/handprint-torn-" + std::to_string(getpid());
  if (mkdir(cgroup.path.c_str(), 0755) != 0)
    return skip("no control group can be made: " + std::string(strerror(errno)));
  cgroup.fd = open(cgroup.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  kernel.config().test_time_ns = 0;
  kernel.config().checksum = 1;
  kernel.config().wakeup_bytes = 0;
  const int ingress = bpf_link_create(kernel.program_descriptor(Program::cgroup_ingress), cgroup.fd,
                                      BPF_CGROUP_INET_INGRESS, nullptr);
  const int egress = bpf_link_create(kernel.program_descriptor(Program::cgroup_egress), cgroup.fd,
                                     BPF_CGROUP_INET_EGRESS, nullptr);
  if (ingress < 0 || egress < 0)
    return skip("the programs cannot be attached: " + std::string(strerror(errno)));

  // Four connections over loopback. The sockets must be made in the group: a socket
  // belongs to the group of the process that created it.
  std::array<pid_t, 4> children{};
  cgroup.path = "/proc/" + std::to_string(getpid()) + cgroup.path.substr(10);
  for (uint32_t i = 0; i < children.size(); ++i) {
    children[i] = fork();
    if (children[i] != 0) continue;
    join(cgroup, getpid());
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener, 1) != 0)
      _exit(1);
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) _exit(1);
    const int server = accept(listener, nullptr, nullptr);
    const pid_t parent = getpid();
    if (fork() == 0) {
      // Ends with its parent, whose socket then closes.
      if (getppid() != parent) _exit(0);
      close(client);
      talk(server, 2 * i * 1000003 + 1, 1);
    }
    close(server);
    talk(client, 2 * i * 1000003, 0);
  }

  uint64_t records = 0, torn = 0, foreign = 0, process_context = 0;
  const auto check = [&](const hp_packet& p, const uint8_t* bytes) {
    ++records;
    process_context += p.direction == HP_EGRESS;
    const uint8_t* headers = bytes + p.syn_len;
    const uint8_t* payload = headers + p.header_len;
    if (p.copy_len == 0) return;
    const uint32_t padded = (p.copy_len + 7) & ~7u;
    std::string copy(reinterpret_cast<const char*>(payload), p.copy_len);
    copy.resize(padded + 8);
    if (hp_checksum(reinterpret_cast<const uint8_t*>(copy.data()), p.copy_len) != p.checksum) {
      ++torn;
      return;
    }
    // Headers of the same packet: an IPv4 header whose length agrees with the payload.
    const uint32_t total = static_cast<uint32_t>(headers[2]) << 8 | headers[3];
    if (headers[0] >> 4 != 4 || (total && total != p.header_len + p.payload_len)) {
      ++torn;
      return;
    }
    if (payload[0] == 0x16 && p.flags & HP_PACKET_NO_WINDOW) {
      const uint32_t length = 5 + (static_cast<uint32_t>(payload[3]) << 8 | payload[4]);
      if (length == p.copy_len && !follows_the_rule(payload, p.copy_len)) ++torn;
    } else {
      ++foreign;  // the rest of a message that was cut by segmentation
    }
  };
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (Clock::now() < end) {
    kernel.drain(check);
    usleep(500);
  }
  for (pid_t child : children)
    if (child > 0) kill(child, SIGKILL);
  for (pid_t child : children)
    if (child > 0) waitpid(child, nullptr, 0);
  usleep(200000);
  kernel.drain(check);
  close(ingress);
  close(egress);
  kernel.drain(check);

  const auto c = kernel.counters();
  const uint64_t accounted = c[HP_COUNT_EMITTED] + c[HP_COUNT_SYN_STASHED] + c[HP_COUNT_LOST_RING] +
                             c[HP_COUNT_LOST_RATE] + c[HP_COUNT_LOST_LOAD] + c[HP_COUNT_OWN];
  printf(
      "torn records: %llu records in %d s (%llu of process context, %llu later pieces), %llu torn; "
      "selected %llu = accounted %llu (ring full %llu)\n",
      static_cast<unsigned long long>(records), seconds,
      static_cast<unsigned long long>(process_context), static_cast<unsigned long long>(foreign),
      static_cast<unsigned long long>(torn), static_cast<unsigned long long>(c[HP_COUNT_SELECTED]),
      static_cast<unsigned long long>(accounted),
      static_cast<unsigned long long>(c[HP_COUNT_LOST_RING]));
  int failed = 0;
  if (torn) ++failed, printf("FAIL torn records\n");
  if (c[HP_COUNT_SELECTED] != accounted || records != c[HP_COUNT_EMITTED])
    ++failed, printf("FAIL the counters do not balance\n");
  if (process_context < 1000) ++failed, printf("FAIL too little traffic to tell\n");
  printf("%d passed, %d failed, 0 skipped\n", 3 - failed, failed);
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace handprint::test

int main(int count, char** arguments) {
  return handprint::test::run(count > 1 ? atoi(arguments[1]) : 10);
}
