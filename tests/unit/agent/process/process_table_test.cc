// SPDX-License-Identifier: Apache-2.0
#include "agent/process/process_table.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <set>
#include <string>

namespace handprint {
namespace {

constexpr PacketTime newest = std::numeric_limits<PacketTime>::max();

hp_owner owner_of(uint32_t pid, uint64_t start_ns, const char* comm,
                  uint8_t role = HP_ROLE_CLIENT) {
  hp_owner owner{};
  owner.pid = pid;
  owner.start_ns = start_ns;
  owner.uid = 1000;
  owner.role = role;
  std::strncpy(owner.comm, comm, sizeof(owner.comm) - 1);
  return owner;
}

hp_process event_of(uint32_t pid, uint64_t start_ns, uint64_t time_ns, const char* comm,
                    bool exec = true, uint64_t inode = 7) {
  hp_process event{};
  event.version = HP_WIRE_VERSION;
  event.record = HP_RECORD_PROCESS;
  event.exec = exec ? 1 : 0;
  event.path_complete = 1;
  event.pid = pid;
  event.start_ns = start_ns;
  event.time_ns = time_ns;
  event.parent_pid = 1;
  event.uid = 1000;
  event.gid = 100;
  event.exe_inode = inode;
  std::strncpy(event.comm, comm, sizeof(event.comm) - 1);
  return event;
}

std::string_view args_of(const char* text, std::size_t length) { return {text, length}; }

ProcessTableOptions alone() {
  ProcessTableOptions options;
  options.hash_seed = 1;
  options.boot_id = "00112233445566778899aabbccddeeff";
  return options;
}

// The service's end of the seam.
class Service {
 public:
  Service() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_), 0);
  }
  ~Service() {
    close(ends_[0]);
    close(ends_[1]);
  }
  int asker() const { return ends_[0]; }
  bool receive(ProcessRequest& request) {
    request = ProcessRequest{};
    return recv(ends_[1], &request, sizeof(request), 0) > 0;
  }
  void answer(ProcessReply reply,
              std::initializer_list<std::pair<ReplyText, std::string>> texts = {}) {
    std::size_t used = 0;
    for (const auto& [which, text] : texts) {
      text.copy(reply.text + used, text.size());
      reply.length[which] = static_cast<uint16_t>(text.size());
      used += text.size();
    }
    send_bytes(&reply, offsetof(ProcessReply, text) + used);
  }
  void send_bytes(const void* data, std::size_t size) {
    EXPECT_EQ(send(ends_[1], data, size, 0), static_cast<ssize_t>(size));
  }

 private:
  int ends_[2];
};

ProcessReply reply_for(uint32_t pid, uint64_t start_ns) {
  ProcessReply reply;
  reply.pid = pid;
  reply.start_ns = start_ns;
  reply.uid = 1000;
  return reply;
}

