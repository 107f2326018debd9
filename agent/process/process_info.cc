// SPDX-License-Identifier: Apache-2.0
#include "agent/process/process_info.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>

#include "agent/process/cgroup_path.h"
#include "agent/process/cgroup_tree.h"
#include "agent/process/executable_digest.h"
#include "agent/process/proc_reader.h"
#include "agent/process/user_names.h"
#include "agent/source/live/descriptor.h"
#include "agent/source/live/host.h"

namespace handprint {
namespace {

constexpr uint32_t initial_userns = 0xeffffffd;  // PROC_USER_INIT_INO of linux/proc_ns.h
constexpr std::size_t args_limit = 2048;
constexpr int reply_wait_ms = 1000;
constexpr int beat_ms = 500;

int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

uint32_t namespace_of_self(const char* kind) {
  struct stat status {};
  const std::string path = std::string("/proc/self/ns/") + kind;
  return stat(path.c_str(), &status) == 0 ? static_cast<uint32_t>(status.st_ino) : 0;
}

// The kubelet's names of pods by UID, read again for an unknown one at most every other second.
class PodNames {
 public:
  explicit PodNames(std::string directory) : directory_(std::move(directory)) {}

  bool find(const std::string& uid, std::string& name, std::string& pod_namespace) {
    auto found = known_.find(uid);
    if (found == known_.end() && scan()) found = known_.find(uid);
    if (found == known_.end() || !read_pod_directory(found->second, uid, name, pod_namespace))
      return false;
    return true;
  }

 private:
  bool scan() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_scan_) return false;
    next_scan_ = now + std::chrono::seconds(2);
    DIR* directory = opendir(directory_.c_str());
    if (directory == nullptr) return false;
    known_.clear();
    while (const dirent* entry = readdir(directory)) {
      const std::string_view text = entry->d_name;
      const std::size_t at = text.rfind('_');
      if (at == std::string_view::npos || known_.size() >= most) continue;
      known_.emplace(text.substr(at + 1), text);
    }
    closedir(directory);
    return true;
  }

  static constexpr std::size_t most = 4096;  // the kubelet's own bound is some hundreds
  std::string directory_;
  std::map<std::string, std::string> known_;
  std::chrono::steady_clock::time_point next_scan_{};
};

// Puts texts behind one another; what does not fit is left out.
class ReplyWriter {
 public:
  explicit ReplyWriter(ProcessReply& reply) : reply_(reply) {}
  // In the order of ReplyText only.
  void put(ReplyText which, std::string_view text) {
    const std::size_t room = sizeof(reply_.text) - used_;
    const std::size_t length = text.size() <= room ? text.size() : 0;
    if (length != 0) std::memcpy(reply_.text + used_, text.data(), length);
    reply_.length[which] = static_cast<uint16_t>(length);
    used_ += length;
  }
  std::size_t size() const { return offsetof(ProcessReply, text) + used_; }

 private:
  ProcessReply& reply_;
  std::size_t used_ = 0;
};

}  // namespace

struct ProcessInfo::State {
  explicit State(const ProcessInfoOptions& chosen)
      : options(chosen),
        tree(chosen.cgroup_root.empty() ? cgroup2_mount().path : chosen.cgroup_root),
        pods(chosen.pod_logs) {}

  ProcessInfoOptions options;
  Descriptor asker, service, stop;
  CgroupTree tree;
  PodNames pods;
  uint32_t own_userns = 0, own_mntns = 0;
  std::unique_ptr<UserNames> users;
  std::unique_ptr<ExecutableDigest> digests;
  std::thread thread;
  std::atomic<uint64_t> requests{0}, alive{0}, gone{0}, reused{0}, dropped{0}, heartbeat{0};
  std::atomic<bool> stopping{false};
  std::atomic<int> next_service{-1};

  void run();
  void wake() const;
  void answer(const ProcessRequest& request);
  void send_reply(const ProcessReply& reply, std::size_t size);
  Descriptor file_of_ended(const ProcessRequest& request) const;
};

