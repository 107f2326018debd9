// SPDX-License-Identifier: Apache-2.0
#include "agent/process/process_table.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/process/proc_reader.h"
#include "agent/source/live/host.h"
#include "fingerprint/digest.h"

namespace handprint {
namespace {

constexpr std::size_t most_images = 4;    // program images of one process, newest kept
constexpr std::size_t most_held = 16384;  // requests that wait for room
constexpr std::size_t answers_a_round = 1024;
constexpr std::size_t recent_facts = 128;

struct Key {
  uint32_t pid = 0;
  uint64_t start_ns = 0;
  bool operator==(const Key&) const = default;
};

struct SeededHash {
  uint64_t seed = 0;
  std::size_t operator()(const Key& key) const {
    uint64_t h = seed ^ key.start_ns;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h ^= uint64_t{key.pid} * 0x9e3779b97f4a7c15ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<std::size_t>(h ^ (h >> 31));
  }
};

// What a process ran from a moment on.
struct Image {
  uint64_t time_ns = 0;  // boot clock; 0: from the process's start as far as is known
  bool exec = false;     // known from its exec; otherwise from a later look
  bool path_complete = false;
  bool deleted = false;
  bool has_digest = false;
  uint32_t exe_device = 0;   // as events tell it
  uint32_t stat_device = 0;  // as stat() tells it, once it was asked: another on btrfs and overlayfs
  uint64_t exe_inode = 0;
  uint64_t cgroup_id = 0;
  uint32_t parent_pid = 0;
  uint32_t gid = 0;
  uint32_t userns = 0;
  uint32_t mntns = 0;
  std::array<char, 16> comm{};
  std::array<uint8_t, 32> digest{};
  std::shared_ptr<const std::string> executable;  // never null
  std::string args;

  const std::string& path() const { return *executable; }
};

// Where a process stands. The same for all processes of a unit or container, so it is kept once.
struct Place {
  std::string cgroup, container_id, container_runtime, service, pod_uid, pod_name, pod_namespace;
  bool operator==(const Place&) const = default;
};

// Gives equal values one common copy, as long as the value is among the last that were seen.
template <class T, std::size_t Kept>
class Common {
 public:
  std::shared_ptr<const T> of(T value) {
    for (const auto& known : kept_)
      if (known != nullptr && *known == value) return known;
    next_ = (next_ + 1) % Kept;
    kept_[next_] = std::make_shared<const T>(std::move(value));
    return kept_[next_];
  }

 private:
  std::array<std::shared_ptr<const T>, Kept> kept_;
  std::size_t next_ = 0;
};

enum class Asked : uint8_t { no, held, yes, answered };

// A struct's or a string's heap bytes.
std::size_t heap(const std::string& text) { return text.capacity() > 15 ? text.capacity() + 1 : 0; }

std::string_view comm_of(const char (&comm)[16]) { return {comm, strnlen(comm, sizeof(comm))}; }
std::string_view comm_of(const std::array<char, 16>& comm) {
  return {comm.data(), strnlen(comm.data(), comm.size())};
}

// Only pid and start are known: the sender of a packet, seen at the other end.
bool anonymous(const hp_owner& owner) { return owner.comm[0] == '\0'; }

int64_t wall_offset() {
  timespec real{}, boot{};
  clock_gettime(CLOCK_REALTIME, &real);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return (real.tv_sec - boot.tv_sec) * 1'000'000'000 + real.tv_nsec - boot.tv_nsec;
}

std::string hex(const uint8_t* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::vector<std::string> split_args(std::string_view args) {
  std::vector<std::string> out;
  while (!args.empty() && args.back() == '\0') args.remove_suffix(1);
  while (!args.empty()) {
    const std::size_t end = std::min(args.find('\0'), args.size());
    out.emplace_back(args.substr(0, end));
    args.remove_prefix(std::min(end + 1, args.size()));
  }
  return out;
}

std::string own_boot_id() {
  std::string id = read_small_file("/proc/sys/kernel/random/boot_id");
  std::erase(id, '-');
  return id;
}

}  // namespace

struct ProcessTable::State {
  struct Entry {
    Key key;
    std::vector<Image> images;  // by time
    uint32_t uid = unknown_uid;
    uint64_t cgroup_id = 0;  // as the socket's owner was noted
    Asked asked = Asked::no;
    bool again = false;  // another image began while an answer was on its way
    bool user_follows = false;
    bool user_known = false;
    bool kernel_thread = false;
    uint32_t parent_pid = 0;
    std::string user_name;
    std::shared_ptr<const Place> place;  // null: not told yet
    // The last facts that were given out, and for which image. Documents and `recent` keep them.
    std::weak_ptr<const ProcessFacts> built;
    std::size_t built_image = 0;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  // newest use first

