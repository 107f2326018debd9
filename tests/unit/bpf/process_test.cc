// SPDX-License-Identifier: Apache-2.0
// Who owns a socket, and who a process is: the tracing programs attached to the running kernel,
// this test's own sockets and children before them.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "bpf/wire.h"
#include "handprint_bpf.skel.h"

namespace handprint::test {
namespace {

struct Process {
  hp_process record;
  std::string path;
  std::vector<std::string> arguments;
};

int quiet(libbpf_print_level, const char*, va_list) { return 0; }

// Loopback TCP socket that listens, and its address.
struct Listener {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};

  Listener() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd, 8), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  }
  ~Listener() { close(fd); }

  int connect_to() const {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return client;
  }
};

class Tracing : public ::testing::Test {
 protected:
  static handprint_bpf* skeleton_;
  static std::vector<bpf_link*> links_;
  static std::string problem_;
  static bool lacks_privilege_;
  // Two connections that are older than the programs: what is known of them is who holds them.
  struct Older {
    int client = -1, server = -1;
  };
  static std::array<Older, 2> older_;

  static void SetUpTestSuite() {
    const Listener listener;
    for (Older& one : older_) {
      one.client = listener.connect_to();
      one.server = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
    }
    libbpf_set_print(quiet);
    skeleton_ = handprint_bpf__open();
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) {
      const std::string name = bpf_program__name(program);
      bpf_program__set_autoload(program, name == "sock_state" || name == "sock_read" ||
                                             name == "process_exec" || name == "seed_sockets");
    }
    const int error = handprint_bpf__load(skeleton_);
    if (error != 0) {
      lacks_privilege_ = geteuid() != 0;
      problem_ = lacks_privilege_ ? "needs CAP_BPF and CAP_PERFMON (or root)" : strerror(-error);
      return;
    }
    hp_config config{};
    const uint32_t zero = 0;
    bpf_map_update_elem(bpf_map__fd(skeleton_->maps.config), &zero, &config, BPF_ANY);
    for (bpf_program* tracing :
         {skeleton_->progs.sock_state, skeleton_->progs.sock_read, skeleton_->progs.process_exec}) {
      links_.push_back(bpf_program__attach(tracing));
      if (!links_.back()) problem_ = "the tracepoints cannot be attached";
    }
  }
  static void TearDownTestSuite() {
    for (bpf_link* link : links_) bpf_link__destroy(link);
    links_.clear();
    handprint_bpf__destroy(skeleton_);
    for (const Older& one : older_) {
      close(one.client);
      close(one.server);
    }
  }
  void SetUp() override {
    if (lacks_privilege_) GTEST_SKIP() << problem_;
    ASSERT_EQ(problem_, "");
    drain();
  }

  std::vector<Process> processes_;
  std::vector<hp_owner_event> owners_;

  void drain() {
    ring_buffer* ring = ring_buffer__new(
        bpf_map__fd(skeleton_->maps.processes),
        [](void* self, void* data, size_t) {
          static_cast<Tracing*>(self)->take(static_cast<const char*>(data));
          return 0;
        },
        this, nullptr);
    ring_buffer__consume(ring);
    ring_buffer__free(ring);
  }
  void take(const char* data) {
    if (data[1] == HP_RECORD_OWNER) {
      std::memcpy(&owners_.emplace_back(), data, sizeof(hp_owner_event));
      return;
    }
    Process& p = processes_.emplace_back();
    std::memcpy(&p.record, data, sizeof(hp_process));
    p.path.assign(data + sizeof(hp_process), p.record.path_len);
    const char* arguments = data + sizeof(hp_process) + p.record.path_len;
    for (size_t at = 0; at < p.record.args_len;) {
      p.arguments.emplace_back(arguments + at, strnlen(arguments + at, p.record.args_len - at));
      at += p.arguments.back().size() + 1;
    }
  }
  const Process* process(pid_t pid) const {
    for (const Process& p : processes_)
      if (p.record.pid == static_cast<uint32_t>(pid)) return &p;
    return nullptr;
  }
  static hp_socket storage(int fd) {
    hp_socket socket{};
    bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.socket_owners), &fd, &socket);
    return socket;
  }
  // What the descriptor tables of all processes say.
  static std::vector<hp_seed> seed() {
    bpf_link* iterator = bpf_program__attach_iter(skeleton_->progs.seed_sockets, nullptr);
    EXPECT_NE(iterator, nullptr);
    const int fd = bpf_iter_create(bpf_link__fd(iterator));
    EXPECT_GE(fd, 0);
    std::string bytes;
    char buffer[8192];
    for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;)
      bytes.append(buffer, static_cast<size_t>(n));
    close(fd);
    bpf_link__destroy(iterator);
    EXPECT_EQ(bytes.size() % sizeof(hp_seed), 0u);
    std::vector<hp_seed> seeds(bytes.size() / sizeof(hp_seed));
    std::memcpy(seeds.data(), bytes.data(), seeds.size() * sizeof(hp_seed));
    return seeds;
  }
  // Runs `work` in a child and waits for it.
  static pid_t child(const std::function<void()>& work) {
    const pid_t pid = fork();
    if (pid == 0) {
      work();
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
    return pid;
  }
};

