// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace handprint {
namespace {

using Octets = std::vector<uint8_t>;

void add(Octets& out, std::initializer_list<int> bytes) {
  for (const int byte : bytes) out.push_back(static_cast<uint8_t>(byte));
}

// 10.0.0.1:40000 → 10.0.0.2:443, 40 bytes of headers.
Octets ip_tcp(uint8_t flags, uint16_t payload_length) {
  const int total = 40 + payload_length;
  Octets out;
  add(out,
      {0x45, 0, total >> 8, total & 255, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2});
  add(out, {40000 >> 8, 40000 & 255, 443 >> 8, 443 & 255, 0,    0,    0, 100, 0, 0,
            0,          0,           0x50,     flags,     0xfa, 0xf0, 0, 0,   0, 0});
  return out;
}

Octets ethernet(const Octets& ip) {
  Octets out;
  add(out, {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0});
  out.insert(out.end(), ip.begin(), ip.end());
  return out;
}

hp_packet header_of(const Octets& headers, std::size_t copied, std::size_t payload,
                    bool l2 = true) {
  hp_packet header{};
  header.version = HP_WIRE_VERSION;
  header.record = HP_RECORD_PACKET;
  header.hook = HP_HOOK_TC;
  header.direction = HP_EGRESS;
  header.content = HP_CONTENT_TLS_CLIENT;
  header.l2_len = l2 ? 14 : 0;
  header.time_ns = 1234;
  header.cookie = 99;
  header.cpu = 1;
  header.sequence = 7;
  header.ifindex = 3;
  header.frame_len = static_cast<uint32_t>(headers.size() + payload);
  header.payload_len = static_cast<uint32_t>(payload);
  header.copy_len = static_cast<uint32_t>(copied);
  header.header_len = static_cast<uint16_t>(headers.size());
  header.owner.pid = 42;
  header.owner.netns = 1000;
  return header;
}

Octets record_of(const hp_packet& header, std::initializer_list<Octets> parts) {
  Octets out(sizeof(header));
  std::memcpy(out.data(), &header, sizeof(header));
  for (const Octets& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

TEST(PacketRecord, BecomesASegment) {
  const Octets headers = ethernet(ip_tcp(0x18, 300));
  const Octets payload(100, 0x16);
  hp_packet header = header_of(headers, 100, 300);
  header.copy_off = 200;
  header.flags = HP_PACKET_L2;
  const Octets record = record_of(header, {headers, payload});
  PacketRecord out;
  ASSERT_EQ(decode_packet_record(record, 1000, out), Reason::ok);
  ASSERT_TRUE(out.has_segment);
  EXPECT_FALSE(out.has_late_syn);
  const Segment& segment = out.segment;
  EXPECT_EQ(segment.time, 1234);
  EXPECT_EQ(segment.packet->source_port, 40000);
  EXPECT_EQ(segment.packet->destination_port, 443);
  EXPECT_EQ(segment.packet->payload.size(), 100u);
  EXPECT_EQ(segment.packet->payload.data(), record.data() + record.size() - 100);
  EXPECT_EQ(segment.packet->payload_length, 300u);
  EXPECT_EQ(segment.copy_offset, 200u);
  EXPECT_EQ(segment.content, HP_CONTENT_TLS_CLIENT);
  EXPECT_EQ(segment.interface, 3u);
  EXPECT_EQ(segment.cookie, 99u);
  ASSERT_NE(segment.owner, nullptr);
  EXPECT_EQ(segment.owner->pid, 42u);
  EXPECT_TRUE(segment.packet->source_mac.present);
  EXPECT_EQ(out.cpu, 1u);
  EXPECT_EQ(out.sequence, 7u);
}

TEST(PacketRecord, WithoutLayer2IsRawIp) {
  const Octets headers = ip_tcp(0x18, 3);
  const Octets record = record_of(header_of(headers, 3, 3, false), {headers, Octets(3, 'x')});
  PacketRecord out;
  ASSERT_EQ(decode_packet_record(record, 0, out), Reason::ok);
  EXPECT_FALSE(out.packet.source_mac.present);
  EXPECT_EQ(out.packet.payload.size(), 3u);
}

TEST(PacketRecord, UnknownOwnerIsNull) {
  const Octets headers = ethernet(ip_tcp(0x02, 0));
  hp_packet header = header_of(headers, 0, 0);
  header.owner.pid = 0;
  header.peer_pid = 77;  // without its flag it means nothing
  PacketRecord out;
  ASSERT_EQ(decode_packet_record(record_of(header, {headers}), 0, out), Reason::ok);
  EXPECT_EQ(out.segment.owner, nullptr);
  EXPECT_EQ(out.segment.peer_pid, 0u);

  header.flags = HP_PACKET_PEER_LOCAL;
  header.peer_start_ns = 5;
  header.peer_role = HP_ROLE_LISTENER;
  ASSERT_EQ(decode_packet_record(record_of(header, {headers}), 0, out), Reason::ok);
  EXPECT_EQ(out.segment.peer_pid, 77u);
  EXPECT_EQ(out.segment.peer_start_ns, 5u);
  EXPECT_EQ(out.segment.peer_role, HP_ROLE_LISTENER);
}

TEST(PacketRecord, InterfacesOfOtherNamespacesAreUnknown) {
  const Octets headers = ip_tcp(0x02, 0);
  hp_packet header = header_of(headers, 0, 0, false);
  PacketRecord out;
  header.hook = HP_HOOK_CGROUP;
  ASSERT_EQ(decode_packet_record(record_of(header, {headers}), 1000, out), Reason::ok);
  EXPECT_EQ(out.segment.interface, 3u);
  ASSERT_EQ(decode_packet_record(record_of(header, {headers}), 2000, out), Reason::ok);
  EXPECT_EQ(out.segment.interface, 0u);
  header.hook = HP_HOOK_TC;
  ASSERT_EQ(decode_packet_record(record_of(header, {headers}), 2000, out), Reason::ok);
  EXPECT_EQ(out.segment.interface, 3u);
}

TEST(PacketRecord, LateSynComesFirst) {
  const Octets syn = ip_tcp(0x02, 0);
  const Octets headers = ethernet(ip_tcp(0x18, 4));
  hp_packet header = header_of(headers, 4, 4);
  header.flags = HP_PACKET_SYN_LATE | HP_PACKET_L2;
  header.syn_len = static_cast<uint16_t>(syn.size());
  header.syn_time_ns = 1000;
  PacketRecord out;
  ASSERT_EQ(decode_packet_record(record_of(header, {syn, headers, Octets(4, 'x')}), 0, out),
            Reason::ok);
  ASSERT_TRUE(out.has_late_syn);
  ASSERT_TRUE(out.has_segment);
  EXPECT_EQ(out.late_syn.time, 1000);
  EXPECT_EQ(out.late_syn.content, HP_CONTENT_SYN);
  EXPECT_TRUE(out.late_syn.packet->is_syn());
  EXPECT_EQ(out.late_syn.owner->pid, 42u);
  EXPECT_EQ(out.segment.packet->payload.size(), 4u);
}

TEST(PacketRecord, OffloadedTagStandsOutside) {
  const Octets headers = ethernet(ip_tcp(0x02, 0));
  hp_packet header = header_of(headers, 0, 0);
  header.flags = HP_PACKET_L2 | HP_PACKET_NO_VLAN_IN_FRAME;
  header.vlan_tci = 0x2064;  // priority 1, id 100
  PacketRecord out;
  ASSERT_EQ(decode_packet_record(record_of(header, {headers}), 0, out), Reason::ok);
  EXPECT_EQ(out.packet.vlan_count, 1);
  EXPECT_EQ(out.packet.vlan[0], 100);
}

TEST(PacketRecord, LengthsThatLieAreRefused) {
  const Octets headers = ethernet(ip_tcp(0x18, 10));
  const Octets payload(10, 'x');
  const hp_packet good = header_of(headers, 10, 10);
  PacketRecord out;
  ASSERT_EQ(decode_packet_record(record_of(good, {headers, payload}), 0, out), Reason::ok);

  const auto refused = [&](auto change, Reason reason) {
    hp_packet header = good;
    change(header);
    EXPECT_EQ(decode_packet_record(record_of(header, {headers, payload}), 0, out), reason);
    EXPECT_FALSE(out.has_segment);
  };
  refused([](hp_packet& h) { h.version = 2; }, Reason::not_this_protocol);
  refused([](hp_packet& h) { h.record = HP_RECORD_OWNER; }, Reason::not_this_protocol);
  refused([](hp_packet& h) { h.header_len = 65535; }, Reason::too_long);
  refused([](hp_packet& h) { h.l2_len = 255; }, Reason::too_long);
  refused([](hp_packet& h) { h.syn_len = 300; }, Reason::too_long);
  refused([](hp_packet& h) { h.syn_len = 100; }, Reason::not_enough_header);
  refused([](hp_packet& h) { h.copy_len = 0xffffffff; }, Reason::too_long);
  refused([](hp_packet& h) { h.copy_len = 11; }, Reason::not_enough_header);
  refused([](hp_packet& h) { h.copy_off = 1; }, Reason::too_long);
  refused([](hp_packet& h) { h.copy_off = 0xffffffff; }, Reason::too_long);
  refused([](hp_packet& h) { h.payload_len = 9; }, Reason::too_long);
  refused([](hp_packet& h) { h.header_len = 20, h.copy_len = 0; }, Reason::not_enough_header);
}

TEST(PacketRecord, EveryPrefixAndRandomChangeStaysInBounds) {
  const Octets syn = ip_tcp(0x02, 0);
  const Octets headers = ethernet(ip_tcp(0x18, 50));
  hp_packet header = header_of(headers, 50, 50);
  header.flags = HP_PACKET_SYN_LATE | HP_PACKET_L2;
  header.syn_len = static_cast<uint16_t>(syn.size());
  const Octets record = record_of(header, {syn, headers, Octets(50, 'x')});
  PacketRecord out;
  for (std::size_t length = 0; length < record.size(); ++length) {
    const Octets cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_NE(decode_packet_record(cut, 0, out), Reason::ok) << length;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    Octets changed = record;
    for (int j = 0; j < 3; ++j) changed[random() % changed.size()] = static_cast<uint8_t>(random());
    if (decode_packet_record(changed, 0, out) != Reason::ok || !out.has_segment) continue;
    const Bytes payload = out.segment.packet->payload;
    ASSERT_LE(payload.size(), HP_MAX_COPY);
    ASSERT_TRUE(payload.empty() ||
                (payload.data() >= changed.data() &&
                 payload.data() + payload.size() <= changed.data() + changed.size()));
    ASSERT_LE(out.segment.copy_offset + payload.size(), out.segment.packet->payload_length);
  }
}

TEST(ProcessRecord, CarriesPathAndArguments) {
  hp_process process{};
  process.version = HP_WIRE_VERSION;
  process.record = HP_RECORD_PROCESS;
  process.pid = 5;
  const std::string path("/bin/sh\0", 8), args("sh\0-c\0", 6);
  process.path_len = static_cast<uint16_t>(path.size());
  process.args_len = static_cast<uint16_t>(args.size());
  Octets record(sizeof(process));
  std::memcpy(record.data(), &process, sizeof(process));
  record.insert(record.end(), path.begin(), path.end());
  record.insert(record.end(), args.begin(), args.end());
  ProcessRecord out;
  ASSERT_EQ(decode_process_record(record, out), Reason::ok);
  EXPECT_EQ(as_text(out.path), "/bin/sh");
  EXPECT_EQ(as_text(out.args), args);
  record.pop_back();
  EXPECT_EQ(decode_process_record(record, out), Reason::not_enough_header);
  record[offsetof(hp_process, path_len) + 1] = 0xff;
  EXPECT_EQ(decode_process_record(record, out), Reason::too_long);
}

TEST(ProcessRecord, OwnerEventIsItsOwnKind) {
  hp_owner_event event{};
  event.version = HP_WIRE_VERSION;
  event.record = HP_RECORD_OWNER;
  event.owner.pid = 9;
  Octets record(sizeof(event));
  std::memcpy(record.data(), &event, sizeof(event));
  ProcessRecord out;
  ASSERT_EQ(decode_process_record(record, out), Reason::ok);
  EXPECT_EQ(out.record, HP_RECORD_OWNER);
  EXPECT_EQ(out.owner.owner.pid, 9u);
  record.pop_back();
  EXPECT_EQ(decode_process_record(record, out), Reason::not_enough_header);
  EXPECT_EQ(decode_process_record({}, out), Reason::not_enough_header);
}

TEST(SequenceGaps, CountsWhatIsMissing) {
  SequenceGaps gaps;
  for (const uint32_t number : {5u, 6u, 7u}) gaps.see(0, number);
  EXPECT_EQ(gaps.missing(), 0u);
  gaps.see(0, 10);
  EXPECT_EQ(gaps.missing(), 2u);
  gaps.see(3, 1);  // another CPU counts for itself
  gaps.see(3, 2);
  EXPECT_EQ(gaps.missing(), 2u);
}

TEST(SequenceGaps, OvertakenRecordsAreNotMissing) {
  SequenceGaps gaps;
  for (const uint32_t number : {1u, 3u, 2u, 4u}) gaps.see(0, number);
  EXPECT_EQ(gaps.missing(), 0u);
}

TEST(SequenceGaps, ANumberGivenTwiceHidesNoLoss) {
  SequenceGaps gaps;
  for (const uint32_t number : {1u, 4u, 4u, 5u}) gaps.see(0, number);
  EXPECT_EQ(gaps.missing(), 2u);
}

TEST(SequenceGaps, NumbersWrapAround) {
  SequenceGaps gaps;
  for (const uint32_t number : {0xfffffffeu, 0xffffffffu, 0u, 2u}) gaps.see(0, number);
  EXPECT_EQ(gaps.missing(), 1u);
}

TEST(SequenceGaps, AnAbsurdCpuIsIgnored) {
  SequenceGaps gaps;
  gaps.see(0xffffffff, 1);
  gaps.see(0xffffffff, 100);
  EXPECT_EQ(gaps.missing(), 0u);
}

}  // namespace
}  // namespace handprint
