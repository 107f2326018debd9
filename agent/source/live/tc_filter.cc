// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/tc_filter.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace handprint {
namespace {

// linux/bpf.h of Debian 12 is older than TCX; these are the kernel's numbers (6.6 and later).
constexpr uint32_t bpf_tcx_ingress = 46;
constexpr uint32_t bpf_tcx_egress = 47;
constexpr uint32_t bpf_f_before = 1u << 3;

// The part of union bpf_attr that BPF_LINK_CREATE reads for TCX.
struct TcxLinkCreate {
  uint32_t program;
  uint32_t interface;
  uint32_t attach_type;
  uint32_t flags;
  uint32_t relative;  // 0 with BPF_F_BEFORE: in front of all others
  uint32_t padding;
  uint64_t expected_revision;
};
static_assert(sizeof(TcxLinkCreate) == 32);

uint32_t parent_of(uint8_t direction) {
  return TC_H_MAKE(TC_H_CLSACT, direction == HP_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

uint32_t handle_of(int slot) { return tc_filter_handle + static_cast<uint32_t>(slot); }

uint32_t info_of(uint16_t preference) {
  return TC_H_MAKE(static_cast<uint32_t>(preference) << 16, htons(ETH_P_ALL));
}

tcmsg body_of(uint32_t interface, uint8_t direction) {
  tcmsg body{};
  body.tcm_family = AF_UNSPEC;
  body.tcm_ifindex = static_cast<int>(interface);
  body.tcm_parent = parent_of(direction);
  return body;
}

int make_clsact(NetlinkSocket& socket, uint32_t interface) {
  NetlinkMessage request(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  tcmsg body{};
  body.tcm_family = AF_UNSPEC;
  body.tcm_ifindex = static_cast<int>(interface);
  body.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  body.tcm_parent = TC_H_CLSACT;
  request.body(body);
  request.attribute(TCA_KIND, std::string_view("clsact"));
  const int result = socket.request(request);
  return result == -EEXIST ? 0 : result;
}

int put_filter(NetlinkSocket& socket, uint32_t interface, uint8_t direction, int program, int slot,
               uint16_t preference, bool replace) {
  NetlinkMessage request(
      RTM_NEWTFILTER,
      static_cast<uint16_t>(NLM_F_ACK | NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL)));
  tcmsg body = body_of(interface, direction);
  body.tcm_handle = handle_of(slot);
  body.tcm_info = info_of(preference);
  request.body(body);
  request.attribute(TCA_KIND, std::string_view("bpf"));
  request.begin(TCA_OPTIONS);
  request.attribute(TCA_BPF_FD, static_cast<uint32_t>(program));
  request.attribute(TCA_BPF_NAME, std::string_view(tc_filter_name));
  request.attribute(TCA_BPF_FLAGS, static_cast<uint32_t>(TCA_BPF_FLAG_ACT_DIRECT));
  request.end();
  return socket.request(request);
}

// A bound socket that holds the slot, or an empty descriptor.
Descriptor hold(int slot) {
  Descriptor held(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!held) return held;
  // A leading NUL: the name stands in no file system and belongs to the network namespace
  // (unix(7)).
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = std::string(1, '\0') + "handprint/clsact/" + std::to_string(slot);
  name.copy(address.sun_path, sizeof(address.sun_path));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (bind(held.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) held.reset();
  return held;
}

}  // namespace

TcClaim TcClaim::take() {
  for (int slot = 0; slot < tc_slots; ++slot) {
    Descriptor held = hold(slot);
    if (held) return {std::move(held), slot};
  }
  return {Descriptor(), tc_slots - 1};
}

bool TcClaim::is_free(int slot) { return static_cast<bool>(hold(slot)); }

int attach_tcx(uint32_t interface, uint8_t direction, int program) {
  TcxLinkCreate create{};
  create.program = static_cast<uint32_t>(program);
  create.interface = interface;
  create.attach_type = direction == HP_INGRESS ? bpf_tcx_ingress : bpf_tcx_egress;
  create.flags = bpf_f_before;
  const long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

bool is_first_tcx(uint32_t interface, uint8_t direction, int program) {
  bpf_prog_info info{};
  struct {
    uint32_t descriptor, length;
    uint64_t info;
  } ask{static_cast<uint32_t>(program), sizeof info, reinterpret_cast<uint64_t>(&info)};
  std::array<uint32_t, 64> ids{};
  // The part of union bpf_attr that BPF_PROG_QUERY reads.
  struct {
    uint32_t interface, attach_type, flags, attach_flags;
    uint64_t ids;
    uint32_t count, padding;
    uint64_t unused[4];
  } query{interface, direction == HP_INGRESS ? bpf_tcx_ingress : bpf_tcx_egress,
          0,         0, reinterpret_cast<uint64_t>(ids.data()), ids.size(), 0, {}};
  // With more than 64 programs the call fails with ENOSPC, and the first 64 stand there.
  if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof ask) != 0 ||
      (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) != 0 && errno != ENOSPC))
    return true;
  return query.count == 0 || ids[0] == info.id;
}

std::vector<TcFilter> tc_filters(NetlinkSocket& socket, uint32_t interface, uint8_t direction) {
  std::vector<TcFilter> found;
  NetlinkMessage request(RTM_GETTFILTER, NLM_F_DUMP);
  request.body(body_of(interface, direction));
  socket.request(request, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWTFILTER) return;
    const auto* body = static_cast<const tcmsg*>(NLMSG_DATA(message));
    if (static_cast<uint32_t>(body->tcm_ifindex) != interface) return;
    bool is_bpf = false;
    bool named = false;
    each_attribute(
        message, sizeof(tcmsg), [&](uint16_t type, const uint8_t* data, std::size_t size) {
          const std::string_view text(reinterpret_cast<const char*>(data),
                                      strnlen(reinterpret_cast<const char*>(data), size));
          if (type == TCA_KIND) is_bpf = text == "bpf";
          if (type == TCA_OPTIONS)
            each_attribute(
                data, size, [&](uint16_t inner, const uint8_t* value, std::size_t length) {
                  if (inner != TCA_BPF_NAME) return;
                  const auto* name = reinterpret_cast<const char*>(value);
                  named = std::string_view(name, strnlen(name, length)) == tc_filter_name;
                });
        });
    TcFilter filter;
    filter.interface = interface;
    filter.direction = direction;
    filter.preference = static_cast<uint16_t>(TC_H_MAJ(body->tcm_info) >> 16);
    if (is_bpf && named && body->tcm_handle >= handle_of(0) &&
        body->tcm_handle < handle_of(tc_slots))
      filter.slot = static_cast<int>(body->tcm_handle - tc_filter_handle);
    found.push_back(filter);
  });
  return found;
}

