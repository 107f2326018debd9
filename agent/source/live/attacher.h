// SPDX-License-Identifier: Apache-2.0
// Keeps programs attached where they should be while interfaces come, go and are renamed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/source/live/descriptor.h"
#include "agent/source/live/interfaces.h"
#include "agent/source/live/live_capture.h"
#include "agent/source/live/loader.h"
#include "agent/source/live/netlink.h"
#include "agent/source/live/options.h"
#include "agent/source/live/tc_filter.h"
#include "fingerprint/result.h"

namespace handprint {

// Attaches for one hook. Its thread follows the interfaces; every public function may be called
// from any thread.
class Attacher {
 public:
  // `loader` must outlive it. `automatic`: cgroup and tc; that an interface refuses is then no error.
  Attacher(Loader& loader, LiveHook hook, const LiveOptions& options);
  ~Attacher();
  Attacher(const Attacher&) = delete;
  Attacher& operator=(const Attacher&) = delete;

  // Attaches the program that notes creators of sockets (owner_cgroup). Before start().
  void attach_owner();

  // Attaches, and starts to follow interfaces. Fails when nothing could be attached and nothing can
  // come later: no cgroup root, or a named interface without a pattern does not exist.
  Result<void> start();

  // Another choice of interfaces; what stays chosen stays attached.
  void select(const std::vector<std::string>& interfaces);

  // Detaches everything but goes on following the interfaces, until resume(). Both idempotent.
  void pause();
  Result<void> resume();

  // Detaches everything; idempotent.
  void stop();

  std::vector<AttachedPoint> attached() const;
  std::vector<AttachFailure> failures() const;
  FollowCounters follow_counters() const;
  std::string interface_name(uint32_t interface) const;

 private:
  struct Place {
    std::string name;
    std::string how;
    std::array<Descriptor, 2> links;  // TCX or XDP links by direction
    std::array<bool, 2> filters{};    // clsact by direction
  };

  Result<void> attach_cgroup();
  int attach_interface(const Interface& interface, Place& place, std::string& reason);
  int attach_tc(const Interface& interface, uint8_t direction, Place& place);
  void count_gap(uint32_t from, uint32_t to, const std::set<uint32_t>& told);
  void keep_first();
  int attach_xdp(const Interface& interface, Place& place);
  void detach(uint32_t interface, Place& place, bool gone);
  bool read_all();
  void read_what_was_lost(uint32_t highest, const std::set<uint32_t>& told);
  void remove_all_leftovers();
  // Whether what settle() newly attaches to had been chosen when it appeared. What is only now chosen
  // (a start, another selection, the end of a pause) is not late.
  enum class Chosen : uint8_t { before, now };

  bool settle(Chosen chosen);
  int tc_program(const Interface& interface, uint8_t direction) const;
  bool chooses_passing_interfaces() const;
  void announce();
  void follow();
  void wake();

  Loader& loader_;
  const LiveHook hook_;
  const XdpMode xdp_mode_;
  const std::string cgroup_root_;
  bool tcx_;
  std::optional<TcClaim> claim_;  // from the first clsact filter on

  mutable std::mutex mutex_;
  InterfaceSelection selection_;
  std::vector<std::string> words_;
  Interfaces interfaces_;
  const std::function<void(uint32_t, std::string_view)> interface_changed_;
  std::map<uint32_t, std::string> announced_;
  std::map<uint32_t, Place> places_;
  std::map<uint32_t, std::string> failures_;
  std::vector<Descriptor> cgroup_links_;
  std::string cgroup_path_;
  NetlinkSocket requests_;
  NetlinkSocket announcements_;
  Descriptor wake_;
  std::thread thread_;
  FollowCounters counters_;
  uint32_t highest_index_ = 0;
  bool gap_is_open_ = false;  // above the highest index there may have been others
  bool stopping_ = false;
  bool paused_ = false;
};

}  // namespace handprint
