// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace handprint {

std::string visible_text(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

Result<std::pair<Descriptor, Descriptor>> Channel::pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    Error error;
    error.message = std::string("cannot make a socket pair: ") + std::strerror(errno);
    return error;
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

Channel::Channel(Descriptor socket) : socket_(std::move(socket)), buffer_(longest_message) {}

int Channel::send_now(Bytes bytes, const int* descriptors, std::size_t count) {
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(most_message_descriptors * sizeof(int))] = {};
  if (count != 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  }
  while (::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

bool Channel::send_bytes(Bytes bytes, std::initializer_list<int> descriptors) {
  if (!socket_ || descriptors.size() > most_message_descriptors) return false;
  if (queue_.empty()) {
    const int error = send_now(bytes, descriptors.begin(), descriptors.size());
    if (error == 0) return true;
    if (error != EAGAIN) return false;
  }
  if (queued_bytes_ + bytes.size() > most_queued_bytes) return false;
  Queued queued;
  queued.bytes.assign(bytes.begin(), bytes.end());
  for (const int descriptor : descriptors) {
    Descriptor copy(fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    if (!copy) return false;
    queued.descriptors.push_back(std::move(copy));
  }
  queued_bytes_ += queued.bytes.size();
  queue_.push_back(std::move(queued));
  return true;
}

bool Channel::flush() {
  while (!queue_.empty()) {
    const Queued& next = queue_.front();
    int descriptors[most_message_descriptors];
    std::size_t count = 0;
    for (const Descriptor& descriptor : next.descriptors) descriptors[count++] = descriptor.get();
    const int error = send_now({next.bytes.data(), next.bytes.size()}, descriptors, count);
    if (error == EAGAIN) return true;
    if (error != 0) return false;
    queued_bytes_ -= next.bytes.size();
    queue_.pop_front();
  }
  return true;
}

Channel::Heard Channel::receive(Received& out) {
  out.descriptors.clear();
  out.bytes = {};
  if (!socket_) return Heard::closed;
  iovec part{buffer_.data(), buffer_.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(most_message_descriptors * sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Heard::nothing : Heard::closed;
  // Taken first, so that none is left open whatever the message is worth.
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      out.descriptors.emplace_back(descriptor);
    }
  }
  // A message without a byte means nothing here, so this is the end of the stream.
  if (got == 0) return Heard::closed;
  MessageHeader header;
  const auto size = static_cast<std::size_t>(got);
  if (size < sizeof(header) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return Heard::malformed;
  std::memcpy(&header, buffer_.data(), sizeof(header));
  if (header.version != supervisor_message_version || header.size != size) return Heard::malformed;
  out.kind = header.kind;
  out.bytes = {buffer_.data(), size};
  return Heard::message;
}

Channel::Heard Channel::receive(Received& out, int ms) {
  const Heard heard = receive(out);
  if (heard != Heard::nothing) return heard;
  pollfd wait{socket_.get(), POLLIN, 0};
  ::poll(&wait, 1, ms);
  return receive(out);
}

}  // namespace handprint