int attach_clsact(NetlinkSocket& socket, uint32_t interface, uint8_t direction, int program,
                  int slot, uint16_t& preference) {
  if (const int result = make_clsact(socket, interface); result != 0) return result;
  // Another program may take the preference between the look and the attempt, so look again.
  int result = 0;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const std::vector<TcFilter> present = tc_filters(socket, interface, direction);
    for (const TcFilter& filter : present) {
      if (filter.slot != slot) continue;
      preference = filter.preference;
      return put_filter(socket, interface, direction, program, slot, preference, true);
    }
    preference = 1;
    while (std::any_of(present.begin(), present.end(),
                       [&](const TcFilter& filter) { return filter.preference == preference; }))
      ++preference;
    result = put_filter(socket, interface, direction, program, slot, preference, false);
    if (result != -EEXIST && result != -EINVAL) return result;
  }
  return result;
}

int detach_clsact(NetlinkSocket& socket, uint32_t interface, uint8_t direction, int slot) {
  for (const TcFilter& filter : tc_filters(socket, interface, direction)) {
    if (filter.slot != slot) continue;
    NetlinkMessage request(RTM_DELTFILTER, NLM_F_ACK);
    tcmsg body = body_of(interface, direction);
    body.tcm_handle = handle_of(slot);
    body.tcm_info = info_of(filter.preference);
    request.body(body);
    request.attribute(TCA_KIND, std::string_view("bpf"));
    const int result = socket.request(request);
    if (result != 0 && result != -ENOENT && result != -ENODEV) return result;
  }
  return 0;
}

int remove_leftovers(NetlinkSocket& socket, const Interfaces& interfaces) {
  int removed = 0;
  int error = 0;
  for (const auto& [index, interface] : interfaces) {
    for (const uint8_t direction : {uint8_t{HP_INGRESS}, uint8_t{HP_EGRESS}}) {
      for (const TcFilter& filter : tc_filters(socket, index, direction)) {
        if (filter.slot < 0 || !TcClaim::is_free(filter.slot)) continue;
        const int result = detach_clsact(socket, index, direction, filter.slot);
        if (result != 0)
          error = result;
        else
          ++removed;
      }
    }
  }
  return error != 0 ? error : removed;
}

}  // namespace handprint
