// SPDX-License-Identifier: Apache-2.0
// Route netlink as far as live capture needs it: links, default routes, clsact qdiscs and filters.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace handprint {

// A request under construction: header, family struct, attributes. At most 1 KiB.
class NetlinkMessage {
 public:
  NetlinkMessage(uint16_t type, uint16_t flags);

  // Appends the fixed struct that follows the header.
  template <class T>
  void body(const T& value) {
    append(&value, sizeof(value));
  }
  void attribute(uint16_t type, const void* data, std::size_t length);
  void attribute(uint16_t type, uint32_t value) { attribute(type, &value, sizeof(value)); }
  // NUL terminated, as the kernel wants names.
  void attribute(uint16_t type, std::string_view text);
  // Opens a nest; end() closes the innermost.
  void begin(uint16_t type);
  void end();

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_); }

 private:
  void append(const void* data, std::size_t length);
  alignas(NLMSG_ALIGNTO) uint8_t bytes_[1024] = {};
  std::vector<std::size_t> nests_;
};

// The attributes behind the fixed struct of `length` bytes of a received message; calls `each` with
// type (flags masked off), data and length. Malformed attributes end the walk.
using AttributeVisitor = std::function<void(uint16_t, const uint8_t*, std::size_t)>;
void each_attribute(const uint8_t* data, std::size_t length, const AttributeVisitor& each);
void each_attribute(const nlmsghdr* message, std::size_t body, const AttributeVisitor& each);

class NetlinkSocket {
 public:
  // groups: RTMGRP_… to listen to, 0 for requests only. valid() is false if the kernel refuses.
  explicit NetlinkSocket(uint32_t groups);
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  bool valid() const { return fd_ >= 0; }
  int descriptor() const { return fd_; }

  using Visitor = std::function<void(const nlmsghdr*)>;
  // Sends one request and waits for its answer (with NLM_F_ACK, or one message, or a dump to its
  // end). Result: 0, or a negative errno: the kernel's, -EINTR when a dump was inconsistent even
  // the third time, -ETIMEDOUT after two seconds.
  int request(NetlinkMessage& message, const Visitor& each = {});

  enum class Heard { nothing, messages, lost };
  // Reads what was announced to the groups, without waiting. `lost`: the kernel dropped
  // announcements (ENOBUFS), so that what is known must be read anew.
  Heard listen(const Visitor& each);

 private:
  int request_once(NetlinkMessage& message, const Visitor& each);
  int fd_ = -1;
  uint32_t sequence_ = 0;
};

}  // namespace handprint