TEST(ProcessTable, ExecEventNamesAProcessThatIsGone) {
  ProcessTable table(alone());
  table.process(event_of(10, 5'000'000'000, 5'001'000'000, "curl"), "/usr/bin/curl",
                args_of("curl\0-s\0https://x/", 18));
  const hp_owner owner = owner_of(10, 5'000'000'000, "curl");
  table.request(owner);
  EXPECT_FALSE(table.pending(owner));
  const ProcessRef facts = table.find(owner, 6'000'000'000);
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->pid, 10u);
  EXPECT_EQ(facts->parent_pid, 1u);
  EXPECT_EQ(facts->executable, "/usr/bin/curl");
  EXPECT_EQ(facts->name, "curl");
  EXPECT_EQ(facts->args, (std::vector<std::string>{"curl", "-s", "https://x/"}));
  EXPECT_EQ(facts->uid, 1000u);
  EXPECT_EQ(facts->gid, 100u);
  EXPECT_EQ(facts->entity_id.size(), 32u);
  EXPECT_EQ(table.find(owner, 6'000'000'001), facts) << "the same facts are shared";
}

TEST(ProcessTable, UnknownProcessIsWhatItsSocketSays) {
  ProcessTable table(alone());
  const ProcessRef facts = table.find(owner_of(11, 1'000, "redis-server"), newest);
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->name, "redis-server");
  EXPECT_TRUE(facts->executable.empty());
  EXPECT_TRUE(facts->args.empty());
  EXPECT_EQ(table.find(hp_owner{}, newest), nullptr);
}

TEST(ProcessTable, AReusedPidIsAnotherProcess) {
  ProcessTable table(alone());
  table.process(event_of(12, 1'000'000'000, 1'000'000'001, "first"), "/bin/first", "first");
  table.process(event_of(12, 9'000'000'000, 9'000'000'001, "second"), "/bin/second", "second");
  const ProcessRef first = table.find(owner_of(12, 1'000'000'000, "first"), newest);
  const ProcessRef second = table.find(owner_of(12, 9'000'000'000, "second"), newest);
  EXPECT_EQ(first->executable, "/bin/first");
  EXPECT_EQ(second->executable, "/bin/second");
  EXPECT_NE(first->entity_id, second->entity_id);
  EXPECT_TRUE(table.find(owner_of(12, 5'000'000'000, "third"), newest)->executable.empty());
}

TEST(ProcessTable, TheImageOfTheTimeCounts) {
  ProcessTable table(alone());
  table.process(event_of(13, 1'000, 2'000, "sh", true, 1), "/bin/sh", "sh");
  table.process(event_of(13, 1'000, 4'000, "curl", true, 2), "/usr/bin/curl", "curl");
  EXPECT_EQ(table.find(owner_of(13, 1'000, "sh"), 3'000)->executable, "/bin/sh");
  EXPECT_EQ(table.find(owner_of(13, 1'000, "curl"), 4'000)->executable, "/usr/bin/curl");
  EXPECT_EQ(table.find(owner_of(13, 1'000, "sh"), 1'500)->executable, "")
      << "before its first known exec";
}

TEST(ProcessTable, AWorkerIsNamedByTheImageThatReads) {
  ProcessTable table(alone());
  // The packet came, then the super-server forked and executed the program that reads it.
  table.process(event_of(14, 5'000, 6'000, "in.fingerd"), "/usr/sbin/in.fingerd", "in.fingerd");
  EXPECT_EQ(table.find(owner_of(14, 5'000, "in.fingerd", HP_ROLE_WORKER), 4'000)->executable,
            "/usr/sbin/in.fingerd");
  EXPECT_EQ(table.find(owner_of(14, 5'000, "inetd", HP_ROLE_WORKER), 4'000)->executable, "");
  EXPECT_EQ(table.find(owner_of(14, 5'000, "in.fingerd", HP_ROLE_CLIENT), 4'000)->executable, "");
}

TEST(ProcessTable, AChildThatNeverExecutedHasItsFirstSocketsEvent) {
  ProcessTable table(alone());
  table.process(event_of(15, 1'000, 90'000, "worker", false), "/usr/sbin/nginx", "nginx: worker");
  const ProcessRef facts = table.find(owner_of(15, 1'000, "nginx"), 50'000);
  EXPECT_EQ(facts->executable, "/usr/sbin/nginx");
  EXPECT_EQ(facts->name, "nginx");
}

TEST(ProcessTable, ServiceIsAskedOnceAndItsAnswerCompletes) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  ProcessTable table(options);
  hp_owner owner = owner_of(16, 3'000, "java");
  owner.cgroup_id = 77;
  table.request(owner);
  table.request(owner);
  EXPECT_TRUE(table.pending(owner));
  ProcessRequest request;
  ASSERT_TRUE(service.receive(request));
  EXPECT_EQ(request.pid, 16u);
  EXPECT_EQ(request.start_ns, 3'000u);
  EXPECT_EQ(request.cgroup_id, 77u);
  EXPECT_FALSE(service.receive(request));

  ProcessReply reply = reply_for(16, 3'000);
  reply.flags = reply_alive | reply_user_follows | reply_digest;
  reply.parent_pid = 4;
  reply.exe_inode = 99;
  reply.sha256[0] = 0xab;
  service.answer(reply, {{reply_executable, "/usr/bin/java"},
                         {reply_args, std::string("java\0-jar\0x.jar", 15)},
                         {reply_cgroup, "/system.slice/app.service"},
                         {reply_service, "app.service"}});
  EXPECT_EQ(table.poll(), 1u);
  EXPECT_TRUE(table.pending(owner)) << "the user's name is still to come";
  ProcessReply user = reply_for(16, 3'000);
  user.kind = ReplyKind::user;
  service.answer(user, {{reply_user_name, "app"}});
  EXPECT_EQ(table.poll(), 1u);
  EXPECT_FALSE(table.pending(owner));
  const ProcessRef facts = table.find(owner, newest);
  EXPECT_EQ(facts->executable, "/usr/bin/java");
  EXPECT_EQ(facts->args.size(), 3u);
  EXPECT_EQ(facts->service, "app.service");
  EXPECT_EQ(facts->user_name, "app");
  EXPECT_EQ(facts->parent_pid, 4u);
  EXPECT_EQ(facts->sha256.substr(0, 4), "ab00");
}

TEST(ProcessTable, AnAnswerOfAnotherImageDoesNotRename) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  ProcessTable table(options);
  table.process(event_of(17, 3'000, 4'000, "sh", true, 1), "/bin/sh", "sh");
  const hp_owner owner = owner_of(17, 3'000, "sh");
  table.request(owner);
  ProcessReply reply = reply_for(17, 3'000);
  reply.flags = reply_alive | reply_digest;
  reply.exe_inode = 2;  // it had executed something else by the time of the reading
  service.answer(reply, {{reply_executable, "/usr/bin/curl"}, {reply_cgroup, "/x"}});
  table.poll();
  const ProcessRef facts = table.find(owner, 5'000);
  EXPECT_EQ(facts->executable, "/bin/sh");
  EXPECT_EQ(facts->sha256, "");
  EXPECT_EQ(facts->cgroup, "/x");
}

TEST(ProcessTable, LateDigestIsCarriedByLaterFacts) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  ProcessTable table(options);
  table.process(event_of(18, 3'000, 4'000, "a", true, 5), "/bin/a", "a");
  const hp_owner owner = owner_of(18, 3'000, "a");
  table.request(owner);
  const ProcessRef before = table.find(owner, newest);
  EXPECT_EQ(before->sha256, "");
  ProcessReply reply = reply_for(18, 3'000);
  reply.kind = ReplyKind::digest;
  reply.exe_inode = 5;
  std::memset(reply.sha256, 0x11, sizeof(reply.sha256));
  service.answer(reply);
  table.poll();
  EXPECT_EQ(table.find(owner, newest)->sha256, std::string(64, '1'));
  EXPECT_EQ(before->sha256, "") << "facts that were given out never change";
}

TEST(ProcessTable, HostileAnswersAreRefused) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  ProcessTable table(options);
  const hp_owner owner = owner_of(19, 3'000, "a");
  table.request(owner);
  ProcessReply reply = reply_for(19, 3'000);
  service.send_bytes(&reply, 3);          // too short for its header
  reply.length[reply_executable] = 5000;  // more text than there is
  service.send_bytes(&reply, offsetof(ProcessReply, text) + 10);
  reply.length[reply_executable] = 0;
  reply.version = 9;
  service.send_bytes(&reply, offsetof(ProcessReply, text));
  reply.version = process_message_version;
  reply.kind = static_cast<ReplyKind>(77);
  service.send_bytes(&reply, offsetof(ProcessReply, text));
  service.answer(reply_for(4444, 1));  // nobody asked for this one
  EXPECT_EQ(table.poll(), 5u);
  EXPECT_EQ(table.counters().replies_refused, 5u);
  EXPECT_TRUE(table.pending(owner));
}

TEST(ProcessTable, APidAloneIsTheProcessThatLivedThen) {
  ProcessTable table(alone());
  table.process(event_of(22, 1'000, 1'100, "old"), "/bin/old", "old");
  hp_owner peer{};
  peer.pid = 22;
  ASSERT_TRUE(table.identify(peer, 5'000));
  EXPECT_EQ(peer.start_ns, 1'000u);
  EXPECT_EQ(table.find(peer, 5'000)->executable, "/bin/old");
  EXPECT_EQ(table.find(peer, 5'000)->name, "old");

  table.process(event_of(22, 9'000, 9'100, "new"), "/bin/new", "new");
  hp_owner before{};
  before.pid = 22;
  EXPECT_FALSE(table.identify(before, 5'000)) << "the newest began later: it cannot be told";
  hp_owner unknown{};
  unknown.pid = 23;
  EXPECT_FALSE(table.identify(unknown, 5'000));
  EXPECT_EQ(unknown.start_ns, 0u);
}

TEST(ProcessTable, ASendersUserIsTheProcesssAndNeverAssumed) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  ProcessTable table(options);
  hp_owner sender{};  // what a packet says of a sender at the other end: pid and start
  sender.pid = 24;
  sender.start_ns = 3'000;
  table.request(sender);
  ProcessRequest request;
  ASSERT_TRUE(service.receive(request));
  EXPECT_EQ(request.uid, unknown_uid);
  EXPECT_FALSE(table.find(sender, newest)->has_user);

  ProcessReply reply = reply_for(24, 3'000);
  reply.flags = reply_alive;
  reply.exe_inode = 5;
  service.answer(reply,
                 {{reply_executable, "/bin/a"}, {reply_name, "a"}, {reply_user_name, "someone"}});
  table.poll();
  const ProcessRef facts = table.find(sender, newest);
  EXPECT_TRUE(facts->has_user);
  EXPECT_EQ(facts->uid, 1000u);
  EXPECT_EQ(facts->user_name, "someone");
  EXPECT_EQ(facts->name, "a");

  table.process(event_of(25, 1'000, 1'100, "b"), "/bin/b", "b");
  sender.pid = 25;
  sender.start_ns = 1'000;
  EXPECT_EQ(table.find(sender, newest)->uid, 1000u);
  EXPECT_EQ(table.find(sender, newest)->executable, "/bin/b");
}

TEST(ProcessTable, CommandLinesAreNotKeptWhereTheyAreNotWanted) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  options.arguments = false;
  ProcessTable table(options);
  table.process(event_of(21, 3'000, 4'000, "a", true, 5), "/bin/a", "a --password=x");
  const hp_owner owner = owner_of(21, 3'000, "a");
  table.request(owner);
  ProcessReply reply = reply_for(21, 3'000);
  reply.flags = reply_alive;
  reply.exe_inode = 5;
  service.answer(reply, {{reply_executable, "/bin/a"}, {reply_args, "a --password=x"}});
  table.poll();
  EXPECT_TRUE(table.find(owner, newest)->args.empty());
  EXPECT_EQ(table.find(owner, newest)->executable, "/bin/a");
}

TEST(ProcessTable, StaysWithinItsBudget) {
  ProcessTableOptions options = alone();
  options.bytes = 256 << 10;
  ProcessTable table(options);
  const std::string args(1000, 'x');
  const hp_owner kept = owner_of(1, 1, "kept");
  table.process(event_of(1, 1, 1, "kept"), "/bin/kept", "kept");
  for (uint32_t pid = 2; pid < 20'000; ++pid) {
    table.process(event_of(pid, pid, pid, "flood"), "/bin/flood", args);
    if (pid % 16 == 0) table.request(kept);
    ASSERT_LE(table.counters().bytes, options.bytes);
  }
  EXPECT_GT(table.counters().evicted, 19'000u);
  EXPECT_EQ(table.find(kept, newest)->executable, "/bin/kept") << "what is in use stays";
  EXPECT_EQ(table.find(owner_of(3, 3, "flood"), newest)->executable, "");
  EXPECT_EQ(table.find(owner_of(19'999, 19'999, "flood"), newest)->executable, "/bin/flood");
}

TEST(ProcessTable, RequestsWaitWhileTheServiceIsBusy) {
  Service service;
  ProcessTableOptions options = alone();
  options.service = service.asker();
  ProcessTable table(options);
  constexpr uint32_t many = 3000;
  for (uint32_t pid = 1; pid <= many; ++pid) table.request(owner_of(pid, pid, "x"));
  ASSERT_GT(table.counters().requests_held, 0u) << "the socket took them all: raise `many`";
  uint32_t received = 0;
  ProcessRequest request;
  for (int round = 0; round < 1000 && received < many; ++round) {
    while (service.receive(request)) ++received;
    table.poll();
  }
  EXPECT_EQ(received, many);
}

TEST(ProcessTable, WhatAServiceThatEndedOwedIsAskedOfTheNext) {
  ProcessTableOptions options = alone();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
  options.service = ends[0];
  ProcessTable table(options);
  const hp_owner asked = owner_of(20, 1, "x"), late = owner_of(21, 2, "y");
  table.request(asked);
  close(ends[1]);
  table.request(late);
  EXPECT_EQ(table.poll(), 0u);
  EXPECT_TRUE(table.pending(asked));
  EXPECT_TRUE(table.pending(late)) << "another service may come";

  Service next;
  table.use_service(next.asker());
  table.request(asked);  // as each of its documents does
  table.poll();
  std::set<uint32_t> pids;
  ProcessRequest request;
  while (next.receive(request)) pids.insert(request.pid);
  EXPECT_EQ(pids, (std::set<uint32_t>{20, 21}));
  next.answer(reply_for(20, 1), {{reply_executable, "/usr/bin/x"}, {reply_cgroup, "/a"}});
  next.answer(reply_for(21, 2), {{reply_executable, "/usr/bin/y"}, {reply_cgroup, "/a"}});
  EXPECT_EQ(table.poll(), 2u);
  EXPECT_FALSE(table.pending(asked));
  EXPECT_FALSE(table.pending(late));
  close(ends[0]);
}

}  // namespace
}  // namespace handprint
