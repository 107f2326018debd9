// SPDX-License-Identifier: Apache-2.0
// Each capture program under BPF_PROG_TEST_RUN, one feature a test.
#include <gtest/gtest.h>

#include <cstring>

#include "kernel_selector.h"
#include "packet_builder.h"

namespace handprint::test {
namespace {

constexpr uint8_t syn = 0x02, syn_ack = 0x12, ack = 0x10, rst = 0x04;

constexpr std::array all_programs = {Program::tc_ingress,    Program::tc_egress,
                                     Program::tc_ingress_l3, Program::cgroup_ingress,
                                     Program::cgroup_egress, Program::xdp_ingress};

KernelSelector& kernel() {
  static KernelSelector selector(all_programs);
  return selector;
}

class Programs : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kernel().lacks_privilege()) GTEST_SKIP() << kernel().error();
    ASSERT_EQ(kernel().error(), "");
    kernel().config() = defaults();
    kernel().reset();
  }

  static hp_config defaults() {
    static const hp_config first = kernel().config();
    return first;
  }

  // Runs one frame and gives the records that it made; every program must let it pass.
  std::vector<Record> run(Program program, const Frame& frame) {
    const RunResult result = kernel().run(program, frame);
    EXPECT_EQ(result.error, 0) << strerror(result.error);
    if (program == Program::xdp_ingress) {
      EXPECT_EQ(result.verdict, 2u) << "XDP_PASS";
    } else if (program == Program::cgroup_ingress || program == Program::cgroup_egress) {
      EXPECT_EQ(result.verdict, 1u) << "allow";
    } else {
      EXPECT_EQ(result.verdict, 0xffffffffu) << "TC_ACT_UNSPEC";
    }
    return kernel().records();
  }

  std::string text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
};

PacketBuilder ethernet() { return PacketBuilder().ethernet(); }

TEST_F(Programs, SynIsCopiedWithItsHeadersAtEveryHook) {
  for (Program program : all_programs) {
    kernel().reset();
    PacketBuilder builder;
    if (program != Program::tc_ingress_l3) builder.ethernet();
    const Frame frame =
        builder.ipv4().tcp().flags(syn).sequence(7).tcp_options(linux_syn_options()).bytes();
    const auto records = run(program, frame);
    ASSERT_EQ(records.size(), 1u) << static_cast<int>(program);
    const hp_packet& packet = records[0].packet;
    EXPECT_EQ(packet.version, HP_WIRE_VERSION);
    EXPECT_EQ(packet.record, HP_RECORD_PACKET);
    EXPECT_EQ(packet.content, HP_CONTENT_SYN);
    EXPECT_EQ(packet.copy_len, 0u);
    EXPECT_EQ(packet.payload_len, 0u);
    // The cgroup hooks see layer 3; the test run strips the Ethernet header for them.
    const bool layer2 = program == Program::tc_ingress || program == Program::tc_egress ||
                        program == Program::xdp_ingress;
    EXPECT_EQ(packet.l2_len, layer2 ? 14 : 0);
    const size_t skip = frame.size() - packet.header_len;
    EXPECT_EQ(records[0].headers, Frame(frame.begin() + static_cast<long>(skip), frame.end()));
  }
}

TEST_F(Programs, HelloIsCopiedWholeInOneSegment) {
  for (size_t length : {517u, 1400u, 3000u}) {
    for (Program program : all_programs) {
      kernel().reset();
      PacketBuilder builder;
      if (program != Program::tc_ingress_l3) builder.ethernet();
      const std::string hello = client_hello(length);
      const auto records = run(program, builder.ipv4().tcp().payload(hello).bytes());
      ASSERT_EQ(records.size(), 1u) << static_cast<int>(program) << " " << length;
      EXPECT_EQ(records[0].packet.content, HP_CONTENT_TLS_CLIENT);
      EXPECT_EQ(records[0].packet.flags & HP_PACKET_NO_WINDOW, HP_PACKET_NO_WINDOW);
      EXPECT_EQ(text(records[0].payload), hello);
    }
  }
}