handprint_bpf* Tracing::skeleton_ = nullptr;
std::vector<bpf_link*> Tracing::links_;
std::string Tracing::problem_;
bool Tracing::lacks_privilege_ = false;
std::array<Tracing::Older, 2> Tracing::older_;

// Start of a process in clock ticks, field 22 of /proc/PID/stat.
uint64_t start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  text = text.substr(text.rfind(')') + 2);
  size_t at = 0;
  for (int field = 3; field < 22; ++field) at = text.find(' ', at) + 1;
  return std::stoull(text.substr(at));
}

TEST_F(Tracing, ExecIsAnnouncedWithPathArgumentsAndParent) {
  const std::string real = std::filesystem::canonical("/bin/true");
  const pid_t pid = child([] { execl("/bin/true", "true", "--one", "two words", nullptr); });
  drain();
  const Process* p = process(pid);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->record.exec, 1);
  EXPECT_EQ(p->path, real);
  EXPECT_EQ(p->record.path_complete, 1);
  EXPECT_EQ(p->arguments, (std::vector<std::string>{"true", "--one", "two words"}));
  EXPECT_STREQ(p->record.comm, "true");
  EXPECT_EQ(p->record.parent_pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(p->record.uid, geteuid());
  struct stat file;
  ASSERT_EQ(stat(real.c_str(), &file), 0);
  EXPECT_EQ(p->record.exe_inode, file.st_ino);
  EXPECT_EQ(p->record.exe_dev, static_cast<uint32_t>(file.st_dev));
}

TEST_F(Tracing, LongPathsAndManyArgumentsTakeALargerRecord) {
  for (size_t length : {10u, 30u, 60u, 110u}) {
    char pattern[] = "/tmp/handprint-test-XXXXXX";
    const std::filesystem::path top = mkdtemp(pattern);
    const auto folder =
        top / std::string(length, 'a') / std::string(length, 'b') / std::string(length, 'c');
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(std::filesystem::canonical("/bin/true"), folder / "program");
    const std::string path = std::filesystem::canonical(folder / "program");
    for (size_t argument : {1u, 180u, 300u, 440u, 900u}) {
      processes_.clear();
      const std::string text(argument, 'x');
      const pid_t pid = child([&] { execl(path.c_str(), "program", text.c_str(), nullptr); });
      drain();
      const Process* p = process(pid);
      ASSERT_NE(p, nullptr);
      EXPECT_EQ(p->path, path) << length;
      EXPECT_EQ(p->arguments, (std::vector<std::string>{"program", text})) << length;
    }
    std::filesystem::remove_all(top);
  }
}

TEST_F(Tracing, ConnectMakesTheProcessTheClientAndAnnouncesItOnce) {
  Listener listener;
  const pid_t pid = child([&] {
    close(listener.connect_to());
    close(listener.connect_to());
  });
  drain();
  size_t announced = 0;
  for (const Process& p : processes_) announced += p.record.pid == static_cast<uint32_t>(pid);
  EXPECT_EQ(announced, 1u);
  EXPECT_EQ(process(pid)->record.exec, 0);
  EXPECT_EQ(process(pid)->path, std::filesystem::canonical("/proc/self/exe").string());

  const int client = listener.connect_to();
  const hp_socket socket = storage(client);
  EXPECT_EQ(socket.owner.pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(socket.owner.role, HP_ROLE_CLIENT);
  EXPECT_EQ(socket.owner.uid, geteuid());
  EXPECT_EQ(socket.owner.start_ns / (1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK))),
            start_ticks());
  struct stat netns;
  ASSERT_EQ(stat("/proc/self/ns/net", &netns), 0);
  EXPECT_EQ(socket.owner.netns, netns.st_ino);
  close(client);
}

