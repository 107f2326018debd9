// SPDX-License-Identifier: Apache-2.0
// Nanoseconds of the kernel side. Capture programs by BPF_PROG_TEST_RUN, each packet kind at each
// hook, the program that does nothing beside; tracing programs by the kernel's own statistics while
// real sockets are read and processes started, likewise.
//
//   bpf_bench [--json FILE] [--kernel]      --kernel: skip what attaches to the running system
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bpf_nop.skel.h"
#include "handprint_bpf.skel.h"
#include "kernel_selector.h"
#include "packet_builder.h"

extern char** environ;

namespace handprint::test {
namespace {

struct Figures {
  double least = 0, median = 0;
};

Figures figures(std::vector<double> rounds) {
  rounds.erase(rounds.begin());  // the first one warms caches up
  std::sort(rounds.begin(), rounds.end());
  return {rounds.front(), rounds[rounds.size() / 2]};
}

struct Kind {
  const char* name;
  Frame frame;
  bool copied;    // makes a record: the ring is drained between rounds
  double budget;  // ns, 0: none
};

std::vector<Kind> kinds() {
  const std::string bulk(1400, 'x');
  const auto ethernet = [] { return PacketBuilder().ethernet(); };
  return {
      {"not TCP", ethernet().ipv4().other(1).payload("ping").padding(40).bytes(), false, 15},
      {"pure ACK, IPv4", ethernet().ipv4().tcp().padding(6).bytes(), false, 15},
      {"pure ACK, IPv6", ethernet().ipv6().tcp().bytes(), false, 15},
      {"pure ACK, QinQ", PacketBuilder().vlan(5, 0x88a8).vlan(6).ipv4().tcp().bytes(), false, 15},
      {"bulk 1400 B, IPv4", ethernet().ipv4().tcp(41000).payload(bulk).bytes(), false, 40},
      {"bulk 1400 B, IPv6", ethernet().ipv6().tcp(41000).payload(bulk).bytes(), false, 40},
      {"SYN", ethernet().ipv4().tcp(42000).flags(2).tcp_options(linux_syn_options()).bytes(), true,
       250},
      {"ClientHello 517 B", ethernet().ipv4().tcp(43000).payload(client_hello(517)).bytes(), true,
       250},
      {"ClientHello 1400 B", ethernet().ipv4().tcp(44000).payload(client_hello(1400)).bytes(), true,
       0},
      {"HTTP GET 400 B",
       ethernet()
           .ipv4()
           .tcp(45000)
           .payload("GET / HTTP/1.1\r\nHost: example.org\r\nX: " + std::string(358, 'h') +
                    "\r\n\r\n")
           .bytes(),
       true, 0},
  };
}

Figures measure(KernelSelector& kernel, Program program, const Kind& kind) {
  std::vector<double> rounds;
  for (int round = 0; round < 16; ++round) {
    kernel.reset();
    const uint32_t repeat = kind.copied ? 1500 : 100000;
    const RunResult result = kernel.run(program, kind.frame, repeat);
    if (result.error) return {-1, -1};
    rounds.push_back(result.nanoseconds);
  }
  return figures(rounds);
}

Figures measure_descriptor(int descriptor, const Frame& frame) {
  std::vector<double> rounds;
  std::vector<uint8_t> out(4096);
  for (int round = 0; round < 16; ++round) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<uint32_t>(out.size());
    options.repeat = 100000;
    if (bpf_prog_test_run_opts(descriptor, &options) != 0) return {-1, -1};
    rounds.push_back(options.duration);
  }
  return figures(rounds);
}

// Nanoseconds a run of an attached program, from the kernel's statistics.
struct Statistics {
  uint64_t nanoseconds = 0, runs = 0;
};

Statistics statistics(const bpf_program* program) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
  return {info.run_time_ns, info.run_cnt};
}