TEST_F(Programs, HelloOfManySegmentsIsFollowedThroughTheWindow) {
  for (Program program : {Program::tc_ingress, Program::cgroup_egress, Program::xdp_ingress}) {
    kernel().reset();
    const std::string hello = client_hello(1900);
    run(program, ethernet().ipv4().tcp().flags(syn).sequence(99).bytes());
    std::string copied;
    for (size_t at = 0; at < hello.size(); at += 600)
      for (const Record& record : run(program, ethernet()
                                                   .ipv4()
                                                   .tcp()
                                                   .sequence(100 + static_cast<uint32_t>(at))
                                                   .payload(std::string_view(hello).substr(at, 600))
                                                   .bytes()))
        copied += text(record.payload);
    EXPECT_EQ(copied, hello) << static_cast<int>(program);
    // The window went with its message: what follows is quiet.
    EXPECT_TRUE(
        run(program, ethernet().ipv4().tcp().sequence(2000).payload(std::string(500, 'x')).bytes())
            .empty());
  }
}

TEST_F(Programs, VlanTagsInTheFrameAreSteppedOver) {
  const std::string hello = client_hello(300);
  auto records =
      run(Program::xdp_ingress, PacketBuilder().vlan(5).ipv4().tcp().payload(hello).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.l2_len, 18);
  records = run(Program::xdp_ingress,
                PacketBuilder().vlan(5, 0x88a8).vlan(6).ipv6().tcp(1, 2).payload(hello).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.l2_len, 22);
  EXPECT_EQ(text(records[0].payload), hello);
}