Result<std::unique_ptr<ProcessInfo>> ProcessInfo::start(const ProcessInfoOptions& options) {
  auto state = std::make_shared<State>(options);
  auto ends = make_pair();
  if (!ends) return ends.error();
  state->asker = std::move(ends->first);
  state->service = std::move(ends->second);
  state->stop.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  state->own_userns = namespace_of_self("user");
  state->own_mntns = namespace_of_self("mnt");
  std::weak_ptr<State> weak = state;
  state->users = std::make_unique<UserNames>(
      [weak](const UserNames::Asker& asker, uint32_t uid, const std::string& name) {
        const auto alive = weak.lock();
        if (alive == nullptr) return;
        ProcessReply reply;
        reply.kind = ReplyKind::user;
        reply.pid = asker.pid;
        reply.start_ns = asker.start_ns;
        reply.uid = uid;
        ReplyWriter writer(reply);
        writer.put(reply_user_name, name);
        alive->send_reply(reply, writer.size());
      });
  if (options.digests) {
    state->digests = std::make_unique<ExecutableDigest>(
        ExecutableDigest::Options{options.digest_max_bytes, options.digest_bytes_per_second},
        [weak](const ExecutableDigest::Asker& asker, const FileIdentity& file,
               const ExecutableHash& hash) {
          const auto alive = weak.lock();
          if (alive == nullptr) return;
          ProcessReply reply;
          reply.kind = ReplyKind::digest;
          reply.flags = reply_digest;
          reply.pid = asker.pid;
          reply.start_ns = asker.start_ns;
          reply.exe_device = static_cast<uint32_t>(file.device);
          reply.exe_inode = file.inode;
          std::copy(hash.begin(), hash.end(), reply.sha256);
          alive->send_reply(reply, ReplyWriter(reply).size());
        });
  }
  State* service = state.get();
  state->thread = std::thread([service] { service->run(); });
  std::unique_ptr<ProcessInfo> info(new ProcessInfo);
  info->state_ = std::move(state);
  return info;
}

Result<std::pair<Descriptor, Descriptor>> ProcessInfo::make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    Error error;
    error.message =
        std::string("cannot make the socket pair of the process-information service: ") +
        std::strerror(errno);
    return error;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  for (const int end : ends) {
    const int bytes = 1 << 20;  // as far as net.core.wmem_max allows
    setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

void ProcessInfo::serve(Descriptor service) {
  Descriptor unused(state_->next_service.exchange(service.release()));
  state_->wake();
}

uint64_t ProcessInfo::heartbeat() const { return state_->heartbeat; }

ProcessInfo::~ProcessInfo() {
  state_->stopping = true;
  state_->wake();
  state_->thread.join();
  state_->users.reset();
  state_->digests.reset();
}

int ProcessInfo::descriptor() const { return state_->asker.get(); }

ProcessInfoCounters ProcessInfo::counters() const {
  ProcessInfoCounters out;
  out.requests = state_->requests;
  out.alive = state_->alive;
  out.gone = state_->gone;
  out.reused = state_->reused;
  out.replies_dropped = state_->dropped;
  out.users_asked = state_->users->asked();
  if (state_->digests != nullptr) {
    const ExecutableDigest::Counters digests = state_->digests->counters();
    out.digests = digests.computed;
    out.digest_hits = digests.hits;
    out.digest_refused = digests.refused;
  }
  return out;
}

void ProcessInfo::State::wake() const {
  const uint64_t one = 1;
  if (::write(stop.get(), &one, sizeof(one)) < 0) {
    // The counter is full: the thread is awake already.
  }
}

void ProcessInfo::State::run() {
  bool open = true;  // somebody asks
  while (!stopping) {
    ++heartbeat;
    pollfd events[] = {{stop.get(), POLLIN, 0}, {service.get(), POLLIN, 0}};
    if (::poll(events, open ? 2 : 1, beat_ms) < 0 && errno != EINTR) return;
    if (stopping) return;
    if (events[0].revents != 0) {
      uint64_t count;
      [[maybe_unused]] const ssize_t ignored = ::read(stop.get(), &count, sizeof(count));
      if (const int next = next_service.exchange(-1); next >= 0) {
        // Under the same number, since other threads send on it. They meet the old or the new end.
        Descriptor taken(next);
        dup3(taken.get(), service.get(), O_CLOEXEC);
        open = true;
      }
      continue;
    }
    if (!open || events[1].revents == 0) continue;
    ProcessRequest request;
    const ssize_t got = recv(service.get(), &request, sizeof(request), MSG_DONTWAIT);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR) open = false;
      continue;
    }
    if (got == 0) {  // the asker is gone
      open = false;
      continue;
    }
    constexpr std::size_t fixed = offsetof(ProcessRequest, path);
    if (static_cast<std::size_t>(got) < fixed || request.version != process_message_version ||
        request.path_length > sizeof(request.path) ||
        static_cast<std::size_t>(got) < fixed + request.path_length)
      continue;
    ++requests;
    answer(request);
  }
}

