// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/tcp_sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "agent/source/live/descriptor.h"

namespace handprint {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int patience_ms = 1000;  // less than a stop has for all outputs
constexpr milliseconds first_pause{1000}, longest_pause{30000};

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;  // 0: could not be read
};

Target read_target(const std::string& text) {
  Target target;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return target;
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc{} || stop != end || port == 0) return target;
  if (text.front() == '[') {
    auto* const six = reinterpret_cast<sockaddr_in6*>(&target.address);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    if (text[colon - 1] == ']' && inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &six->sin6_addr) == 1)
      target.size = sizeof(*six);
  } else {
    auto* const four = reinterpret_cast<sockaddr_in*>(&target.address);
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &four->sin_addr) == 1) target.size = sizeof(*four);
  }
  return target;
}

// 0 once the socket is ready, else why not.
int wait_for(int descriptor, short what) {
  const auto until = Clock::now() + milliseconds(patience_ms);
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
    pollfd wait{descriptor, what, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::max<long>(left, 0)));
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

class TcpSink : public Sink {
 public:
  TcpSink(const std::string& address, Rendering rendering)
      : name_("tcp:" + address), target_(read_target(address)), rendering_(rendering) {}

  std::string_view name() const override { return name_; }
  Rendering rendering() const override { return rendering_; }

  Written write(std::string_view text) override {
    if (socket_) look_for_end();
    if (!socket_) {
      if (const int error = connect()) return {0, error};
    }
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t n = ::send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n >= 0) {
        sent += static_cast<std::size_t>(n);
        continue;
      }
      int error = errno;
      if (error == EINTR) continue;
      if (error == EAGAIN) error = wait_for(socket_.get(), POLLOUT);
      if (error == 0) continue;
      drop();
      // The next connection begins with a whole record. EPIPE would mean that nobody reads ever again.
      const std::size_t line = sent == 0 ? std::string_view::npos : text.rfind('\n', sent - 1);
      return {line == std::string_view::npos ? 0 : line + 1, error == EPIPE ? ECONNRESET : error};
    }
    return {text.size(), 0};
  }

  int idle() override {
    if (socket_) look_for_end();
    return !socket_ && Clock::now() >= next_ ? connect() : 0;
  }

  bool ready() const override { return static_cast<bool>(socket_); }

  uint32_t retry_ms() const override {
    const auto left = std::chrono::duration_cast<milliseconds>(next_ - Clock::now()).count();
    return static_cast<uint32_t>(std::clamp<long>(left + 1, 1, longest_pause.count()));
  }

 private:
  void drop() { socket_ = Descriptor(); }

  // A server has nothing to say to us: what it sends is thrown away, its end closes this one.
  void look_for_end() {
    char unwanted[4096];
    for (int round = 0; round < 16; ++round) {
      const ssize_t n = ::recv(socket_.get(), unwanted, sizeof unwanted, MSG_DONTWAIT);
      if (n > 0) continue;
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      return drop();
    }
  }

  // Not before its time: also a server that takes connections and closes them is asked once a second.
  int connect() {
    if (target_.size == 0) return EINVAL;
    if (Clock::now() < next_) {
      if (error_ != 0) return error_;
      std::this_thread::sleep_until(next_);  // it works: no more than a second
    }
    error_ = try_connect();
    pause_ = error_ == 0 ? first_pause : std::min(failed_ ? pause_ * 2 : first_pause, longest_pause);
    failed_ = error_ != 0;
    next_ = Clock::now() + pause_;
    if (error_ != 0) drop();
    return error_;
  }

  int try_connect() {
    socket_ = Descriptor(::socket(target_.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return errno;
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&target_.address), target_.size) == 0)
      return 0;
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    if (const int error = wait_for(socket_.get(), POLLOUT)) return error;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }

  std::string name_;
  Target target_;
  Rendering rendering_;
  Descriptor socket_;
  Clock::time_point next_{};
  milliseconds pause_ = first_pause;
  int error_ = 0;
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<Sink> tcp_sink(const std::string& address, Rendering rendering) {
  return std::make_unique<TcpSink>(address, rendering);
}

}  // namespace handprint