TEST_F(Programs, Ipv4OptionsAndIpv6ExtensionHeadersAreSteppedOver) {
  const std::string hello = client_hello(300);
  auto records =
      run(Program::tc_ingress,
          ethernet().ipv4(1, 2, std::string_view("\x94\x04\0\0", 4)).tcp().payload(hello).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(text(records[0].payload), hello);
  records = run(Program::tc_ingress, ethernet()
                                         .ipv6()
                                         .extension(0)
                                         .extension(60, 1)
                                         .extension(43, 2)
                                         .tcp()
                                         .payload(hello)
                                         .bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(text(records[0].payload), hello);
}

TEST_F(Programs, LengthComesFromTheIpHeaderBoundedByTheFrame) {
  // Padding behind a short packet is not payload.
  EXPECT_TRUE(
      run(Program::tc_ingress, ethernet().ipv4().tcp().flags(ack).padding(6).bytes()).empty());
  // IP length 0, as in a segmented super-packet: the frame tells.
  auto records = run(Program::tc_ingress,
                     ethernet().ipv4().tcp().ip_length(0).payload(client_hello(400)).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.copy_len, 400u);
  // A length beyond the frame is not believed.
  records = run(Program::tc_ingress,
                ethernet().ipv4().tcp(2).ip_length(9000).payload(client_hello(400)).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.payload_len, 400u);
}

TEST_F(Programs, MalformedHeadersAndFragmentsAreCountedApart) {
  EXPECT_TRUE(run(Program::tc_ingress,
                  ethernet().ipv4().tcp().fragment(100).payload(client_hello(300)).bytes())
                  .empty());
  EXPECT_EQ(kernel().counter(HP_COUNT_FRAGMENT), 1u);
  EXPECT_TRUE(run(Program::tc_ingress,
                  ethernet().ipv4().tcp().ip_length(30).payload(client_hello(300)).bytes())
                  .empty());
  EXPECT_EQ(kernel().counter(HP_COUNT_PARSE), 1u);
  EXPECT_TRUE(run(Program::tc_ingress, ethernet().ipv4().other(1).payload("ping").bytes()).empty());
  EXPECT_EQ(kernel().counter(HP_COUNT_PARSE), 1u) << "ICMP is not malformed";
  EXPECT_EQ(kernel().counter(HP_COUNT_PACKETS), 3u);
}

TEST_F(Programs, EcnAndAccEcnBitsDoNotHideASyn) {
  for (uint8_t flags : std::initializer_list<uint8_t>{0xc2, 0x42, 0x82}) {
    kernel().reset();
    ASSERT_EQ(run(Program::tc_ingress, ethernet().ipv4().tcp().flags(flags).bytes()).size(), 1u);
  }
}

TEST_F(Programs, FastOpenCarriesTheHelloInTheSyn) {
  const std::string hello = client_hello(517);
  const auto records =
      run(Program::tc_egress, ethernet().ipv4().tcp().flags(syn).payload(hello).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.content, HP_CONTENT_SYN);
  EXPECT_EQ(text(records[0].payload), hello);
}

TEST_F(Programs, HttpHeadersEndAtTheEmptyLine) {
  const std::string headers = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (Program program : {Program::tc_ingress, Program::cgroup_ingress, Program::xdp_ingress}) {
    kernel().reset();
    run(program, ethernet().ipv4().tcp().flags(syn).sequence(0).bytes());
    auto records =
        run(program,
            ethernet().ipv4().tcp().sequence(1).payload(headers + std::string(900, 'b')).bytes());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(text(records[0].payload), headers);
    EXPECT_EQ(records[0].packet.payload_len, headers.size() + 900);
    // The body is silent, the next request is not.
    EXPECT_TRUE(
        run(program, ethernet().ipv4().tcp().sequence(5000).payload(std::string(900, 'b')).bytes())
            .empty());
    records = run(program, ethernet().ipv4().tcp().sequence(6000).payload(headers).bytes());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(text(records[0].payload), headers);
  }
}

TEST_F(Programs, QuicInitialsAreCopiedWholeAndBounded) {
  std::string initial(1200, '\x11');
  initial.replace(0, 6, std::string("\xc3\0\0\0\1\x08", 6));
  size_t copied = 0;
  for (int i = 0; i < 12; ++i)
    copied += run(Program::cgroup_egress, ethernet().ipv6().udp().payload(initial).bytes()).size();
  EXPECT_EQ(copied, 8u);
  // A later, short-header packet is nothing.
  EXPECT_TRUE(run(Program::cgroup_egress,
                  ethernet().ipv6().udp().payload(std::string(1200, '\x41')).bytes())
                  .empty());
}

TEST_F(Programs, StashedSynTravelsWithTheFirstPayload) {
  for (Program program : {Program::tc_ingress, Program::cgroup_ingress, Program::xdp_ingress}) {
    kernel().reset();
    kernel().config().syn_rate = 2;
    kernel().config().test_time_ns = 5'000'000'000;
    Frame last;
    size_t emitted = 0;
    for (uint8_t i = 1; i <= 4; ++i) {
      last =
          ethernet().ipv4(i).tcp().flags(syn).sequence(10).tcp_options(linux_syn_options()).bytes();
      emitted += run(program, last).size();
    }
    EXPECT_EQ(emitted, 2u);
    EXPECT_EQ(kernel().counter(HP_COUNT_SYN_STASHED), 2u);
    kernel().config().test_time_ns = 5'020'000'000;
    const std::string hello = client_hello(517);
    const auto records = run(program, ethernet().ipv4(4).tcp().sequence(11).payload(hello).bytes());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].packet.flags & HP_PACKET_SYN_LATE, HP_PACKET_SYN_LATE);
    EXPECT_EQ(records[0].packet.syn_time_ns, 5'000'000'000u);
    EXPECT_EQ(records[0].syn, Frame(last.begin() + 14, last.end()));
    EXPECT_EQ(text(records[0].payload), hello);
    EXPECT_EQ(kernel().counter(HP_COUNT_SYN_LATE), 1u);
    // It comes once: the second half of a message has no stash any more.
    EXPECT_TRUE(
        run(program, ethernet().ipv4(4).tcp().sequence(11).payload(hello).bytes())[0].syn.empty());
  }
}

TEST_F(Programs, BooksBalanceUnderEveryLoss) {
  kernel().config().syn_rate = 3;
  kernel().config().hello_rate = 3;
  kernel().config().test_time_ns = 1'000'000'000;
  // The ring is not read meanwhile, so that it fills up too.
  const std::string hello = client_hello(1400);
  kernel().config().test_time_ns = 0;
  kernel().config().syn_rate = 0;
  kernel().config().hello_rate = 0;
  const Frame frame = ethernet().ipv4().tcp().payload(hello).bytes();
  for (int i = 0; i < 4000; ++i) kernel().run(Program::tc_ingress, frame);
  kernel().config().hello_rate = 1;
  for (int i = 0; i < 50; ++i) kernel().run(Program::cgroup_egress, frame);
  const auto counters = kernel().counters();
  EXPECT_GT(counters[HP_COUNT_LOST_RING], 0u);
  EXPECT_GT(counters[HP_COUNT_LOST_RATE], 0u);
  EXPECT_EQ(counters[HP_COUNT_SELECTED],
            counters[HP_COUNT_EMITTED] + counters[HP_COUNT_SYN_STASHED] +
                counters[HP_COUNT_LOST_RING] + counters[HP_COUNT_LOST_RATE] +
                counters[HP_COUNT_LOST_LOAD] + counters[HP_COUNT_OWN]);
  EXPECT_EQ(kernel().records().size(), counters[HP_COUNT_EMITTED]);
}

TEST_F(Programs, SamplingTakesWholeFlowsInBothDirectionsAtEveryHook) {
  const std::string hello = client_hello(517), answer = server_hello(90);
  constexpr uint16_t flows = 400;
  std::vector<bool> wider(flows, true);
  for (uint8_t shift : {uint8_t{0}, uint8_t{1}, uint8_t{3}}) {
    size_t taken = 0;
    for (uint16_t i = 0; i < flows; ++i) {
      std::vector<bool> seen;
      for (Program program : {Program::tc_ingress, Program::cgroup_ingress, Program::cgroup_egress,
                              Program::xdp_ingress}) {
        kernel().reset();
        kernel().config().hash_seed = 77;
        kernel().config().sample_shift = shift;
        const auto port = static_cast<uint16_t>(20000 + i);
        size_t records =
            run(program, ethernet().ipv4(1, 2).tcp(port, 443).flags(syn).sequence(0).bytes())
                .size();
        records +=
            run(program, ethernet().ipv4(1, 2).tcp(port, 443).sequence(1).payload(hello).bytes())
                .size();
        records +=
            run(program, ethernet().ipv4(2, 1).tcp(443, port).flags(syn_ack).sequence(5).bytes())
                .size();
        records +=
            run(program, ethernet().ipv4(2, 1).tcp(443, port).sequence(6).payload(answer).bytes())
                .size();
        ASSERT_TRUE(records == 4 || records == 0) << records << " of port " << port;
        seen.push_back(records == 4);
        const auto counters = kernel().counters();
        EXPECT_EQ(counters[HP_COUNT_SELECTED], records);
        EXPECT_EQ(counters[HP_COUNT_EMITTED], records);
        EXPECT_EQ(counters[HP_COUNT_SAMPLED_OUT], 4 - records);
      }
      for (bool one : seen)
        EXPECT_EQ(one, seen.front()) << "the hooks differ about port " << 20000 + i;
      EXPECT_TRUE(wider[i] || !seen.front()) << "a narrower sample holds what a wider one does not";
      wider[i] = seen.front();
      taken += seen.front();
    }
    // Half or twice the share would be a wrong mask, not chance.
    EXPECT_GT(taken, (flows >> shift) / 2u) << int{shift};
    EXPECT_LT(taken, (flows >> shift) * 2u) << int{shift};
  }
}

// A connection that is kept alive is silent behind the third message of a direction.
TEST_F(Programs, RequestsOfAConnectionAreBounded) {
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (Program program : {Program::tc_ingress, Program::cgroup_ingress, Program::xdp_ingress}) {
    for (uint8_t bound : {uint8_t{1}, uint8_t{3}}) {
      kernel().reset();
      kernel().config().policy.requests = bound;
      size_t records = run(program, ethernet().ipv4().tcp().flags(syn).sequence(0).bytes()).size();
      EXPECT_EQ(records, 1u);
      uint32_t sequence = 1;
      for (int i = 0; i < 1000; ++i) {
        records += run(program, ethernet().ipv4().tcp().sequence(sequence).payload(request).bytes())
                       .size();
        sequence += static_cast<uint32_t>(request.size());
      }
      EXPECT_EQ(records, 1u + bound);
      EXPECT_EQ(kernel().counter(HP_COUNT_SELECTED), 1u + bound);
      EXPECT_EQ(kernel().counter(HP_COUNT_EMITTED), 1u + bound);
    }
  }
}

TEST_F(Programs, DisabledProgramsReturnAtOnce) {
  kernel().config().disabled = 1;
  EXPECT_TRUE(run(Program::tc_ingress, ethernet().ipv4().tcp().flags(syn).bytes()).empty());
  EXPECT_EQ(kernel().counter(HP_COUNT_PACKETS), 0u);
}

TEST_F(Programs, OldestWindowOfASetGivesWay) {
  // Nine keys of one set: the first one, not used since, must be the one that is lost.
  std::vector<Frame> same_set;
  uint32_t wanted = 0;
  for (uint32_t i = 1; same_set.size() < 9; ++i) {
    hp_flow_key key{};
    const Frame frame = ethernet()
                            .ipv4()
                            .tcp(static_cast<uint16_t>(i), static_cast<uint16_t>(i >> 16))
                            .flags(syn)
                            .sequence(0)
                            .bytes();
    key.source[10] = key.source[11] = key.destination[10] = key.destination[11] = 0xff;
    std::memcpy(key.source + 12, &frame[26], 4);
    std::memcpy(key.destination + 12, &frame[30], 4);
    std::memcpy(&key.source_port, &frame[34], 2);
    std::memcpy(&key.destination_port, &frame[36], 2);
    key.scope = 1;  // the loopback interface, which the test run pretends
    key.protocol = 6;
    const uint32_t set = hp_flow_set(hp_flow_hash(&key, 0));
    if (same_set.empty()) wanted = set;
    if (set == wanted) same_set.push_back(frame);
  }
  for (size_t i = 0; i < same_set.size(); ++i) {
    kernel().config().test_time_ns = 1'000'000'000 + i * 10'000'000;
    run(Program::tc_ingress, same_set[i]);
  }
  EXPECT_EQ(kernel().counter(HP_COUNT_SLOT_EVICTED), 1u);
  const hp_set& set = kernel().sets()[wanted];
  for (size_t i = 0; i < same_set.size(); ++i) {
    bool found = false;
    for (uint32_t way = 0; way < HP_WAYS; ++way) {
      const hp_flow_key& key = kernel().slots()[wanted * HP_WAYS + way].key;
      found |= set.tag[way] != 0 && std::memcmp(&key.source_port, &same_set[i][34], 4) == 0;
    }
    EXPECT_EQ(found, i != 0) << i;
  }
}

TEST_F(Programs, ResetWithoutPayloadForgetsTheWindow) {
  run(Program::tc_ingress, ethernet().ipv4().tcp().flags(syn).sequence(0).bytes());
  run(Program::tc_ingress, ethernet().ipv4().tcp().flags(rst).sequence(1).bytes());
  // Three bytes of a request say nothing without a window.
  EXPECT_TRUE(
      run(Program::tc_ingress, ethernet().ipv4().tcp().sequence(1).payload("GET").bytes()).empty());
}

TEST_F(Programs, SynAckOpensTheOtherDirection) {
  const auto records =
      run(Program::tc_ingress,
          ethernet().ipv4(2, 1).tcp(443, 40000).flags(syn_ack).sequence(9).bytes());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].packet.content, HP_CONTENT_SYN_ACK);
  const auto hello =
      run(Program::tc_ingress,
          ethernet().ipv4(2, 1).tcp(443, 40000).sequence(10).payload(server_hello(90)).bytes());
  ASSERT_EQ(hello.size(), 1u);
  EXPECT_EQ(hello[0].packet.content, HP_CONTENT_TLS_SERVER);
  EXPECT_EQ(hello[0].packet.flags & HP_PACKET_NO_WINDOW, 0);
}

}  // namespace
}  // namespace handprint::test