// The executable of a process that has ended, where its name still means the same file: seen from
// our own mount namespace, same file, not touched since the process began to run it.
Descriptor ProcessInfo::State::file_of_ended(const ProcessRequest& request) const {
  if (request.path_length == 0 || request.exe_inode == 0 || request.exec_ns == 0 ||
      request.mntns == 0 || request.mntns != own_mntns)
    return Descriptor();
  const std::string path(request.path, request.path_length);
  // Only where the name is known without asking a file system: a file server, or a user's program
  // behind FUSE, may never answer.
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS;
  Descriptor file(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
  struct statx status {};
  if (!file || statx(file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                     STATX_INO | STATX_MTIME | STATX_CTIME, &status) != 0)
    return Descriptor();
  const auto device = static_cast<uint32_t>(makedev(status.stx_dev_major, status.stx_dev_minor));
  const int64_t wall = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
  const int64_t executed = static_cast<int64_t>(request.exec_ns) + wall;
  const int64_t changed = status.stx_ctime.tv_sec * 1'000'000'000 + status.stx_ctime.tv_nsec;
  if (device != request.exe_device || status.stx_ino != request.exe_inode || changed > executed)
    return Descriptor();
  return file;
}

void ProcessInfo::State::answer(const ProcessRequest& request) {
  ProcessReply reply;
  reply.pid = request.pid;
  reply.start_ns = request.start_ns;
  reply.uid = request.uid;
  reply.read_ns = static_cast<uint64_t>(clock_ns(CLOCK_BOOTTIME));
  ProcFacts facts;
  const ProcAnswer found = request.start_ns != 0 ? read_process(options.proc, request.pid,
                                                                request.start_ns, args_limit, facts)
                                                 : ProcAnswer::gone;
  CgroupPlace place;
  uint32_t userns = request.userns;
  Descriptor file;
  if (found == ProcAnswer::found) {
    ++alive;
    reply.flags |= reply_alive;
    if (facts.stat.kernel_thread) reply.flags |= reply_kernel;
    if (facts.executable_deleted) reply.flags |= reply_deleted;
    if (facts.args_cut) reply.flags |= reply_args_cut;
    reply.parent_pid = facts.stat.parent_pid;
    reply.exe_device = facts.exe_device;
    reply.exe_inode = facts.exe_inode;
    reply.gid = facts.gid;
    if (reply.uid == unknown_uid && facts.has_user) reply.uid = facts.uid;
    if (facts.userns != 0) userns = facts.userns;
    place = place_process(facts.cgroup);
    file = std::move(facts.exe);
  } else {
    ++(found == ProcAnswer::gone ? gone : reused);
    file = file_of_ended(request);
    reply.exe_device = file ? request.exe_device : 0;
    reply.exe_inode = file ? request.exe_inode : 0;
  }
  if (request.cgroup_id != 0 && place.container_id.empty() && place.pod_uid.empty()) {
    // For a process that has ended; and where /proc shows its cgroups from inside a namespace.
    CgroupPlace by_id = place_cgroup(tree.path(request.cgroup_id));
    if (place.cgroup.empty() || (!by_id.container_id.empty() && found != ProcAnswer::found))
      place = std::move(by_id);
  }
  std::string pod_name, pod_namespace;
  if (!place.pod_uid.empty()) pods.find(place.pod_uid, pod_name, pod_namespace);

  std::string user_name;
  // A uid of another user namespace is another's user, whatever our own list says.
  if (userns == initial_userns && own_userns == initial_userns && reply.uid != unknown_uid) {
    const auto answer = users->ask(reply.uid, {request.pid, request.start_ns}, user_name);
    if (answer == UserNames::Answer::follows) reply.flags |= reply_user_follows;
  }
  if (digests != nullptr && file) {
    ExecutableHash hash;
    const std::string mountinfo =
        found == ProcAnswer::found ? options.proc + "/" + std::to_string(request.pid) + "/mountinfo"
                                   : "/proc/self/mountinfo";
    if (digests->ask(std::move(file), {request.pid, request.start_ns}, hash, mountinfo)) {
      reply.flags |= reply_digest;
      std::copy(hash.begin(), hash.end(), reply.sha256);
    }
  }
  ReplyWriter writer(reply);
  writer.put(reply_executable, facts.executable);
  writer.put(reply_args, facts.args);
  writer.put(reply_name, facts.stat.name);
  writer.put(reply_cgroup, std::string_view(place.cgroup).substr(0, 512));
  writer.put(reply_container_id, std::string_view(place.container_id).substr(0, 128));
  writer.put(reply_container_runtime, place.container_runtime);
  writer.put(reply_service, std::string_view(place.service).substr(0, 255));
  writer.put(reply_pod_uid, place.pod_uid);
  writer.put(reply_pod_name, pod_name);
  writer.put(reply_pod_namespace, pod_namespace);
  writer.put(reply_user_name, user_name);
  send_reply(reply, writer.size());
}

// May be called from any of the threads: a message of this kind of socket is sent as a whole.
void ProcessInfo::State::send_reply(const ProcessReply& reply, std::size_t size) {
  while (true) {
    if (send(service.get(), &reply, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) break;
    if (stopping || next_service >= 0) break;
    pollfd events[] = {{service.get(), POLLOUT, 0}, {stop.get(), POLLIN, 0}};
    if (::poll(events, 2, reply_wait_ms) <= 0 || events[1].revents != 0) break;
  }
  ++dropped;
}

}  // namespace handprint
