// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/attacher.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/source/live/host.h"
#include "agent/source/live/tc_filter.h"

namespace handprint {
namespace {

// Default routes change without a link's announcement; they are looked up again this often.
constexpr int routes_every_ms = 10'000;
constexpr std::size_t attached_at_once = 16;
// An index may also be large because it was asked for, or brought from another namespace.
constexpr uint32_t gap_most = 4096;

bool is_plain_name(std::string_view word) {
  return !word.starts_with('!') && !is_interface_kind(word) &&
         word.find_first_of("*?[") == std::string_view::npos;
}

Error failure(std::string message) {
  Error error;
  error.message = std::move(message);
  return error;
}

// Waits for an eventfd that nobody else resets.
uint64_t reset(int fd) {
  uint64_t value = 0;
  return ::read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

}  // namespace

Attacher::Attacher(Loader& loader, LiveHook hook, const LiveOptions& options)
    : loader_(loader),
      hook_(hook),
      xdp_mode_(options.xdp_mode),
      cgroup_root_(options.cgroup_root),
      tcx_(options.tcx),
      selection_(options.interfaces),
      words_(options.interfaces),
      interface_changed_(options.interface_changed),
      requests_(0),
      announcements_(RTMGRP_LINK),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Attacher::~Attacher() { stop(); }

Result<void> Attacher::attach_cgroup() {
  std::string path = cgroup_root_;
  if (path.empty()) path = cgroup2_mount().path;
  if (path.empty()) return failure("no cgroup2 is mounted: mount one, or use the hook tc");
  const Descriptor root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failure("cannot open the cgroup root " + path + ": " + std::strerror(errno));
  const std::pair<const char*, bpf_attach_type> hooks[] = {
      {"cgroup_ingress", BPF_CGROUP_INET_INGRESS}, {"cgroup_egress", BPF_CGROUP_INET_EGRESS}};
  std::vector<Descriptor> links;
  for (const auto& [program, type] : hooks) {
    Descriptor link(bpf_link_create(loader_.program(program), root.get(), type, nullptr));
    if (!link)
      return failure("cannot attach " + std::string(program) + " to the cgroup root " + path +
                     ": " + std::strerror(errno));
    links.push_back(std::move(link));
  }
  std::lock_guard lock(mutex_);
  for (Descriptor& link : links) cgroup_links_.push_back(std::move(link));
  cgroup_path_ = path;
  return {};
}

void Attacher::attach_owner() {
  if (!loader_.has(ProgramGroup::owner_cgroup)) return;
  const std::string path = cgroup_root_.empty() ? cgroup2_mount().path : cgroup_root_;
  if (path.empty()) return;
  const Descriptor root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return;
  Descriptor link(bpf_link_create(loader_.program("sock_create"), root.get(),
                                  BPF_CGROUP_INET_SOCK_CREATE, nullptr));
  if (!link) return;
  std::lock_guard lock(mutex_);
  cgroup_links_.push_back(std::move(link));
}

int Attacher::tc_program(const Interface& interface, uint8_t direction) const {
  const bool ethernet = interface.has_ethernet_header();
  return loader_.program(direction == HP_INGRESS ? (ethernet ? "tc_ingress" : "tc_ingress_l3")
                                                 : (ethernet ? "tc_egress" : "tc_egress_l3"));
}

int Attacher::attach_tc(const Interface& interface, uint8_t direction, Place& place) {
  const int fd = tc_program(interface, direction);
  if (tcx_) {
    const int link = attach_tcx(interface.index, direction, fd);
    if (link >= 0) {
      place.links[direction] = Descriptor(link);
      if (place.how.empty()) place.how = "tcx";
      return 0;
    }
    if (link != -EINVAL && link != -EOPNOTSUPP && link != -ENOSYS) return link;
  }
  if (!claim_) claim_ = TcClaim::take();
  uint16_t preference = 0;
  const int result =
      attach_clsact(requests_, interface.index, direction, fd, claim_->slot(), preference);
  if (result != 0) return result;
  place.filters[direction] = true;
  if (place.how.empty()) place.how = "clsact";
  return 0;
}

// Who was put in front of our programs may end the chain, and what it passes we would miss: to the head
// again, where they were first. The kernel takes a program only once, so that the old link goes first:
// what passes in the microseconds between is not seen. Where the kernel refuses the new link the
// interface is given up whole, so that settle() tries it anew and tells what it was refused for.
void Attacher::keep_first() {
  for (auto entry = places_.begin(); entry != places_.end();) {
    auto& [index, place] = *entry;
    const auto interface = interfaces_.find(index);
    bool kept = true;
    for (const uint8_t direction : {uint8_t{HP_INGRESS}, uint8_t{HP_EGRESS}}) {
      if (interface == interfaces_.end() || !place.links[direction]) continue;
      if (hook_ == LiveHook::xdp && direction == HP_INGRESS) continue;
      const int program = tc_program(interface->second, direction);
      if (is_first_tcx(index, direction, program)) continue;
      place.links[direction].reset();
      const int link = attach_tcx(index, direction, program);
      kept = kept && link >= 0;
      if (link < 0) continue;
      place.links[direction] = Descriptor(link);
      ++counters_.moved_to_front;
    }
    if (!kept) detach(index, place, false);
    entry = kept ? std::next(entry) : places_.erase(entry);
  }
}

int Attacher::attach_xdp(const Interface& interface, Place& place) {
  if (!interface.has_ethernet_header()) return -EOPNOTSUPP;
  const int fd = loader_.program("xdp_ingress");
  int error = -EOPNOTSUPP;
  for (const uint32_t flags : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    const bool native = flags == XDP_FLAGS_DRV_MODE;
    if (native ? xdp_mode_ == XdpMode::generic : xdp_mode_ == XdpMode::native) continue;
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    const int link = bpf_link_create(fd, static_cast<int>(interface.index), BPF_XDP, &options);
    if (link >= 0) {
      place.links[HP_INGRESS] = Descriptor(link);
      place.how = native ? "xdp native" : "xdp generic";
      return 0;
    }
    error = -errno;
    if (error == -EBUSY) break;  // another XDP program is there: it stays
  }
  return error;
}

// 0 and a filled place, or a negative errno with what was being tried.
int Attacher::attach_interface(const Interface& interface, Place& place, std::string& reason) {
  place.name = interface.name;
  int result = 0;
  if (hook_ == LiveHook::xdp) {
    result = attach_xdp(interface, place);
    reason = "XDP";
  } else {
    result = attach_tc(interface, HP_INGRESS, place);
    reason = "tc ingress";
  }
  if (result == 0) {
    result = attach_tc(interface, HP_EGRESS, place);
    reason = "tc egress";
  }
  if (result != 0) {
    detach(interface.index, place, false);
    reason += ": ";
    reason += std::strerror(-result);
    if (result == -EBUSY) reason += " (another XDP program is attached)";
    if (result == -EOPNOTSUPP && hook_ == LiveHook::xdp && !interface.has_ethernet_header())
      reason += " (it carries no Ethernet frames: use the hook tc)";
  }
  return result;
}

void Attacher::detach(uint32_t interface, Place& place, bool gone) {
  for (Descriptor& link : place.links) link.reset();
  for (uint8_t direction : {uint8_t{HP_INGRESS}, uint8_t{HP_EGRESS}}) {
    if (place.filters[direction] && !gone)
      detach_clsact(requests_, interface, direction, claim_->slot());
    place.filters[direction] = false;
  }
}

bool Attacher::read_all() {
  Interfaces fresh;
  if (read_interfaces(requests_, fresh) != 0) return false;
  interfaces_ = std::move(fresh);
  if (!interfaces_.empty()) highest_index_ = std::max(highest_index_, interfaces_.rbegin()->first);
  return true;
}

// Tells the names that have changed since it was called last.
void Attacher::announce() {
  if (!interface_changed_) return;
  for (auto known = announced_.begin(); known != announced_.end();) {
    if (interfaces_.contains(known->first)) {
      ++known;
      continue;
    }
    interface_changed_(known->first, {});
    known = announced_.erase(known);
  }
  for (const auto& [index, interface] : interfaces_) {
    std::string& known = announced_[index];
    if (known == interface.name) continue;
    known = interface.name;
    interface_changed_(index, known);
  }
}

// The kernel dropped announcements. What came and went meanwhile, without being told of, has left only
// the gap that its index made above the highest one so far; the last of them only once another interface
// comes. Where only names are chosen a gap means nothing.
void Attacher::read_what_was_lost(uint32_t highest, const std::set<uint32_t>& told) {
  ++counters_.overruns;
  const Interfaces before = interfaces_;
  if (!read_all()) return;
  for (const auto& [index, interface] : before)
    if (!paused_ && !interfaces_.contains(index) && !places_.contains(index) &&
        hook_ != LiveHook::cgroup && selection_.chooses(interface))
      ++counters_.attach_late;
  gap_is_open_ = chooses_passing_interfaces();
  if (gap_is_open_) count_gap(highest, highest_index_, told);
}

// Whether an interface that came and went, and of which nothing is known, could have been chosen: not
// at the cgroup hook, not in a pause, and not where only names or the uplinks are asked for.
bool Attacher::chooses_passing_interfaces() const {
  if (hook_ == LiveHook::cgroup || paused_) return false;
  return std::any_of(words_.begin(), words_.end(), [](const std::string& word) {
    return !word.starts_with('!') && word != "uplink" && !is_plain_name(word);
  });
}

// Counts the indices between the two that nothing is known of.
void Attacher::count_gap(uint32_t from, uint32_t to, const std::set<uint32_t>& told) {
  for (uint32_t index = from + 1; index < to && index - from < gap_most; ++index)
    if (!interfaces_.contains(index) && !told.contains(index)) ++counters_.attach_late;
}

// Makes what is attached equal to what is chosen. False: only a part of it was done, since
// attaching waits for the kernel (milliseconds each) and what is announced meanwhile must not pile
// up.
bool Attacher::settle(Chosen when) {
  const std::vector<uint32_t> chosen =
      paused_ ? std::vector<uint32_t>() : selection_.choose(interfaces_);
  for (auto place = places_.begin(); place != places_.end();) {
    const bool wanted = std::binary_search(chosen.begin(), chosen.end(), place->first);
    if (wanted) {
      place->second.name = interfaces_.at(place->first).name;
      ++place;
      continue;
    }
    detach(place->first, place->second, !interfaces_.contains(place->first));
    place = places_.erase(place);
  }
  std::erase_if(failures_, [&](const auto& entry) {
    return !std::binary_search(chosen.begin(), chosen.end(), entry.first);
  });
  std::size_t attempts = 0;
  for (const uint32_t index : chosen) {
    if (places_.contains(index) || failures_.contains(index)) continue;
    if (attempts++ == attached_at_once) return false;
    Place place;
    std::string reason;
    const int result = attach_interface(interfaces_.at(index), place, reason);
    if (result == 0) {
      places_.emplace(index, std::move(place));
      // Looked at after it was attached, so that nothing passes between: packets that our own programs
      // saw already count, too, but none that they did not see is left out.
      Interface now;
      if (when == Chosen::before && read_interface(requests_, index, now) && now.packets != 0)
        ++counters_.attach_late;
    } else if (result == -ENODEV) {
      interfaces_.erase(index);  // gone already; its announcement is on the way
    } else {
      failures_[index] = reason;
    }
  }
  return true;
}

// What agents that were killed left: of slots that nobody holds, and of our own slot where we did
// not replace it.
void Attacher::remove_all_leftovers() {
  remove_leftovers(requests_, interfaces_);
  if (!claim_) return;
  for (const auto& [index, interface] : interfaces_) {
    const auto place = places_.find(index);
    for (const uint8_t direction : {uint8_t{HP_INGRESS}, uint8_t{HP_EGRESS}})
      if (place == places_.end() || !place->second.filters[direction])
        detach_clsact(requests_, index, direction, claim_->slot());
  }
}

Result<void> Attacher::start() {
  if (hook_ == LiveHook::cgroup || hook_ == LiveHook::automatic) {
    if (Result<void> attached = attach_cgroup(); !attached) return attached;
  }
  if (!requests_.valid() || !announcements_.valid() || !wake_)
    return failure(std::string("cannot open route netlink: ") + std::strerror(errno));
  {
    std::lock_guard lock(mutex_);
    // Listening began with the socket, so nothing that changes from here on is missed.
    if (!read_all()) return failure("cannot read the network interfaces by netlink");
    announce();
    if (hook_ != LiveHook::cgroup) {
      for (const std::string& word : words_) {
        if (!is_plain_name(word)) continue;
        const auto is_it = [&word](const auto& entry) { return entry.second.name == word; };
        if (std::none_of(interfaces_.begin(), interfaces_.end(), is_it) && words_.size() == 1)
          return failure("there is no network interface " + word);
      }
      while (!settle(Chosen::now)) {
      }
      if (hook_ != LiveHook::automatic && places_.empty() && !failures_.empty()) {
        const auto& [index, reason] = *failures_.begin();
        return failure("cannot attach to " + interfaces_[index].name + ": " + reason);
      }
    }
    remove_all_leftovers();
  }
  thread_ = std::thread([this] { follow(); });
  return {};
}

void Attacher::select(const std::vector<std::string>& interfaces) {
  std::lock_guard lock(mutex_);
  selection_ = InterfaceSelection(interfaces);
  words_ = interfaces;
  if (hook_ == LiveHook::cgroup || stopping_) return;
  failures_.clear();
  while (!settle(Chosen::now)) {
  }
}

void Attacher::follow() {
  const bool interfaces_matter = hook_ != LiveHook::cgroup;
  bool settled = true;
  while (true) {
    pollfd events[] = {{announcements_.descriptor(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    const int ready = ::poll(events, 2, settled ? routes_every_ms : 0);
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (events[1].revents != 0) reset(wake_.get());
    bool changed = !settled;
    if (ready == 0 && settled) {
      failures_.clear();  // tried again every time the routes are
      keep_first();
      changed = true;
    }
    if (ready > 0 && events[0].revents != 0) {
      const uint32_t highest = highest_index_;
      std::set<uint32_t> told;
      uint32_t highest_told = highest, first_told = UINT32_MAX;
      const auto heard = announcements_.listen([&](const nlmsghdr* message) {
        Interface interface;
        if (!read_interface(message, interface)) return;
        told.insert(interface.index);
        changed = true;
        const auto known = interfaces_.find(interface.index);
        if (message->nlmsg_type == RTM_DELLINK) {
          if (known != interfaces_.end()) interfaces_.erase(known);
          const auto place = places_.find(interface.index);
          if (place != places_.end()) {
            detach(place->first, place->second, true);
            places_.erase(place);
          } else if (interfaces_matter && !paused_ && interface.packets != 0 &&
                     !failures_.contains(interface.index) && selection_.chooses(interface)) {
            ++counters_.attach_late;  // it came and went before its turn
          }
          return;
        }
        if (interface.index > highest_index_) {
          highest_told = std::max(highest_told, interface.index);
          first_told = std::min(first_told, interface.index);
        }
        if (known != interfaces_.end()) interface.default_route = known->second.default_route;
        // What was refused may be possible now (a device that was not up, a program that went).
        failures_.erase(interface.index);
        interfaces_[interface.index] = std::move(interface);
      });
      if (gap_is_open_ && highest_told > highest) {
        count_gap(highest, first_told, told);
        gap_is_open_ = false;
      }
      highest_index_ = std::max(highest_index_, highest_told);
      if (heard == NetlinkSocket::Heard::lost) {
        read_what_was_lost(highest, told);
        changed = true;
      }
    }
    announce();
    if (!interfaces_matter) continue;
    if (settled && selection_.uses_routes()) changed |= mark_default_routes(requests_, interfaces_);
    if (changed) settled = settle(Chosen::before);
  }
}

void Attacher::pause() {
  std::lock_guard lock(mutex_);
  paused_ = true;
  cgroup_links_.clear();
  for (auto& [index, place] : places_) detach(index, place, false);
  places_.clear();
}

Result<void> Attacher::resume() {
  {
    std::lock_guard lock(mutex_);
    if (!paused_ || stopping_) return {};
    paused_ = false;
    failures_.clear();
  }
  attach_owner();
  if (hook_ == LiveHook::cgroup || hook_ == LiveHook::automatic) {
    Result<void> attached = attach_cgroup();
    if (!attached || hook_ == LiveHook::cgroup) return attached;
  }
  std::lock_guard lock(mutex_);
  while (!settle(Chosen::now)) {
  }
  return {};
}

void Attacher::wake() {
  const uint64_t one = 1;
  if (::write(wake_.get(), &one, sizeof(one)) < 0) {
    // The counter is full: the thread is awake already.
  }
}

void Attacher::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
  std::lock_guard lock(mutex_);
  cgroup_links_.clear();
  for (auto& [index, place] : places_) detach(index, place, false);
  places_.clear();
}

std::vector<AttachedPoint> Attacher::attached() const {
  std::lock_guard lock(mutex_);
  std::vector<AttachedPoint> points;
  if (!cgroup_path_.empty() && !cgroup_links_.empty())
    points.push_back({LiveHook::cgroup, cgroup_path_, 0, "cgroup link"});
  for (const auto& [index, place] : places_)
    points.push_back(
        {hook_ == LiveHook::automatic ? LiveHook::tc : hook_, place.name, index, place.how});
  return points;
}

std::vector<AttachFailure> Attacher::failures() const {
  std::lock_guard lock(mutex_);
  std::vector<AttachFailure> out;
  for (const auto& [index, reason] : failures_) {
    const auto interface = interfaces_.find(index);
    out.push_back(
        {interface != interfaces_.end() ? interface->second.name : std::to_string(index), reason});
  }
  return out;
}

FollowCounters Attacher::follow_counters() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

std::string Attacher::interface_name(uint32_t interface) const {
  std::lock_guard lock(mutex_);
  const auto found = interfaces_.find(interface);
  return found != interfaces_.end() ? found->second.name : std::string();
}

}  // namespace handprint
