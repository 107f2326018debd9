// SPDX-License-Identifier: Apache-2.0
#include "agent/sink/tcp_sink.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "agent/source/live/descriptor.h"

namespace handprint {
namespace {

// A server on a loopback port of the kernel's choice.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  const std::string& address() const { return address_; }
  Descriptor accept() { return Descriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  void stop_listening() { listener_ = Descriptor(); }

 private:
  Descriptor listener_;
  std::string address_;
};

std::string read_some(int socket) {
  char buffer[4096];
  const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
  return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
}

TEST(TcpSink, ConnectsAtTheFirstWriteAndSendsWholeRecords) {
  Server server;
  const auto sink = tcp_sink(server.address(), Rendering::json);
  EXPECT_EQ(sink->name(), "tcp:" + server.address());
  const Written written = sink->write("{}\n{}\n");
  EXPECT_EQ(written.error, 0);
  EXPECT_EQ(written.bytes, 6u);
  const Descriptor peer = server.accept();
  EXPECT_EQ(read_some(peer.get()), "{}\n{}\n");
}

TEST(TcpSink, ConnectsWithoutAWrite) {
  Server server;
  const auto sink = tcp_sink(server.address(), Rendering::json);
  EXPECT_EQ(sink->idle(), 0);
  EXPECT_TRUE(server.accept());
}

TEST(TcpSink, NoticesThatTheServerClosedBeforeItWritesAgain) {
  Server server;
  const auto sink = tcp_sink(server.address(), Rendering::json);
  ASSERT_EQ(sink->write("1\n").error, 0);
  server.accept() = Descriptor();
  // The end has come as soon as loopback delivered it; nothing of the next record goes the old way.
  ::usleep(20'000);
  const Written again = sink->write("2\n");
  EXPECT_EQ(again.error, 0);
  EXPECT_EQ(read_some(server.accept().get()), "2\n");
}

TEST(TcpSink, SaysWhyItCannotConnectAndWaitsLongerEachTime) {
  Server server;
  server.stop_listening();
  const auto sink = tcp_sink(server.address(), Rendering::json);
  const Written refused = sink->write("1\n");
  EXPECT_EQ(refused.error, ECONNREFUSED);
  EXPECT_EQ(refused.bytes, 0u);
  EXPECT_GT(sink->retry_ms(), 900u);
  EXPECT_LE(sink->retry_ms(), 1001u);
  // Before its time nothing is tried: the answer is at once, and the same.
  EXPECT_EQ(sink->write("1\n").error, ECONNREFUSED);
  ::usleep(1'010'000);
  EXPECT_EQ(sink->write("1\n").error, ECONNREFUSED);
  EXPECT_GT(sink->retry_ms(), 1900u);
  EXPECT_LE(sink->retry_ms(), 2001u);
}

// A server that reads nothing: the write ends by itself, and says how much went in whole records.
TEST(TcpSink, GivesUpOnAServerThatReadsNothing) {
  Server server;
  const auto sink = tcp_sink(server.address(), Rendering::json);
  ASSERT_EQ(sink->write("1\n").error, 0);
  const Descriptor peer = server.accept();
  std::string many;
  while (many.size() < 64u << 20) many += std::string(999, 'x') + '\n';
  const Written written = sink->write(many);
  EXPECT_EQ(written.error, ETIMEDOUT);
  EXPECT_GT(written.bytes, 0u);
  EXPECT_LT(written.bytes, many.size());
  EXPECT_EQ(written.bytes % 1000, 0u);
}

TEST(TcpSink, RefusesAnAddressThatIsNone) {
  for (const char* address : {"", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                              "name:1", "[::1:1", "::1:1", "[127.0.0.1]:1"})
    EXPECT_EQ(tcp_sink(address, Rendering::json)->write("1\n").error, EINVAL) << address;
}

}  // namespace
}  // namespace handprint
