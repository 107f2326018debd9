// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/netlink.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace handprint {
namespace {

constexpr int answer_timeout_ms = 2000;
constexpr std::size_t receive_bytes = 64u << 10;

}  // namespace

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags) {
  header()->nlmsg_len = NLMSG_HDRLEN;
  header()->nlmsg_type = type;
  header()->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
}

void NetlinkMessage::append(const void* data, std::size_t length) {
  const std::size_t at = NLMSG_ALIGN(header()->nlmsg_len);
  if (at + length > sizeof(bytes_)) return;
  if (length != 0) std::memcpy(bytes_ + at, data, length);
  header()->nlmsg_len = static_cast<uint32_t>(at + length);
}

void NetlinkMessage::attribute(uint16_t type, const void* data, std::size_t length) {
  const rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(length)), type};
  const std::size_t at = NLMSG_ALIGN(header()->nlmsg_len);
  if (at + RTA_SPACE(length) > sizeof(bytes_)) return;
  append(&attribute, sizeof(attribute));
  append(data, length);
}

void NetlinkMessage::attribute(uint16_t type, std::string_view text) {
  char terminated[256] = {};
  const std::size_t length = text.copy(terminated, sizeof(terminated) - 1);
  attribute(type, terminated, length + 1);
}

void NetlinkMessage::begin(uint16_t type) {
  nests_.push_back(NLMSG_ALIGN(header()->nlmsg_len));
  attribute(type, nullptr, 0);
}

void NetlinkMessage::end() {
  auto* attribute = reinterpret_cast<rtattr*>(bytes_ + nests_.back());
  attribute->rta_len = static_cast<unsigned short>(header()->nlmsg_len - nests_.back());
  nests_.pop_back();
}

void each_attribute(const uint8_t* data, std::size_t length, const AttributeVisitor& each) {
  while (length >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, data, sizeof(attribute));
    if (attribute.rta_len < sizeof(rtattr) || attribute.rta_len > length) return;
    each(attribute.rta_type & NLA_TYPE_MASK, data + RTA_LENGTH(0),
         attribute.rta_len - RTA_LENGTH(0));
    const std::size_t step = RTA_ALIGN(attribute.rta_len);
    if (step >= length) return;
    data += step;
    length -= step;
  }
}

void each_attribute(const nlmsghdr* message, std::size_t body, const AttributeVisitor& each) {
  const std::size_t offset = NLMSG_HDRLEN + NLMSG_ALIGN(body);
  if (message->nlmsg_len < offset) return;
  each_attribute(reinterpret_cast<const uint8_t*>(message) + offset, message->nlmsg_len - offset,
                 each);
}

NetlinkSocket::NetlinkSocket(uint32_t groups) {
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd_ < 0) return;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd_);
    fd_ = -1;
    return;
  }
  // Many links may come at once, each with 1 to 2 KiB.
  const int bytes = 1 << 20;
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

NetlinkSocket::~NetlinkSocket() {
  if (fd_ >= 0) close(fd_);
}

int NetlinkSocket::request(NetlinkMessage& message, const Visitor& each) {
  int result = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    result = request_once(message, each);
    if (result != -EINTR) break;
  }
  return result;
}

int NetlinkSocket::request_once(NetlinkMessage& message, const Visitor& each) {
  nlmsghdr* header = message.header();
  const bool dump = (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  const bool acknowledged = (header->nlmsg_flags & NLM_F_ACK) != 0;
  header->nlmsg_seq = ++sequence_;
  if (send(fd_, header, header->nlmsg_len, 0) < 0) return -errno;

  std::vector<uint8_t> buffer(receive_bytes);
  bool inconsistent = false;
  while (true) {
    pollfd wait{fd_, POLLIN, 0};
    const int ready = ::poll(&wait, 1, answer_timeout_ms);
    if (ready == 0) return -ETIMEDOUT;
    if (ready < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    auto length = static_cast<unsigned>(got);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(answer, length);
         answer = NLMSG_NEXT(answer, length)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if ((answer->nlmsg_flags & NLM_F_DUMP_INTR) != 0) inconsistent = true;
      if (answer->nlmsg_type == NLMSG_ERROR)
        return static_cast<nlmsgerr*>(NLMSG_DATA(answer))->error;
      if (answer->nlmsg_type == NLMSG_DONE) return inconsistent ? -EINTR : 0;
      if (each) each(answer);
      if (!dump && !acknowledged) return 0;
    }
  }
}

NetlinkSocket::Heard NetlinkSocket::listen(const Visitor& each) {
  std::vector<uint8_t> buffer(receive_bytes);
  Heard heard = Heard::nothing;
  while (true) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        heard = Heard::lost;
        continue;
      }
      return heard;
    }
    if (got == 0) return heard;
    if (heard == Heard::nothing) heard = Heard::messages;
    auto length = static_cast<unsigned>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, length);
         message = NLMSG_NEXT(message, length))
      each(message);
  }
}

}  // namespace handprint
