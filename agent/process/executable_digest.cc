// SPDX-License-Identifier: Apache-2.0
#include "agent/process/executable_digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "agent/process/file_system.h"

namespace handprint {
namespace {

constexpr std::size_t most_known = 4096;
constexpr std::size_t most_jobs = 256;
constexpr std::size_t most_askers = 1024;  // of one file
constexpr std::size_t piece = 256u << 10;

struct IdentityHash {
  std::size_t operator()(const FileIdentity& file) const {
    uint64_t h = file.inode * 0x9e3779b97f4a7c15ULL;
    h ^= (file.device + 0x7f4a7c15) * 0xbf58476d1ce4e5b9ULL;
    h ^= static_cast<uint64_t>(file.modified_ns) * 0x94d049bb133111ebULL;
    h ^= file.size << 17;
    return static_cast<std::size_t>(h ^ (h >> 32));
  }
};

bool identify(int fd, FileIdentity& out, bool& regular) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
            STATX_TYPE | STATX_INO | STATX_MTIME | STATX_SIZE, &status) != 0)
    return false;
  out.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  out.inode = status.stx_ino;
  out.modified_ns = status.stx_mtime.tv_sec * 1'000'000'000 + status.stx_mtime.tv_nsec;
  out.size = status.stx_size;
  regular = S_ISREG(status.stx_mode);
  return true;
}

}  // namespace

bool is_remote_file_system(int64_t type) {
  // linux/magic.h, and the file systems' own sources for those that it lacks.
  constexpr int64_t remote[] = {
      0x6969,      // NFS
      0x517b,      // SMB
      0xfe534d42,  // SMB2, SMB3
      0xff534d42,  // CIFS
      0x01021997,  // 9P
      0x00c36400,  // Ceph
      0x5346414f,  // OpenAFS
      0x6b414653,  // kAFS
      0x73757245,  // Coda
      0x564c,      // NCP
      0x65735546,  // FUSE
      0x01161970,  // GFS2
      0x7461636f,  // OCFS2
      0x0bd00bd0,  // Lustre
      0x786f4256,  // VirtualBox shared folders
      0xbacbacbc,  // VMware host-guest file system
      0x47504653,  // GPFS
      0xaad7aaea,  // PanFS
      0x19830326,  // BeeGFS
      0x20030528,  // OrangeFS
  };
  const int64_t number = type & 0xffffffff;
  return std::find(std::begin(remote), std::end(remote), number) != std::end(remote);
}

struct ExecutableDigest::State {
  Options options;
  Done done;
  mutable std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool ended = false;
  Counters counters;

  struct Known {
    ExecutableHash hash;
    std::list<FileIdentity>::iterator age;
  };
  std::unordered_map<FileIdentity, Known, IdentityHash> known;
  std::list<FileIdentity> ages;  // newest first

  struct Job {
    FileIdentity file;
    Descriptor descriptor;
    std::vector<Asker> askers;
  };
  std::deque<std::shared_ptr<Job>> jobs;
  std::shared_ptr<Job> current;

  void run();
  bool compute(const Job& job, ExecutableHash& out);
  bool stop_asked() {
    std::lock_guard lock(mutex);
    return stopping;
  }
};

ExecutableDigest::ExecutableDigest(const Options& options, Done done)
    : state_(std::make_shared<State>()) {
  state_->options = options;
  state_->done = std::move(done);
  std::thread([state = state_] { state->run(); }).detach();
}

ExecutableDigest::~ExecutableDigest() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->wake.notify_all();
  // A piece takes milliseconds; a thread in a dead file system must not hold up the end.
  state_->wake.wait_for(lock, std::chrono::milliseconds(500), [this] { return state_->ended; });
  state_->done = nullptr;
}

bool ExecutableDigest::ask(Descriptor file, const Asker& asker, ExecutableHash& out,
                           const std::string& mountinfo) {
  FileIdentity identity;
  bool regular = false;
  if (!file || !identify(file.get(), identity, regular)) return false;
  std::lock_guard lock(state_->mutex);
  if (const auto known = state_->known.find(identity); known != state_->known.end()) {
    out = known->second.hash;
    state_->ages.splice(state_->ages.begin(), state_->ages, known->second.age);
    ++state_->counters.hits;
    return true;
  }
  if (!regular || identity.size > state_->options.max_bytes) {
    ++state_->counters.refused;
    return false;
  }
  const auto join = [&](State::Job& job) {
    if (job.askers.size() < most_askers) job.askers.push_back(asker);
    return false;
  };
  if (state_->current != nullptr && state_->current->file == identity)
    return join(*state_->current);
  for (const auto& job : state_->jobs)
    if (job->file == identity) return join(*job);
  if (state_->jobs.size() >= most_jobs || home_of(file.get(), mountinfo) != FileHome::local) {
    ++state_->counters.refused;
    return false;
  }
  auto job = std::make_shared<State::Job>();
  job->file = identity;
  job->descriptor = std::move(file);
  job->askers.push_back(asker);
  state_->jobs.push_back(std::move(job));
  state_->wake.notify_all();
  return false;
}

ExecutableDigest::Counters ExecutableDigest::counters() const {
  std::lock_guard lock(state_->mutex);
  return state_->counters;
}

void ExecutableDigest::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [this] { return stopping || !jobs.empty(); });
    if (stopping) break;
    current = std::move(jobs.front());
    jobs.pop_front();
    const std::shared_ptr<Job> job = current;
    lock.unlock();
    ExecutableHash hash{};
    const bool computed = compute(*job, hash);
    lock.lock();
    current.reset();
    if (!computed) {
      ++counters.refused;
      continue;
    }
    ++counters.computed;
    if (known.size() >= most_known) {
      known.erase(ages.back());
      ages.pop_back();
    }
    ages.push_front(job->file);
    known[job->file] = {hash, ages.begin()};
    if (stopping || !done) break;
    const Done tell = done;
    lock.unlock();
    for (const Asker& asker : job->askers) tell(asker, job->file, hash);
    lock.lock();
  }
  ended = true;
  wake.notify_all();
}

bool ExecutableDigest::State::compute(const Job& job, ExecutableHash& out) {
  struct statfs system {};
  if (fstatfs(job.descriptor.get(), &system) != 0 || is_remote_file_system(system.f_type))
    return false;
  const std::string path = "/proc/self/fd/" + std::to_string(job.descriptor.get());
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return false;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return false;
  std::vector<uint8_t> buffer(piece);
  uint64_t total = 0;
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0) return false;
    if (got == 0) break;
    total += static_cast<uint64_t>(got);
    if (total > options.max_bytes || stop_asked()) return false;
    if (EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(got)) != 1)
      return false;
    const auto due =
        begun + std::chrono::nanoseconds(static_cast<int64_t>(
                    static_cast<double>(total) * 1e9 /
                    static_cast<double>(std::max<uint64_t>(options.bytes_per_second, 1))));
    std::unique_lock lock(mutex);
    wake.wait_until(lock, due, [this] { return stopping; });
  }
  FileIdentity now;
  bool regular = false;
  // Written to while it was read: then this is nobody's content.
  if (!identify(file.get(), now, regular) || !(now == job.file)) return false;
  unsigned length = 0;
  return EVP_DigestFinal_ex(context.get(), out.data(), &length) == 1 && length == out.size();
}

}  // namespace handprint
