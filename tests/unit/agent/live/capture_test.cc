// SPDX-License-Identifier: Apache-2.0
// Live capture against this kernel, in network namespaces of its own. Skips, with the reason, where
// BPF is not permitted.
#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "agent/source/live/doctor.h"
#include "agent/source/live/host.h"
#include "agent/source/live/live_capture.h"

namespace handprint {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint16_t server_port = 4433;

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  std::size_t got = 0;
  while ((got = fread(buffer, 1, sizeof(buffer), pipe)) > 0) out.append(buffer, got);
  pclose(pipe);
  return out;
}

int open_descriptors() {
  int count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

sockaddr_in address_of(const char* text, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

// A TLS record with a ClientHello (RFC 8446 section 4.1.2) that is whole, if plain.
std::string client_hello() {
  std::string body("\x03\x03", 2);
  body += std::string(32, 'r');
  body += std::string("\0\0\x02\x13\x01\x01\0", 7);  // no session, one suite, no compression
  body += std::string("\0\x04\0\x2b\0\0", 6);        // one extension
  std::string handshake("\x01\0\0", 3);
  handshake += static_cast<char>(body.size());
  handshake += body;
  std::string record("\x16\x03\x01\0", 4);
  record += static_cast<char>(handshake.size());
  return record + handshake;
}

// Answers every connection with one byte once it has read something.
[[noreturn]] void serve(int listener) {
  while (true) {
    const int connection = accept(listener, nullptr, nullptr);
    if (connection < 0) _exit(1);
    char buffer[4096];
    if (read(connection, buffer, sizeof(buffer)) > 0 && ::write(connection, "x", 1) < 0) _exit(1);
    close(connection);
  }
}

// One process, one connection. Result: its pid.
pid_t connect_once(const char* server) {
  const pid_t child = fork();
  if (child != 0) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "the client could not talk to " << server;
    return child;
  }
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = address_of(server, server_port);
  const std::string hello = client_hello();
  char answer = 0;
  const bool good =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::write(fd, hello.data(), hello.size()) == static_cast<ssize_t>(hello.size()) &&
      read(fd, &answer, 1) == 1;
  _exit(good ? 0 : 1);
}

struct Seen {
  uint8_t hook, direction, content;
  uint32_t pid;
  uint8_t role;
  uint32_t interface;
  std::size_t payload;
};

struct Collector : LiveSink {
  std::vector<Seen> segments;
  std::vector<hp_owner_event> owners;
  std::map<uint32_t, std::string> executed;
  void segment(const Segment& segment) override {
    if (segment.packet->destination_port != server_port &&
        segment.packet->source_port != server_port)
      return;
    segments.push_back({segment.hook, segment.direction, segment.content,
                        segment.owner != nullptr ? segment.owner->pid : 0,
                        segment.owner != nullptr ? segment.owner->role : uint8_t{0},
                        segment.interface, segment.packet->payload.size()});
  }
  void owner(const hp_owner_event& event) override { owners.push_back(event); }
  void process(const hp_process& process, std::string_view path, std::string_view) override {
    if (process.exec != 0) executed[process.pid] = path;
  }
  const Seen* find(uint8_t hook, uint8_t direction, uint8_t content) const {
    for (const Seen& seen : segments)
      if (seen.hook == hook && seen.direction == direction && seen.content == content) return &seen;
    return nullptr;
  }
};

// Two network namespaces joined by a veth pair: ours with hpt0 (10.77.0.1), the server's with hpt1
// (10.77.0.2). Nothing of it outlives this program.
class LiveCaptureTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto missing = missing_capabilities();
    if (!missing.empty()) {
      skip_ = "this process lacks " + std::string(missing.front());
      return;
    }
    before_ = open_file("/proc/self/ns/net");
    if (unshare(CLONE_NEWNET) != 0) {
      skip_ = "no network namespace can be made here";
      return;
    }
    run("ip link set lo up");
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    server_ = fork();
    ASSERT_GE(server_, 0);
    if (server_ == 0) {
      unshare(CLONE_NEWNET);
      char go = 'u';
      if (::write(ready[1], &go, 1) != 1) _exit(1);
      const auto until = Clock::now() + std::chrono::seconds(10);
      while (!run("ip link show hpt1") && Clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      run("ip address add 10.77.0.2/24 dev hpt1 && ip link set hpt1 up && ip link set lo up");
      const int listener = socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in address = address_of("10.77.0.2", server_port);
      if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        _exit(2);
      listen(listener, 16);
      go = 'l';
      if (::write(ready[1], &go, 1) != 1) _exit(1);
      serve(listener);
    }
    char word = 0;
    ASSERT_EQ(read(ready[0], &word, 1), 1);
    if (!run("ip link add hpt0 type veth peer name hpt1 netns " + std::to_string(server_)) ||
        !run("ip address add 10.77.0.1/24 dev hpt0 && ip link set hpt0 up")) {
      skip_ = "no veth pair can be made here (iproute2 missing?)";
      return;
    }
    ASSERT_EQ(read(ready[0], &word, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  static void TearDownTestSuite() {
    if (server_ > 0) {
      kill(server_, SIGKILL);
      waitpid(server_, nullptr, 0);
      server_ = 0;
    }
    if (before_ >= 0) {
      EXPECT_EQ(setns(before_, CLONE_NEWNET), 0);
      close(before_);
    }
  }
  void SetUp() override {
    if (!skip_.empty()) GTEST_SKIP() << skip_;
  }

  static int open_file(const char* path) {
    FILE* file = fopen(path, "re");
    const int fd = file != nullptr ? dup(fileno(file)) : -1;
    if (file != nullptr) fclose(file);
    return fd;
  }
  static LiveOptions options(LiveHook hook) {
    LiveOptions chosen;
    chosen.hook = hook;
    chosen.interfaces = {"hpt0"};
    chosen.packet_ring_bytes = 1 << 20;
    chosen.process_ring_bytes = 256 << 10;
    return chosen;
  }
  std::unique_ptr<LiveCapture> start(const LiveOptions& chosen) {
    Result<std::unique_ptr<LiveCapture>> capture = LiveCapture::start(chosen);
    EXPECT_TRUE(capture) << capture.error().text();
    return capture ? std::move(capture).value() : nullptr;
  }
  // Reads until `done` or three seconds passed.
  bool read_until(LiveCapture& capture, const std::function<bool()>& done) {
    const auto until = Clock::now() + std::chrono::seconds(3);
    while (!done()) {
      if (Clock::now() > until) return false;
      capture.poll(collector_, until);
    }
    return true;
  }

  static pid_t server_;
  static int before_;
  static std::string skip_;
  Collector collector_;
};

pid_t LiveCaptureTest::server_ = 0;
int LiveCaptureTest::before_ = -1;
std::string LiveCaptureTest::skip_;

TEST_F(LiveCaptureTest, TcSeesSynAndHelloWithTheirProcess) {
  for (const bool tcx : {true, false}) {
    SCOPED_TRACE(tcx ? "tcx" : "clsact");
    collector_ = Collector();
    LiveOptions chosen = options(LiveHook::tc);
    chosen.tcx = tcx;
    const auto capture = start(chosen);
    ASSERT_NE(capture, nullptr);
    ASSERT_EQ(capture->attached().size(), 1u);
    EXPECT_EQ(capture->attached()[0].name, "hpt0");
    const auto pid = static_cast<uint32_t>(connect_once("10.77.0.2"));
    ASSERT_TRUE(read_until(*capture, [&] {
      return collector_.find(HP_HOOK_TC, HP_EGRESS, HP_CONTENT_TLS_CLIENT) != nullptr;
    }));
    const Seen* syn = collector_.find(HP_HOOK_TC, HP_EGRESS, HP_CONTENT_SYN);
    ASSERT_NE(syn, nullptr);
    EXPECT_EQ(syn->pid, pid);
    EXPECT_EQ(syn->role, HP_ROLE_CLIENT);
    const Seen* hello = collector_.find(HP_HOOK_TC, HP_EGRESS, HP_CONTENT_TLS_CLIENT);
    EXPECT_EQ(hello->pid, pid);
    EXPECT_EQ(hello->payload, client_hello().size());
    EXPECT_EQ(capture->interface_name(hello->interface), "hpt0");
    // The peer trap: what comes in on our side is owned by our process, never by the sender.
    const Seen* answer = collector_.find(HP_HOOK_TC, HP_INGRESS, HP_CONTENT_SYN_ACK);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->pid, pid);
  }
}

TEST_F(LiveCaptureTest, CgroupSeesBothEndsOfANamespacesConnection) {
  if (cgroup2_mount().path.empty()) GTEST_SKIP() << "no cgroup2 is mounted";
  const auto capture = start(options(LiveHook::cgroup));
  ASSERT_NE(capture, nullptr);
  const auto pid = static_cast<uint32_t>(connect_once("10.77.0.2"));
  ASSERT_TRUE(read_until(*capture, [&] {
    return collector_.find(HP_HOOK_CGROUP, HP_INGRESS, HP_CONTENT_TLS_CLIENT) != nullptr;
  }));
  const Seen* syn = collector_.find(HP_HOOK_CGROUP, HP_EGRESS, HP_CONTENT_SYN);
  ASSERT_NE(syn, nullptr);
  EXPECT_EQ(syn->pid, pid);
  const Seen* hello = collector_.find(HP_HOOK_CGROUP, HP_EGRESS, HP_CONTENT_TLS_CLIENT);
  ASSERT_NE(hello, nullptr);
  EXPECT_EQ(hello->pid, pid);
  EXPECT_EQ(capture->interface_name(hello->interface), "hpt0");
  const Seen* received = collector_.find(HP_HOOK_CGROUP, HP_INGRESS, HP_CONTENT_TLS_CLIENT);
  EXPECT_EQ(received->pid, static_cast<uint32_t>(server_));
  EXPECT_EQ(received->interface, 0u) << "the number means something only in the server's namespace";
}

TEST_F(LiveCaptureTest, XdpSeesWhatComesAndTcWhatGoes) {
  LiveOptions chosen = options(LiveHook::xdp);
  chosen.xdp_mode = XdpMode::generic;
  const auto capture = start(chosen);
  ASSERT_NE(capture, nullptr);
  EXPECT_EQ(capture->attached()[0].how, "xdp generic");
  const auto pid = static_cast<uint32_t>(connect_once("10.77.0.2"));
  ASSERT_TRUE(read_until(*capture, [&] {
    return collector_.find(HP_HOOK_TC, HP_EGRESS, HP_CONTENT_TLS_CLIENT) != nullptr;
  }));
  EXPECT_NE(collector_.find(HP_HOOK_XDP, HP_INGRESS, HP_CONTENT_SYN_ACK), nullptr);
  const Seen* syn = collector_.find(HP_HOOK_TC, HP_EGRESS, HP_CONTENT_SYN);
  ASSERT_NE(syn, nullptr);
  EXPECT_EQ(syn->pid, pid);
  EXPECT_EQ(collector_.find(HP_HOOK_TC, HP_EGRESS, HP_CONTENT_TLS_CLIENT)->pid, pid);
}

TEST_F(LiveCaptureTest, ListenersOlderThanTheAgentAreSeeded) {
  const auto capture = start(options(LiveHook::tc));
  ASSERT_NE(capture, nullptr);
  if (!capture->report()[ProgramGroup::seed].loaded())
    GTEST_SKIP() << capture->report()[ProgramGroup::seed].detail;
  const auto& seeded = capture->seeded();
  EXPECT_TRUE(std::any_of(seeded.begin(), seeded.end(), [](const hp_owner& owner) {
    return owner.pid == static_cast<uint32_t>(server_);
  }));
}

TEST_F(LiveCaptureTest, ExecutionsAreTold) {
  const auto capture = start(options(LiveHook::tc));
  ASSERT_NE(capture, nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/true", "true", static_cast<char*>(nullptr));
    _exit(127);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const auto pid = static_cast<uint32_t>(child);
  ASSERT_TRUE(read_until(*capture, [&] { return collector_.executed.contains(pid); }));
  char real[4096];
  ASSERT_NE(realpath("/bin/true", real), nullptr);
  EXPECT_EQ(collector_.executed[pid], real);
}

TEST_F(LiveCaptureTest, BooksBalanceAndCopiesAreWhole) {
  LiveOptions chosen = options(LiveHook::tc);
  chosen.config.checksum = 1;
  const auto capture = start(chosen);
  ASSERT_NE(capture, nullptr);
  for (int i = 0; i < 20; ++i) connect_once("10.77.0.2");
  capture->stop();
  capture->drain(collector_);
  KernelCounters counters{};
  ASSERT_TRUE(capture->read_counters(counters));
  EXPECT_GE(counters[HP_COUNT_SELECTED], 60u);
  EXPECT_EQ(counters[HP_COUNT_SELECTED],
            counters[HP_COUNT_EMITTED] + counters[HP_COUNT_SYN_STASHED] +
                counters[HP_COUNT_LOST_RING] + counters[HP_COUNT_LOST_RATE] +
                counters[HP_COUNT_LOST_LOAD] + counters[HP_COUNT_OWN]);
  EXPECT_EQ(counters[HP_COUNT_EMITTED], capture->reader_counters().packet_records);
  EXPECT_EQ(capture->reader_counters().bad_records, 0u);
  EXPECT_EQ(capture->reader_counters().missing, 0u);
  EXPECT_EQ(capture->reader_counters().torn, 0u);
}

TEST_F(LiveCaptureTest, InterfacesComeGoAndAreRenamedWithoutALeak) {
  for (const bool tcx : {true, false}) {
    SCOPED_TRACE(tcx ? "tcx" : "clsact");
    LiveOptions chosen = options(LiveHook::tc);
    chosen.interfaces = {"hpt0", "hpn*"};
    chosen.tcx = tcx;
    const auto capture = start(chosen);
    ASSERT_NE(capture, nullptr);
    const auto is_attached = [&](const std::string& wanted) {
      const auto points = capture->attached();
      return std::any_of(points.begin(), points.end(),
                         [&](const auto& point) { return point.name == wanted; });
    };
    const auto eventually = [&](const std::function<bool()>& done) {
      const auto until = Clock::now() + std::chrono::seconds(5);
      while (!done() && Clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return done();
    };
    const int before = open_descriptors();
    for (int round = 0; round < 10; ++round) {
      ASSERT_TRUE(run("ip link add hpn0 type veth peer name hpx0"));
      EXPECT_TRUE(eventually([&] { return is_attached("hpn0"); }));
      EXPECT_FALSE(is_attached("hpx0"));
      ASSERT_TRUE(run("ip link set hpx0 name hpn1"));
      EXPECT_TRUE(eventually([&] { return is_attached("hpn1"); }));
      ASSERT_TRUE(run("ip link set hpn0 name hpy0"));
      EXPECT_TRUE(eventually([&] { return !is_attached("hpn0") && !is_attached("hpy0"); }));
      EXPECT_EQ(output_of("tc filter show dev hpy0 ingress").find("handprint"), std::string::npos);
      ASSERT_TRUE(run("ip link del hpn1"));
      EXPECT_TRUE(eventually([&] { return !is_attached("hpn1"); }));
    }
    EXPECT_TRUE(eventually([&] { return open_descriptors() == before; }));
    EXPECT_TRUE(is_attached("hpt0"));
  }
}

TEST_F(LiveCaptureTest, ANeighboursFilterStaysUntouched) {
  ASSERT_TRUE(run("tc qdisc replace dev hpt0 clsact"));
  ASSERT_TRUE(
      run("tc filter add dev hpt0 ingress pref 1 protocol all u32 match u32 0 0 flowid 1:1"));
  const std::string before = output_of("tc filter show dev hpt0 ingress pref 1");
  ASSERT_FALSE(before.empty());
  LiveOptions chosen = options(LiveHook::tc);
  chosen.tcx = false;
  {
    const auto capture = start(chosen);
    ASSERT_NE(capture, nullptr);
    const std::string during = output_of("tc filter show dev hpt0 ingress");
    EXPECT_NE(during.find("pref 2 bpf"), std::string::npos) << during;
    EXPECT_NE(during.find("handle 0x6870 handprint"), std::string::npos) << during;
    EXPECT_EQ(output_of("tc filter show dev hpt0 ingress pref 1"), before);
  }
  EXPECT_EQ(output_of("tc filter show dev hpt0 ingress pref 1"), before);
  EXPECT_EQ(output_of("tc filter show dev hpt0 ingress").find("handprint"), std::string::npos);
  EXPECT_NE(output_of("tc qdisc show dev hpt0").find("clsact"), std::string::npos);
  run("tc qdisc del dev hpt0 clsact");
}

TEST_F(LiveCaptureTest, LeftoversOfAKilledAgentAreRemovedAndThoseOfALivingOneAreNot) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t agent = fork();
  ASSERT_GE(agent, 0);
  if (agent == 0) {
    LiveOptions chosen = options(LiveHook::tc);
    chosen.tcx = false;
    chosen.owners = false;
    auto capture = LiveCapture::start(chosen);
    const char word = capture ? 'y' : 'n';
    if (::write(ready[1], &word, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char word = 0;
  ASSERT_EQ(read(ready[0], &word, 1), 1);
  EXPECT_EQ(word, 'y');
  const Result<std::size_t> living = detach_leftovers();
  ASSERT_TRUE(living) << living.error().text();
  EXPECT_EQ(*living, 0u);
  {
    // A second agent beside it takes a place of its own.
    LiveOptions chosen = options(LiveHook::tc);
    chosen.tcx = false;
    const auto capture = start(chosen);
    ASSERT_NE(capture, nullptr);
    EXPECT_NE(output_of("tc filter show dev hpt0 egress").find("handle 0x6871 handprint"),
              std::string::npos);
  }
  EXPECT_NE(output_of("tc filter show dev hpt0 egress").find("handle 0x6870 handprint"),
            std::string::npos);
  EXPECT_EQ(output_of("tc filter show dev hpt0 egress").find("handle 0x6871"), std::string::npos);
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  EXPECT_NE(output_of("tc filter show dev hpt0 egress").find("handprint"), std::string::npos);
  const Result<std::size_t> dead = detach_leftovers();
  ASSERT_TRUE(dead) << dead.error().text();
  EXPECT_EQ(*dead, 2u);
  EXPECT_EQ(output_of("tc filter show dev hpt0 egress").find("handprint"), std::string::npos);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(LiveCaptureTest, MissingInterfacesAreNamed) {
  LiveOptions chosen = options(LiveHook::tc);
  chosen.interfaces = {"nosuch0"};
  const auto capture = LiveCapture::start(chosen);
  ASSERT_FALSE(capture);
  EXPECT_EQ(capture.error().text(), "there is no network interface nosuch0");
}

TEST_F(LiveCaptureTest, ReloadChangesWhatMayChange) {
  const auto capture = start(options(LiveHook::tc));
  ASSERT_NE(capture, nullptr);
  LiveOptions changed = options(LiveHook::tc);
  changed.interfaces = {"lo"};
  changed.config.syn_rate = 5;
  ASSERT_TRUE(capture->reconfigure(changed));
  ASSERT_EQ(capture->attached().size(), 1u);
  EXPECT_EQ(capture->attached()[0].name, "lo");
  changed.hook = LiveHook::cgroup;
  const Result<void> refused = capture->reconfigure(changed);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("restart"), std::string::npos);
}

TEST_F(LiveCaptureTest, DoctorLoadsEveryGroup) {
  const std::vector<Check> checks = examine_live_capture(options(LiveHook::automatic));
  for (const char* wanted :
       {"kernel", "btf", "cgroup2", "capabilities", "unprivileged_bpf", "lockdown", "tcx",
        "capture_tc", "capture_cgroup", "capture_xdp", "owner_trace", "memory"}) {
    const auto check = std::find_if(checks.begin(), checks.end(),
                                    [&](const Check& c) { return c.check == wanted; });
    ASSERT_NE(check, checks.end()) << wanted;
    EXPECT_FALSE(check->detail.empty());
    EXPECT_NE(check->state, CheckState::fail) << wanted << ": " << check->detail;
  }
}

TEST(LiveCaptureUnprivileged, SaysWhatIsMissing) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(2);
    LiveOptions chosen;
    chosen.hook = LiveHook::tc;
    LoadReport report;
    const auto capture = LiveCapture::start(chosen, &report);
    if (capture) _exit(3);
    const std::string text = capture.error().text();
    if (text.find("CAP_BPF") == std::string::npos ||
        text.find("CAP_NET_ADMIN") == std::string::npos)
      _exit(4);
    _exit(report[ProgramGroup::capture_tc].cause == LoadCause::no_capability ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace handprint