// Reads of one byte each on one accepted loopback connection.
void many_reads(int count) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener, 1);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return;
  const int server = accept(listener, nullptr, nullptr);
  const std::string block(4096, 'x');
  char byte = 0;
  for (int i = 0; i < count; ++i) {
    if (i % 4096 == 0 && send(client, block.data(), block.size(), 0) < 0) break;
    if (recv(server, &byte, 1, 0) != 1) break;
  }
  close(server);
  close(client);
  close(listener);
}

void many_processes(int count) {
  for (int i = 0; i < count; ++i) {
    char name[] = "/bin/true";
    char* arguments[] = {name, nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, name, nullptr, nullptr, arguments, environ) == 0)
      waitpid(pid, nullptr, 0);
  }
}

struct Row {
  std::string name, hook;
  double ns = 0, least = 0, nop = 0, budget = 0;
};

// The difference in the mean of one program and of the one that does nothing, in the same runs.
std::optional<Row> traced(const char* name, double budget, const bpf_program* ours,
                          const bpf_program* nop, const std::function<void()>& work) {
  bpf_link* a = bpf_program__attach(ours);
  bpf_link* b = bpf_program__attach(nop);
  if (!a || !b) return std::nullopt;
  work();  // what is announced once is announced here
  std::vector<double> rounds, nops;
  for (int round = 0; round < 6; ++round) {
    const Statistics x = statistics(ours), y = statistics(nop);
    work();
    const Statistics x2 = statistics(ours), y2 = statistics(nop);
    rounds.push_back(static_cast<double>(x2.nanoseconds - x.nanoseconds) /
                     static_cast<double>(std::max<uint64_t>(1, x2.runs - x.runs)));
    nops.push_back(static_cast<double>(y2.nanoseconds - y.nanoseconds) /
                   static_cast<double>(std::max<uint64_t>(1, y2.runs - y.runs)));
  }
  bpf_link__destroy(a);
  bpf_link__destroy(b);
  const Figures f = figures(rounds), n = figures(nops);
  return Row{name, "tracing", f.median - n.median, f.least - n.least, n.median, budget};
}