  ProcessTableOptions options;
  std::string boot_id;
  Digests digests;
  Entries entries;
  std::unordered_map<Key, Entries::iterator, SeededHash> index;
  std::unordered_map<uint32_t, uint64_t> newest_of_pid;  // its start; only of entries in the table
  std::deque<Key> held;
  ProcessTableCounters counters;
  ProcessReply reply;
  std::array<ProcessRef, recent_facts> recent;  // keeps the facts of the busiest processes
  std::size_t next_recent = 0;
  Common<Place, 32> places;
  Common<std::string, 64> paths;

  explicit State(const ProcessTableOptions& chosen, uint64_t seed)
      : options(chosen),
        boot_id(chosen.boot_id.empty() ? own_boot_id() : std::string(chosen.boot_id)),
        index(1024, SeededHash{seed}) {}

  Entry* find(const Key& key) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : &*found->second;
  }
  Entry& touch(const Key& key);
  void weigh(Entry& entry);
  void changed(Entry& entry) {
    entry.built.reset();
    weigh(entry);
  }
  bool send_request(Entry& entry);
  void apply(const ProcessReply& message, std::size_t size);
  void apply_facts(Entry& entry, const ProcessReply& message,
                   const std::array<std::string_view, reply_texts>& text);
  const Image* image_at(const Entry& entry, const hp_owner& owner, PacketTime at) const;
  ProcessRef build(const Entry& entry, const Image* image, const hp_owner& owner);
};

ProcessTable::State::Entry& ProcessTable::State::touch(const Key& key) {
  const auto found = index.find(key);
  if (found != index.end()) {
    if (found->second != entries.begin()) entries.splice(entries.begin(), entries, found->second);
    return *found->second;
  }
  entries.emplace_front();
  Entry& entry = entries.front();
  entry.key = key;
  index.emplace(key, entries.begin());
  uint64_t& newest = newest_of_pid[key.pid];
  newest = std::max(newest, key.start_ns);
  weigh(entry);
  return entry;
}

// Counts an entry's bytes anew and keeps the table within its budget.
void ProcessTable::State::weigh(Entry& entry) {
  // The entry, its list and index nodes (two indices), and what hangs on it. Paths and places are
  // shared by many.
  std::size_t bytes = sizeof(Entry) + 2 * sizeof(void*) + 2 * (sizeof(Key) + 4 * sizeof(void*));
  bytes += entry.images.capacity() * sizeof(Image) + heap(entry.user_name);
  for (const Image& image : entry.images) bytes += heap(image.args);
  counters.bytes += bytes;
  counters.bytes -= entry.bytes;
  entry.bytes = bytes;
  while (counters.bytes > options.bytes && entries.size() > 1) {
    Entry& oldest = entries.back();
    if (&oldest == &entry) break;
    counters.bytes -= oldest.bytes;
    index.erase(oldest.key);
    const auto newest = newest_of_pid.find(oldest.key.pid);
    if (newest != newest_of_pid.end() && newest->second == oldest.key.start_ns)
      newest_of_pid.erase(newest);
    entries.pop_back();
    ++counters.evicted;
  }
  counters.entries = entries.size();
}

ProcessTable::ProcessTable(const ProcessTableOptions& options) {
  uint64_t seed = options.hash_seed;
  if (seed == 0 && getrandom(&seed, sizeof(seed), 0) < 0) seed = 0x9e3779b97f4a7c15ULL;
  state_ = std::make_unique<State>(options, seed);
}

ProcessTable::~ProcessTable() = default;

void ProcessTable::process(const hp_process& event, std::string_view path, std::string_view args) {
  if (event.pid == 0) return;
  State::Entry& entry = state_->touch({event.pid, event.start_ns});
  if (event.exec != 0) ++state_->counters.execs;

  Image image;
  image.time_ns = event.exec != 0 ? event.time_ns : 0;
  image.exec = event.exec != 0;
  image.path_complete = event.path_complete != 0 && !path.empty();
  image.exe_device = event.exe_dev;
  image.exe_inode = event.exe_inode;
  image.cgroup_id = event.cgroup_id;
  image.parent_pid = event.parent_pid;
  image.gid = event.gid;
  image.userns = event.userns;
  image.mntns = event.mntns;
  std::copy(std::begin(event.comm), std::end(event.comm), image.comm.begin());
  image.executable = state_->paths.of(std::string(path));
  if (state_->options.arguments) image.args = args;
  if (path.starts_with("/memfd:")) image.deleted = true;

  if (!image.exec) {
    // A first look at a process: it tells of its newest image, if that is not known from its exec.
    const auto same = [&](const Image& known) {
      return known.exe_inode == image.exe_inode && known.exe_device == image.exe_device &&
             (known.path() == image.path() || known.path().empty());
    };
    if (!entry.images.empty()) {
      Image& newest = entry.images.back();
      if (!same(newest)) {
        // Its exec was not seen. It ran this by the time of the look, and something else before.
        if (newest.time_ns >= event.time_ns) return;
        image.time_ns = event.time_ns;
      } else {
        if (newest.path().empty()) {
          newest.executable = image.executable;
          newest.path_complete = image.path_complete;
        }
        if (newest.args.empty()) newest.args = image.args;
        if (newest.cgroup_id == 0) newest.cgroup_id = image.cgroup_id;
        if (newest.userns == 0) newest.userns = image.userns;
        state_->changed(entry);
        return;
      }
    }
  }
  entry.uid = event.uid;
  entry.parent_pid = event.parent_pid;
  image.args.shrink_to_fit();
  if (entry.images.empty()) entry.images.reserve(1);  // most processes have one
  const auto after =
      std::upper_bound(entry.images.begin(), entry.images.end(), image.time_ns,
                       [](uint64_t time, const Image& known) { return time < known.time_ns; });
  entry.images.insert(after, std::move(image));
  if (entry.images.size() > most_images) entry.images.erase(entry.images.begin());
  // A new image may have another cgroup and certainly another file: ask again when it is needed.
  if (entry.asked == Asked::answered) entry.asked = Asked::no;
  if (entry.asked == Asked::yes) entry.again = true;
  state_->changed(entry);
}

bool ProcessTable::State::send_request(Entry& entry) {
  ProcessRequest request;
  request.pid = entry.key.pid;
  request.start_ns = entry.key.start_ns;
  request.uid = entry.uid;
  request.cgroup_id = entry.cgroup_id;
  if (!entry.images.empty()) {
    const Image& image = entry.images.back();
    if (image.cgroup_id != 0) request.cgroup_id = image.cgroup_id;
    request.exec_ns = image.time_ns != 0 ? image.time_ns : entry.key.start_ns;
    request.exe_inode = image.exe_inode;
    request.exe_device = image.exe_device;
    request.userns = image.userns;
    request.mntns = image.mntns;
    if (image.path_complete && image.path().size() <= sizeof(request.path)) {
      request.path_length = static_cast<uint16_t>(image.path().size());
      image.path().copy(request.path, sizeof(request.path));
    }
  }
  const std::size_t size = offsetof(ProcessRequest, path) + request.path_length;
  if (send(options.service, &request, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    entry.asked = Asked::yes;
    ++counters.requests;
    return true;
  }
  // Its queue is full, or it has ended and another will come (use_service).
  return false;
}

void ProcessTable::request(const hp_owner& owner) {
  if (owner.pid == 0) return;
  State& state = *state_;
  State::Entry& entry = state.touch({owner.pid, owner.start_ns});
  if (entry.asked != Asked::no) return;
  if (!anonymous(owner)) entry.uid = owner.uid;
  if ((owner.flags & HP_OWNER_KERNEL) != 0) entry.kernel_thread = true;
  if (state.options.service < 0) {
    entry.asked = Asked::answered;
    return;
  }
  entry.cgroup_id = owner.cgroup_id;
  if (state.held.empty() && state.send_request(entry)) return;
  if (state.held.size() >= most_held) return;  // asked for again at its next packet
  entry.asked = Asked::held;
  state.held.push_back(entry.key);
  ++state.counters.requests_held;
}

void ProcessTable::use_service(int descriptor) {
  State& state = *state_;
  state.options.service = descriptor;
  for (State::Entry& entry : state.entries) {
    const bool owed = entry.asked == Asked::yes;
    // A digest was perhaps on its way; asking again costs one answer.
    const bool undigested =
        entry.asked == Asked::answered && !entry.images.empty() && !entry.images.back().has_digest;
    const bool unnamed = entry.asked == Asked::answered && entry.user_follows && !entry.user_known;
    if (!owed && !undigested && !unnamed) continue;
    entry.asked = Asked::no;
    entry.again = false;
    entry.user_follows = false;
  }
}

std::size_t ProcessTable::poll() {
  State& state = *state_;
  if (state.options.service < 0) return 0;
  std::size_t answers = 0;
  while (answers < answers_a_round) {
    const ssize_t got =
        recv(state.options.service, &state.reply, sizeof(state.reply), MSG_DONTWAIT);
    if (got <= 0) break;
    ++answers;
    state.apply(state.reply, static_cast<std::size_t>(got));
  }
  while (!state.held.empty()) {
    State::Entry* entry = state.find(state.held.front());
    if (entry != nullptr && entry->asked == Asked::held && !state.send_request(*entry) &&
        entry->asked == Asked::held)
      break;
    state.held.pop_front();
  }
  return answers;
}

void ProcessTable::State::apply(const ProcessReply& message, std::size_t size) {
  constexpr std::size_t fixed = offsetof(ProcessReply, text);
  std::array<std::string_view, reply_texts> text;
  bool good = size >= fixed && message.version == process_message_version;
  std::size_t used = 0;
  for (std::size_t i = 0; good && i < reply_texts; ++i) {
    good = message.length[i] <= size - fixed - used;
    if (!good) break;
    text[i] = {message.text + used, message.length[i]};
    used += message.length[i];
  }
  Entry* entry = good ? find({message.pid, message.start_ns}) : nullptr;
  if (entry == nullptr) {
    ++counters.replies_refused;
    return;
  }
  ++counters.replies;
  switch (message.kind) {
    case ReplyKind::facts:
      apply_facts(*entry, message, text);
      break;
    case ReplyKind::user:
      entry->user_known = true;
      if (message.uid == entry->uid) entry->user_name = text[reply_user_name];
      break;
    case ReplyKind::digest:
      for (Image& image : entry->images) {
        // Inode numbers are one file system's own.
        if (image.exe_inode != message.exe_inode || image.exe_inode == 0 ||
            (image.stat_device != 0 ? image.stat_device : image.exe_device) != message.exe_device)
          continue;
        std::copy(std::begin(message.sha256), std::end(message.sha256), image.digest.begin());
        image.has_digest = true;
      }
      break;
    default:
      ++counters.replies_refused;
      return;
  }
  changed(*entry);
}

void ProcessTable::State::apply_facts(Entry& entry, const ProcessReply& message,
                                      const std::array<std::string_view, reply_texts>& text) {
  entry.asked = entry.again ? Asked::no : Asked::answered;
  entry.again = false;
  entry.user_follows = (message.flags & reply_user_follows) != 0;
  if (entry.uid == unknown_uid) entry.uid = message.uid;
  if (!text[reply_user_name].empty() && message.uid == entry.uid)
    entry.user_name = text[reply_user_name];
  if (!text[reply_cgroup].empty()) {
    Place place;
    place.cgroup = text[reply_cgroup];
    place.container_id = text[reply_container_id];
    place.container_runtime = text[reply_container_runtime];
    place.service = text[reply_service];
    place.pod_uid = text[reply_pod_uid];
    place.pod_name = text[reply_pod_name];
    place.pod_namespace = text[reply_pod_namespace];
    entry.place = places.of(std::move(place));
  }
  const bool alive = (message.flags & reply_alive) != 0;
  if (alive) {
    entry.parent_pid = message.parent_pid;
    entry.kernel_thread |= (message.flags & reply_kernel) != 0;
  }
  const std::string_view path = text[reply_executable];
  if (alive && !entry.kernel_thread && entry.images.empty() && !path.empty()) {
    // No event told of this process: it is older than the agent, or its event was lost.
    Image image;
    image.executable = paths.of(std::string(path));
    image.path_complete = true;
    image.exe_device = image.stat_device = message.exe_device;
    image.exe_inode = message.exe_inode;
    image.parent_pid = message.parent_pid;
    image.gid = message.gid;
    text[reply_name].copy(image.comm.data(), image.comm.size() - 1);
    entry.images.push_back(std::move(image));
  }
  if (entry.images.empty()) return;
  Image& newest = entry.images.back();
  // The same file as the image that events told of? Devices differ between the kernel's and stat's
  // view on btrfs and overlayfs, so the path speaks too. If not, it was another image by the time
  // of the reading.
  const bool same =
      message.exe_inode != 0 && newest.exe_inode == message.exe_inode &&
      (newest.exe_device == message.exe_device || newest.path() == path || !newest.path_complete);
  const bool unknown = newest.exe_inode == 0 && newest.path().empty();
  if (alive && (same || unknown)) newest.stat_device = message.exe_device;
  if (alive && (same || unknown) && !path.empty()) {
    if (!newest.path_complete) {
      newest.executable = paths.of(std::string(path));
      newest.path_complete = true;
    }
    if (unknown) {
      newest.exe_inode = message.exe_inode;
      newest.exe_device = message.exe_device;
    }
    newest.deleted = (message.flags & reply_deleted) != 0;
    if (newest.args.empty() && options.arguments) newest.args = text[reply_args];
  }
  if ((message.flags & reply_digest) != 0 && message.exe_inode != 0 && (same || unknown)) {
    std::copy(std::begin(message.sha256), std::end(message.sha256), newest.digest.begin());
    newest.has_digest = true;
  }
}

// What the owner ran at a time, null where that is not known.
const Image* ProcessTable::State::image_at(const Entry& entry, const hp_owner& owner,
                                           PacketTime at) const {
  const Image* image = nullptr;
  for (const Image& candidate : entry.images)
    if (static_cast<PacketTime>(candidate.time_ns) <= at) image = &candidate;
  if (image != nullptr || entry.images.empty()) return image;
  // A worker reads after it began, and that may be after the last packet so far; its name was taken
  // when it read, so the first image counts if it bears that name.
  const Image& first = entry.images.front();
  if (owner.role == HP_ROLE_WORKER && comm_of(first.comm) == comm_of(owner.comm)) return &first;
  return nullptr;
}

ProcessRef ProcessTable::State::build(const Entry& entry, const Image* image,
                                      const hp_owner& owner) {
  // Not made with its control block in one piece: the table's weak references would hold all of it.
  std::shared_ptr<ProcessFacts> facts(new ProcessFacts);
  facts->pid = owner.pid;
  facts->start_ns = owner.start_ns;
  const uint32_t uid = anonymous(owner) ? entry.uid : owner.uid;
  facts->has_user = uid != unknown_uid;
  facts->uid = facts->has_user ? uid : 0;
  facts->parent_pid = entry.parent_pid;
  facts->kernel_thread = entry.kernel_thread;
  facts->name = comm_of(owner.comm);
  if (facts->has_user && entry.uid == uid) facts->user_name = entry.user_name;
  if (entry.place != nullptr) {
    facts->cgroup = entry.place->cgroup;
    facts->container_id = entry.place->container_id;
    facts->container_runtime = entry.place->container_runtime;
    facts->service = entry.place->service;
    facts->pod_uid = entry.place->pod_uid;
    facts->pod_name = entry.place->pod_name;
    facts->pod_namespace = entry.place->pod_namespace;
  }
  if (image != nullptr) {
    facts->gid = image->gid;
    if (image->parent_pid != 0) facts->parent_pid = image->parent_pid;
    // The creator or holder of a socket got its name before it may have become something else.
    const bool early = owner.role == HP_ROLE_CREATOR || owner.role == HP_ROLE_HOLDER;
    if ((facts->name.empty() || early) && image->comm[0] != '\0')
      facts->name = comm_of(image->comm);
    if (image->path_complete) {
      facts->executable = image->path();
      facts->executable_deleted = image->deleted;
    }
    facts->args = split_args(image->args);
    if (image->has_digest) facts->sha256 = hex(image->digest.data(), image->digest.size());
  }
  if (owner.start_ns != 0) {
    facts->start_wall_ns = static_cast<int64_t>(owner.start_ns) + wall_offset();
    const std::string identity = boot_id + "|" + std::to_string(owner.pid) + "|" +
                                 std::to_string(owner.start_ns / nanoseconds_per_tick);
    Sha256 digest{};
    if (digests.sha256(as_bytes(identity), digest)) facts->entity_id = hex(digest.data(), 16);
  }
  return facts;
}

ProcessRef ProcessTable::find(const hp_owner& owner, PacketTime at) {
  if (owner.pid == 0) return nullptr;
  State& state = *state_;
  State::Entry* entry = state.find({owner.pid, owner.start_ns});
  if (entry == nullptr) {
    State::Entry bare;
    return state.build(bare, nullptr, owner);
  }
  state.touch(entry->key);
  const Image* image = state.image_at(*entry, owner, at);
  const std::size_t number =
      image == nullptr ? SIZE_MAX : static_cast<std::size_t>(image - entry->images.data());
  const bool named =
      !anonymous(owner) && owner.role != HP_ROLE_CREATOR && owner.role != HP_ROLE_HOLDER;
  if (const ProcessRef built = entry->built.lock();
      built != nullptr && entry->built_image == number && built->uid == owner.uid && named &&
      built->name == comm_of(owner.comm))
    return built;
  ProcessRef built = state.build(*entry, image, owner);
  entry->built = built;
  entry->built_image = number;
  state.recent[state.next_recent++ % recent_facts] = built;
  return built;
}

bool ProcessTable::identify(hp_owner& owner, PacketTime at) const {
  if (owner.pid == 0 || owner.start_ns != 0) return false;
  const auto newest = state_->newest_of_pid.find(owner.pid);
  if (newest == state_->newest_of_pid.end() || newest->second == 0 ||
      static_cast<PacketTime>(newest->second) > at)
    return false;
  const State::Entry* entry = state_->find({owner.pid, newest->second});
  if (entry == nullptr || entry->images.empty()) return false;
  const Image* image = state_->image_at(*entry, owner, at);
  owner.start_ns = newest->second;
  if (entry->uid != unknown_uid) owner.uid = entry->uid;
  if (image != nullptr && entry->uid != unknown_uid)
    std::copy(image->comm.begin(), image->comm.end(), owner.comm);
  return true;
}

bool ProcessTable::pending(const hp_owner& owner) const {
  if (owner.pid == 0) return false;
  const State::Entry* entry = state_->find({owner.pid, owner.start_ns});
  if (entry == nullptr) return false;
  if (entry->asked == Asked::held || entry->asked == Asked::yes) return true;
  return entry->asked == Asked::answered && entry->user_follows && !entry->user_known;
}

ProcessTableCounters ProcessTable::counters() const { return state_->counters; }

}  // namespace handprint
