// SPDX-License-Identifier: Apache-2.0
// Messages between the processes, as a process that was taken over might write them.
#include "agent/supervisor/message.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <vector>

#include "agent/supervisor/channel.h"

namespace handprint {
namespace {

template <class T>
std::vector<uint8_t> bytes_of(T& message) {
  const std::size_t size = seal_message(message);
  const auto* begin = reinterpret_cast<const uint8_t*>(&message);
  return {begin, begin + size};
}

template <class T>
bool reads(const std::vector<uint8_t>& bytes) {
  auto out = std::make_unique<T>();
  return read_message(Bytes(bytes), *out);
}

// A copy in which the header tells another size.
std::vector<uint8_t> telling(std::vector<uint8_t> bytes, uint32_t size) {
  std::memcpy(bytes.data() + offsetof(MessageHeader, size), &size, sizeof(size));
  return bytes;
}

TEST(SupervisorMessage, EveryKindComesBackAsItWas) {
  InterfaceMessage name;
  name.index = 7;
  name.name.set("eth0");
  InterfaceMessage read;
  ASSERT_TRUE(read_message(Bytes(bytes_of(name)), read));
  EXPECT_EQ(read.index, 7u);
  EXPECT_EQ(read.name.view(), "eth0");

  auto report = std::make_unique<WorkerReport>(), back = std::make_unique<WorkerReport>();
  report->count = 2;
  report->pipeline.engine.flows = 12;
  report->item[1].name.set("file:/x");
  report->item[1].counters.dropped = 3;
  ASSERT_TRUE(read_message(Bytes(bytes_of(*report)), *back));
  EXPECT_EQ(back->pipeline.engine.flows, 12u);
  EXPECT_EQ(back->item[1].name.view(), "file:/x");
  EXPECT_EQ(back->item[1].counters.dropped, 3u);
}

TEST(SupervisorMessage, ShortOrLongIsRefusedAtEveryLength) {
  FailedMessage failed;
  const std::vector<uint8_t> whole = bytes_of(failed);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_FALSE(reads<FailedMessage>(cut)) << size;
    if (size >= sizeof(MessageHeader)) {
      EXPECT_FALSE(reads<FailedMessage>(telling(cut, static_cast<uint32_t>(size)))) << size;
    }
  }
  std::vector<uint8_t> longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(reads<FailedMessage>(longer));
  EXPECT_FALSE(reads<FailedMessage>(telling(longer, static_cast<uint32_t>(longer.size()))));
  EXPECT_TRUE(reads<FailedMessage>(whole));
}

TEST(SupervisorMessage, AnotherVersionKindOrSizeIsRefused) {
  OverMessage over;
  std::vector<uint8_t> bytes = bytes_of(over);
  EXPECT_TRUE(reads<OverMessage>(bytes));
  EXPECT_FALSE(reads<StoppedMessage>(bytes)) << "the same size, another kind";
  EXPECT_FALSE(reads<OverMessage>(telling(bytes, 0)));
  EXPECT_FALSE(reads<OverMessage>(telling(bytes, 0xffffffff)));
  ++bytes[0];
  EXPECT_FALSE(reads<OverMessage>(bytes));
}

TEST(SupervisorMessage, ListsHoldWhatTheyTell) {
  auto report = std::make_unique<WorkerReport>();
  report->count = 3;
  const std::vector<uint8_t> bytes = bytes_of(*report);
  EXPECT_EQ(bytes.size(), offsetof(WorkerReport, item) + 3 * sizeof(OutputReport));
  for (const uint32_t lie : {0u, 2u, 4u, 64u, 65u, 0x7fffffffu, 0xffffffffu}) {
    std::vector<uint8_t> wrong = bytes;
    std::memcpy(wrong.data() + offsetof(WorkerReport, count), &lie, sizeof(lie));
    EXPECT_FALSE(reads<WorkerReport>(wrong)) << lie;
  }
  // More than there can be, with the bytes to prove it.
  std::vector<uint8_t> huge(offsetof(WorkerReport, item) + 65 * sizeof(OutputReport));
  std::memcpy(huge.data(), bytes.data(), bytes.size());
  const uint32_t count = 65;
  std::memcpy(huge.data() + offsetof(WorkerReport, count), &count, sizeof(count));
  EXPECT_FALSE(reads<WorkerReport>(telling(huge, static_cast<uint32_t>(huge.size()))));
  report->count = 1000;
  EXPECT_EQ(bytes_of(*report).size(), sizeof(WorkerReport))
      << "a sender cannot write past the list";
}

TEST(SupervisorMessage, TextsNeedNoEnd) {
  InterfaceMessage name;
  std::memset(name.name.bytes, 'x', sizeof(name.name.bytes));
  EXPECT_EQ(name.name.view().size(), sizeof(name.name.bytes));
  name.name.set(std::string(100, 'y'));
  EXPECT_EQ(name.name.view().size(), sizeof(name.name.bytes) - 1);
  EXPECT_EQ(visible_text("a\x1b[2Jb\n"), "a [2Jb ");
}

class ChannelTest : public testing::Test {
 protected:
  void SetUp() override {
    auto ends = Channel::pair();
    ASSERT_TRUE(ends);
    raw_ = ends->second.get();
    here_ = Channel(std::move(ends->first));
    there_ = Channel(std::move(ends->second));
  }
  void send_raw(const std::vector<uint8_t>& bytes) {
    ASSERT_EQ(::send(raw_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  Channel here_, there_;
  int raw_ = -1;
};

TEST_F(ChannelTest, MessagesComeInOrderWithTheirDescriptors) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  OutputFileMessage file;
  file.index = 4;
  ASSERT_TRUE(there_.send(file, {pipe_ends[1]}));
  ReadyMessage ready;
  ASSERT_TRUE(there_.send(ready));
  Received received;
  ASSERT_EQ(here_.receive(received), Channel::Heard::message);
  ASSERT_TRUE(read_message(received.bytes, file));
  EXPECT_EQ(file.index, 4u);
  ASSERT_EQ(received.descriptors.size(), 1u);
  EXPECT_EQ(::write(received.descriptors[0].get(), "x", 1), 1);
  EXPECT_NE(fcntl(received.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  char c = 0;
  EXPECT_EQ(::read(pipe_ends[0], &c, 1), 1);
  ASSERT_EQ(here_.receive(received), Channel::Heard::message);
  EXPECT_EQ(received.kind, MessageKind::ready);
  EXPECT_TRUE(received.descriptors.empty());
  EXPECT_EQ(here_.receive(received), Channel::Heard::nothing);
  there_.close();
  EXPECT_EQ(here_.receive(received), Channel::Heard::closed);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST_F(ChannelTest, WhatIsNoMessageIsMalformedAndTheNextIsRead) {
  Received received;
  StopMessage stop;
  const std::vector<uint8_t> good = bytes_of(stop);
  for (const std::vector<uint8_t>& bad :
       {std::vector<uint8_t>{1}, std::vector<uint8_t>(7), std::vector<uint8_t>(64, 0xff),
        telling(good, 1), telling(good, 0xfffffff0)}) {
    send_raw(bad);
    send_raw(good);
    EXPECT_EQ(here_.receive(received), Channel::Heard::malformed);
    EXPECT_EQ(here_.receive(received), Channel::Heard::message);
  }
  // Longer than any message: cut by the kernel, and known by that.
  send_raw(telling(std::vector<uint8_t>(longest_message + 8, 1), longest_message));
  EXPECT_EQ(here_.receive(received), Channel::Heard::malformed);
}

TEST_F(ChannelTest, MoreDescriptorsThanAllowedAreRefusedAndNoneIsLeftOpen) {
  const auto open_now = [] {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const int before = open_now();
  StopMessage stop;
  const std::vector<uint8_t> bytes = bytes_of(stop);
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(32 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(32 * sizeof(int));
  for (int i = 0; i < 32; ++i) {
    const int fd = STDERR_FILENO;
    std::memcpy(CMSG_DATA(header) + static_cast<std::size_t>(i) * sizeof(int), &fd, sizeof(fd));
  }
  ASSERT_GT(::sendmsg(raw_, &message, 0), 0);
  {
    Received received;
    EXPECT_EQ(here_.receive(received), Channel::Heard::malformed);
  }
  EXPECT_EQ(open_now(), before);
}

TEST_F(ChannelTest, AFullSocketQueuesUpToABound) {
  auto owners = std::make_unique<OwnersMessage>();
  owners->count = OwnersMessage::most;
  std::size_t sent = 0;
  while (there_.send(*owners)) {
    ++sent;
    ASSERT_LT(sent, 100'000u);
  }
  EXPECT_TRUE(there_.queued());
  EXPECT_GE(sent * sizeof(OwnersMessage), Channel::most_queued_bytes - 2 * sizeof(OwnersMessage));
  Received received;
  std::size_t got = 0;
  while (there_.queued() || here_.receive(received) == Channel::Heard::message) {
    while (here_.receive(received) == Channel::Heard::message) ++got;
    ASSERT_TRUE(there_.flush());
  }
  EXPECT_GE(got + 2, sent);  // the conditions of the loop took one or two
}

}  // namespace
}  // namespace handprint