TEST_F(Tracing, TheFirstReaderOfAnAcceptedChildIsItsWorker) {
  Listener listener;
  EXPECT_EQ(storage(listener.fd).owner.role, HP_ROLE_LISTENER);
  const int client = listener.connect_to();
  const int server = accept(listener.fd, nullptr, nullptr);
  EXPECT_EQ(storage(server).owner.role, HP_ROLE_LISTENER) << "inherited";
  EXPECT_EQ(storage(server).has_worker, 0u);
  ASSERT_EQ(send(client, "hello", 5, 0), 5);
  const pid_t worker = child([&] {
    char byte;
    for (int i = 0; i < 5; ++i)
      if (recv(server, &byte, 1, 0) != 1) _exit(1);
  });
  drain();
  const hp_socket socket = storage(server);
  EXPECT_EQ(socket.has_worker, 1u);
  EXPECT_EQ(socket.worker.pid, static_cast<uint32_t>(worker));
  EXPECT_EQ(socket.owner.pid, static_cast<uint32_t>(getpid())) << "the listener stays known";
  size_t events = 0;
  for (const hp_owner_event& e : owners_) {
    if (e.owner.pid != static_cast<uint32_t>(worker)) continue;
    ++events;
    EXPECT_EQ(e.owner.role, HP_ROLE_WORKER);
    EXPECT_EQ(e.family, AF_INET);
    EXPECT_EQ(e.local_port, ntohs(listener.address.sin_port));
    EXPECT_NE(e.cookie, 0u);
    EXPECT_EQ(std::memcmp(e.local_address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16), 0);
  }
  EXPECT_EQ(events, 1u);
  EXPECT_NE(process(worker), nullptr) << "a worker that was not seen to exec is announced";
  // The next reader changes nothing.
  ASSERT_EQ(send(client, "x", 1, 0), 1);
  char byte;
  ASSERT_EQ(recv(server, &byte, 1, 0), 1);
  EXPECT_EQ(storage(server).worker.pid, static_cast<uint32_t>(worker));
  close(server);
  close(client);
}

TEST_F(Tracing, SocketsOfTheDescriptorTablesAreSeededAndNotOverwritten) {
  Listener listener;                                                 // learned while it happened
  const int before = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);  // no program saw this one
  bool datagram = false, listening = false;
  for (const hp_seed& seed : Tracing::seed()) {
    if (seed.owner.pid != static_cast<uint32_t>(getpid())) continue;
    if (seed.fd == static_cast<uint32_t>(before)) {
      datagram = true;
      EXPECT_EQ(seed.protocol, IPPROTO_UDP);
    }
    if (seed.fd == static_cast<uint32_t>(listener.fd)) {
      listening = true;
      EXPECT_EQ(seed.state, 10);
      EXPECT_EQ(seed.local_port, ntohs(listener.address.sin_port));
      EXPECT_EQ(seed.owner.flags & HP_OWNER_LISTENING, HP_OWNER_LISTENING);
    }
  }
  EXPECT_TRUE(datagram);
  EXPECT_TRUE(listening);
  EXPECT_EQ(storage(before).owner.role, HP_ROLE_HOLDER);
  EXPECT_EQ(storage(before).owner.pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(storage(listener.fd).owner.role, HP_ROLE_LISTENER)
      << "what was learned is not overwritten";
  close(before);
}

// A server that forked after it accepted: both processes hold the connection, and it belongs to the one
// that reads. Until then nobody can say whose it is.
TEST_F(Tracing, AnOlderConnectionThatSeveralHoldBelongsToWhoReads) {
  const Older &shared = older_[0], &single = older_[1];
  int ready[2], done[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(done, O_CLOEXEC), 0);
  const pid_t other = fork();
  if (other == 0) {
    // The other holder keeps the first connection only, and lives until the test has looked.
    close(single.client);
    close(single.server);
    close(done[1]);
    char byte = 0;
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 0) _exit(1);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  seed();
  EXPECT_EQ(storage(single.server).owner.pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(storage(shared.server).owner.role, HP_ROLE_HOLDER);
  EXPECT_EQ(storage(shared.server).owner.pid, 0u) << "two hold it";
  ASSERT_EQ(write(shared.client, "x", 1), 1);
  ASSERT_EQ(read(shared.server, &byte, 1), 1);
  const hp_socket read_from = storage(shared.server);
  EXPECT_TRUE(read_from.owner.pid == static_cast<uint32_t>(getpid()) ||
              read_from.worker.pid == static_cast<uint32_t>(getpid()))
      << read_from.owner.pid << " " << read_from.worker.pid;
  close(done[1]);
  int status = 0;
  waitpid(other, &status, 0);
  EXPECT_EQ(status, 0);
  for (const int fd : {ready[0], ready[1], done[0]}) close(fd);
}

}  // namespace
}  // namespace handprint::test