int run(int count, char** arguments) {
  std::string json;
  bool attach = true;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--json" && i + 1 < count)
      json = arguments[++i];
    else if (argument == "--kernel")
      attach = false;
    else if (argument != "--benchmark_format=console") {
      fprintf(stderr, "usage: bpf_bench [--json FILE] [--kernel]\n");
      return 2;
    }
  }
  constexpr std::array programs = {Program::tc_ingress, Program::tc_egress, Program::cgroup_ingress,
                                   Program::cgroup_egress, Program::xdp_ingress};
  KernelSelector kernel(programs);
  if (!kernel.error().empty()) {
    printf("skipped: %s\n", kernel.error().c_str());
    return kernel.lacks_privilege() ? 0 : 1;
  }
  kernel.config().test_time_ns = 0;
  kernel.config().hash_seed = 0x5eed;
  kernel.config().policy.requests = 0;     // or a direction would fall silent
  kernel.config().syn_rate = 4000000000u;  // the bucket is asked, and has enough
  kernel.config().hello_rate = 4000000000u;

  bpf_nop* nop = bpf_nop__open_and_load();
  if (!nop) return 1;
  const Frame small = PacketBuilder().ethernet().ipv4().tcp().padding(6).bytes();
  const double nop_tc = measure_descriptor(bpf_program__fd(nop->progs.nop_tc), small).median;
  const double nop_cgroup =
      measure_descriptor(bpf_program__fd(nop->progs.nop_cgroup), small).median;
  const double nop_xdp = measure_descriptor(bpf_program__fd(nop->progs.nop_xdp), small).median;

  struct Hook {
    const char* name;
    Program program;
    double nop;
  };
  const Hook hooks[] = {{"tc in", Program::tc_ingress, nop_tc},
                        {"tc out", Program::tc_egress, nop_tc},
                        {"cgroup in", Program::cgroup_ingress, nop_cgroup},
                        {"cgroup out", Program::cgroup_egress, nop_cgroup},
                        {"xdp", Program::xdp_ingress, nop_xdp}};
  std::vector<Row> rows;
  printf(
      "nanoseconds a packet, BPF_PROG_TEST_RUN, median of 15 rounds, above a program that does "
      "nothing\n");
  printf("%-22s", "");
  for (const Hook& hook : hooks) printf("%12s", hook.name);
  printf("%12s\n%-22s", "budget", "(nothing itself)");
  for (const Hook& hook : hooks) printf("%12.0f", hook.nop);
  printf("\n");
  for (const Kind& kind : kinds()) {
    printf("%-22s", kind.name);
    for (const Hook& hook : hooks) {
      if (std::string_view(kind.name) == "pure ACK, QinQ" && hook.name[0] == 'c') {
        printf("%12s", "-");  // no layer 2 at this hook
        continue;
      }
      const Figures f = measure(kernel, hook.program, kind);
      printf("%12.0f", f.median - hook.nop);
      fflush(stdout);
      rows.push_back({kind.name, hook.name, f.median, f.least, hook.nop, kind.budget});
    }
    if (kind.budget > 0) printf("%12.0f", kind.budget);
    printf("\n");
  }

  if (attach) {
    const int enabled = bpf_enable_stats(BPF_STATS_RUN_TIME);
    handprint_bpf* tracing = handprint_bpf__open();
    if (tracing && enabled >= 0) {
      bpf_program* program = nullptr;
      bpf_object__for_each_program(program, tracing->obj) {
        const std::string name = bpf_program__name(program);
        bpf_program__set_autoload(
            program, name == "sock_state" || name == "sock_read" || name == "process_exec");
      }
      if (handprint_bpf__load(tracing) == 0) {
        hp_config config{};
        config.wakeup_bytes = 1u << 30;
        const uint32_t zero = 0;
        bpf_map_update_elem(bpf_map__fd(tracing->maps.config), &zero, &config, BPF_ANY);
        bpf_link* state = bpf_program__attach(tracing->progs.sock_state);
        printf(
            "\nnanoseconds a run above the program that does nothing, kernel statistics, median of "
            "5 rounds\n");
        for (const auto& row : {traced("read by a known worker", 20, tracing->progs.sock_read,
                                       nop->progs.nop_read, [] { many_reads(100000); }),
                                traced("exec", 2000, tracing->progs.process_exec,
                                       nop->progs.nop_exec, [] { many_processes(200); })}) {
          if (!row) continue;
          printf("%-22s%12.0f%60s%.0f\n", row->name.c_str(), row->ns, "budget ", row->budget);
          rows.push_back(*row);
        }
        bpf_link__destroy(state);
      }
    }
    handprint_bpf__destroy(tracing);
    if (enabled >= 0) close(enabled);
  }
  bpf_nop__destroy(nop);

  if (!json.empty()) {
    FILE* file = fopen(json.c_str(), "we");
    if (!file) {
      fprintf(stderr, "bpf_bench: %s: %s\n", json.c_str(), strerror(errno));
      return 1;
    }
    fprintf(file, "[\n");
    for (size_t i = 0; i < rows.size(); ++i)
      fprintf(file,
              "  {\"name\": \"%s\", \"hook\": \"%s\", \"ns\": %.1f, \"least\": %.1f, \"nop\": "
              "%.1f, \"budget\": %.0f}%s\n",
              rows[i].name.c_str(), rows[i].hook.c_str(), rows[i].ns, rows[i].least, rows[i].nop,
              rows[i].budget, i + 1 < rows.size() ? "," : "");
    fprintf(file, "]\n");
    fclose(file);
  }
  return 0;
}

}  // namespace
}  // namespace handprint::test

int main(int count, char** arguments) { return handprint::test::run(count, arguments); }
