// SPDX-License-Identifier: Apache-2.0
// Every packet of every capture through the kernel's programs and through user space: the same
// decision, the same bytes, the same window table; and what is copied is what fingerprints need.
//
//   equivalence [--user-only] FOLDER…
//
// Each capture is one test. --user-only leaves the kernel out: so the seeded faults are judged,
// which stand on both sides and can only be told by what they copy.
#include <cstdio>
#include <cstring>
#include <string_view>

#include "corpus.h"
#include "flow/selection.h"
#include "oracle.h"
#ifndef HP_USER_ONLY
#include "kernel_selector.h"
#endif

namespace handprint::test {
namespace {

constexpr uint32_t scope = 1;  // of the loopback interface, which a test run pretends

struct Totals {
  uint64_t captures = 0, failed = 0, packets = 0, compared = 0, not_compared = 0, selected = 0;
  OracleReport oracle;
};

const char* short_name(const std::string& path) {
  const size_t slash = path.rfind('/', path.rfind('/') - 1);
  return path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
}

#ifndef HP_USER_ONLY
constexpr std::array kernel_programs = {Program::tc_ingress, Program::cgroup_ingress,
                                        Program::xdp_ingress};
constexpr size_t largest_skb_frame =
    3500;  // test runs of tc and cgroup refuse more than about a page

std::string hex(uint64_t value) {
  char text[32];
  snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(value));
  return text;
}

// The first difference between both window tables, empty if there is none.
std::string compare_tables(KernelSelector& kernel, const Selection& user) {
  const hp_set* a = kernel.sets();
  const hp_set* b = user.sets();
  for (uint32_t set = 0; set < HP_SETS; ++set) {
    if (std::memcmp(&a[set], &b[set], sizeof(hp_set)) != 0)
      return "set " + std::to_string(set) + " differs";
    for (uint32_t way = 0; way < HP_WAYS; ++way) {
      if (a[set].tag[way] == 0) continue;
      const hp_slot& x = kernel.slots()[set * HP_WAYS + way];
      const hp_slot& y = user.slots()[set * HP_WAYS + way];
      if (!hp_key_equal(&x.key, &y.key))
        return "key of slot " + hex(set * HP_WAYS + way) + " differs";
      if (std::memcmp(&x.window, &y.window, sizeof(hp_window)) != 0 || x.syn_len != y.syn_len)
        return "window of slot " + hex(set * HP_WAYS + way) + " differs";
    }
  }
  return {};
}

// One capture through one program (frames that are too large for it through XDP, same maps).
std::string compare(const std::string& path, KernelSelector& kernel, Program program,
                    Totals& totals) {
  kernel.reset();
  Selection user(live_policy(), 0);
  std::string difference, error;
  uint64_t number = 0;
  read_capture(path, error, [&](CorpusPacket& p) {
    ++number;
    if (!difference.empty()) return;
    hp_decision decision{};
    const bool selected = p.decoded && user.select(p.packet, p.time, scope, decision);
    kernel.config().test_time_ns = static_cast<uint64_t>(p.time);
    RunResult run = {.error = 1};
    const auto& frame = program == Program::cgroup_ingress ? p.untagged : p.ethernet;
    if (program != Program::xdp_ingress && frame.size() <= largest_skb_frame)
      run = kernel.run(program, frame);
    if (run.error != 0) run = kernel.run(Program::xdp_ingress, p.ethernet);
    if (run.error != 0) {
      ++totals.not_compared;
      printf("not compared: %s packet %llu: %s\n", short_name(path),
             static_cast<unsigned long long>(number), strerror(run.error));
      return;
    }
    ++totals.compared;
    bool seen = false;
    kernel.drain([&](const hp_packet& record, const uint8_t* bytes) {
      seen = true;
      const uint8_t* payload = bytes + record.syn_len + record.header_len;
      std::string what;
      if (!selected)
        what = "the kernel selects it, user space does not";
      else if (record.content != decision.content)
        what = "content " + std::to_string(record.content) + " and " +
               std::to_string(decision.content);
      else if (record.copy_off != decision.copy_off || record.copy_len != decision.copy_len)
        what = "copies " + std::to_string(record.copy_len) + " and " +
               std::to_string(decision.copy_len) + " bytes";
      else if (std::memcmp(payload, p.packet.payload.data() + decision.copy_off,
                           decision.copy_len) != 0)
        what = "other bytes";
      else if (((record.flags & HP_PACKET_NO_WINDOW) != 0) != (decision.by_content != 0))
        what = "found by content or by window";
      else if (record.payload_len != p.packet.payload.size())
        what = "another payload length";
      if (!what.empty()) difference = "packet " + std::to_string(number) + ": " + what;
    });
    if (!seen && selected)
      difference =
          "packet " + std::to_string(number) + ": user space selects it, the kernel does not";
    totals.selected += selected;
  });
  if (difference.empty()) difference = compare_tables(kernel, user);
  return difference;
}
#endif

std::string judge(const std::string& path, Totals& totals) {
  Selection user(live_policy(), 0);
  Oracle oracle(live_policy());
  std::string error;
  const bool readable = read_capture(path, error, [&](CorpusPacket& p) {
    ++totals.packets;
    if (!p.decoded) return;
    hp_decision decision{};
    if (!user.select(p.packet, p.time, scope, decision)) decision = {};
    oracle.packet(p.packet, decision);
  });
  if (!readable) return "cannot be read: " + error;
  const OracleReport report = oracle.report();
  totals.oracle.add(report);
  return report.failures.empty() ? std::string() : report.failures[0];
}

int run(int count, char** arguments) {
  std::vector<std::string> folders;
  [[maybe_unused]] bool user_only = false;
  for (int i = 1; i < count; ++i) {
    if (std::string_view(arguments[i]) == "--user-only")
      user_only = true;
    else
      folders.emplace_back(arguments[i]);
  }
#ifdef HP_USER_ONLY
  user_only = true;
#endif
  const std::vector<std::string> paths = captures_under(folders);
  Totals totals;
  std::string skip;
#ifndef HP_USER_ONLY
  std::unique_ptr<KernelSelector> kernel;
  if (!user_only) {
    kernel = std::make_unique<KernelSelector>(kernel_programs);
    if (kernel->lacks_privilege())
      skip = kernel->error();
    else if (!kernel->error().empty()) {
      printf("FAIL the programs: %s\n0 passed, 1 failed, 0 skipped\n", kernel->error().c_str());
      return 1;
    }
  }
#endif
  for (const std::string& path : paths) {
    ++totals.captures;
    std::string difference = judge(path, totals);
#ifndef HP_USER_ONLY
    if (!user_only && skip.empty())
      for (Program program : kernel_programs) {
        if (!difference.empty()) break;
        difference = compare(path, *kernel, program, totals);
        if (!difference.empty()) {
          const char* names[] = {"tc", "tc", "tc", "cgroup", "cgroup", "xdp"};
          difference = std::string(names[static_cast<size_t>(program)]) + ": " + difference;
        }
      }
#endif
    if (!difference.empty()) {
      ++totals.failed;
      printf("FAIL %s: %s\n", short_name(path), difference.c_str());
    }
  }
  const OracleReport& o = totals.oracle;
  const double ratio = o.needed ? static_cast<double>(o.copied) / static_cast<double>(o.needed) : 0;
  printf("%llu packets in %llu captures; %llu test runs compared, %llu not compared\n",
         static_cast<unsigned long long>(totals.packets),
         static_cast<unsigned long long>(totals.captures),
         static_cast<unsigned long long>(totals.compared),
         static_cast<unsigned long long>(totals.not_compared));
  printf(
      "%llu messages of %llu bytes; copied of their streams %llu bytes (%.3f times), missing %llu; "
      "samples of other streams %llu bytes\n",
      static_cast<unsigned long long>(o.messages), static_cast<unsigned long long>(o.needed),
      static_cast<unsigned long long>(o.copied), ratio, static_cast<unsigned long long>(o.missing),
      static_cast<unsigned long long>(o.samples));
  uint64_t failed = totals.failed;
  if (ratio > 1.1) {
    printf("FAIL copied bytes: more than 1.1 times what messages hold\n");
    ++failed;
  }
  if (totals.not_compared) {
    printf("FAIL %llu packets were not compared\n",
           static_cast<unsigned long long>(totals.not_compared));
    ++failed;
  }
  if (!skip.empty()) {
    printf("skipped: %s\n", skip.c_str());
    printf("0 passed, %llu failed, %llu skipped\n", static_cast<unsigned long long>(failed),
           static_cast<unsigned long long>(totals.captures - totals.failed));
  } else {
    printf("%llu passed, %llu failed, 0 skipped\n",
           static_cast<unsigned long long>(totals.captures - totals.failed),
           static_cast<unsigned long long>(failed));
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace handprint::test

int main(int count, char** arguments) { return handprint::test::run(count, arguments); }
