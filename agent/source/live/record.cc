// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/record.h"

#include <cstring>

#include "fingerprint/link.h"

namespace handprint {
namespace {

constexpr uint32_t most_cpus = 8192;  // NR_CPUS of the largest distribution kernels

// The interface of a record, as far as its number means something to the reader.
uint32_t known_interface(const hp_packet& header, uint32_t own_netns) {
  // tc and XDP run on interfaces of the agent's own namespace; a cgroup program runs in the
  // socket's.
  if (header.hook != HP_HOOK_CGROUP || own_netns == 0) return header.ifindex;
  return header.owner.netns == own_netns ? header.ifindex : 0;
}

uint16_t host_order(const uint16_t& network) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&network);
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

void common_facts(const PacketRecord& record, uint32_t own_netns, Segment& out) {
  const hp_packet& header = record.header;
  out.hook = header.hook;
  out.direction = header.direction;
  out.interface = known_interface(header, own_netns);
  out.cookie = header.cookie;
  if ((header.flags & HP_PACKET_PEER_LOCAL) != 0) {
    out.peer_pid = header.peer_pid;
    out.peer_start_ns = header.peer_start_ns;
    out.peer_role = header.peer_role;
    out.peer_flags = header.peer_flags;
  }
  out.owner = header.owner.pid != 0 ? &record.header.owner : nullptr;
  out.socket = (header.flags & HP_PACKET_SOCKET) != 0 ? &record.socket : nullptr;
}

// A tag that the device took out of the frame stands outside of those that are still in it.
void add_outer_tag(uint16_t tci, Packet& packet) {
  packet.vlan[1] = packet.vlan[0];
  packet.vlan[0] = tci & 0x0fff;
  if (packet.vlan_count < packet.vlan.size()) ++packet.vlan_count;
}

}  // namespace

Reason decode_packet_record(Bytes record, uint32_t own_netns, PacketRecord& out) {
  out.has_late_syn = false;
  out.has_segment = false;
  out.late_syn = Segment{};
  out.segment = Segment{};
  if (record.size() < sizeof(hp_packet)) return Reason::not_enough_header;
  std::memcpy(&out.header, record.data(), sizeof(hp_packet));
  const hp_packet& header = out.header;
  if (header.version != HP_WIRE_VERSION || header.record != HP_RECORD_PACKET)
    return Reason::not_this_protocol;
  if ((header.flags & HP_PACKET_SOCKET) != 0)
    out.socket = {Address::from_mapped(header.socket_local),
                  Address::from_mapped(header.socket_remote), host_order(header.socket_local_port),
                  host_order(header.socket_remote_port)};
  out.cpu = header.cpu;
  out.sequence = header.sequence;

  if (header.syn_len > HP_MAX_HEADERS || header.header_len > HP_MAX_HEADERS ||
      header.copy_len > HP_MAX_COPY || header.l2_len > header.header_len)
    return Reason::too_long;
  const std::size_t frame_length = std::size_t{header.header_len} + header.copy_len;
  if (record.size() - sizeof(hp_packet) < header.syn_len + frame_length)
    return Reason::not_enough_header;

  if ((header.flags & HP_PACKET_SYN_LATE) != 0 && header.syn_len != 0) {
    out.syn_packet = Packet{};
    const Bytes syn = record.subspan(sizeof(hp_packet), header.syn_len);
    if (decode_packet(link_type::raw, syn, 0, out.syn_packet) == Reason::ok &&
        out.syn_packet.has(tcp_flag::syn) && out.syn_packet.is_tcp()) {
      common_facts(out, own_netns, out.late_syn);
      out.late_syn.time = static_cast<PacketTime>(header.syn_time_ns);
      out.late_syn.packet = &out.syn_packet;
      out.late_syn.content =
          out.syn_packet.has(tcp_flag::ack) ? HP_CONTENT_SYN_ACK : HP_CONTENT_SYN;
      out.late_syn.flags = header.flags & (HP_PACKET_PEER_LOCAL | HP_PACKET_SYN_LATE);
      out.has_late_syn = true;
    }
  }

  const Bytes frame = record.subspan(sizeof(hp_packet) + header.syn_len, frame_length);
  out.packet = Packet{};
  const uint32_t link = header.l2_len != 0 ? link_type::ethernet : link_type::raw;
  Reason reason = decode_packet(link, frame, header.frame_len, out.packet);
  if (reason == Reason::ok) {
    // The kernel looked only at the outer headers; whatever opens as a tunnel is not what it chose.
    if (out.packet.tunnel != Tunnel::none) reason = Reason::unsupported_transport;
    if (header.copy_off > header.payload_len ||
        header.copy_len > header.payload_len - header.copy_off)
      reason = Reason::too_long;
  }
  if (reason != Reason::ok) return out.has_late_syn ? Reason::ok : reason;

  if ((header.flags & HP_PACKET_NO_VLAN_IN_FRAME) != 0) add_outer_tag(header.vlan_tci, out.packet);
  // The copied bytes may begin anywhere in the segment, so their place is the record's word, not
  // the IP length's.
  out.packet.payload = frame.subspan(header.header_len);
  out.packet.payload_length = header.payload_len;
  common_facts(out, own_netns, out.segment);
  out.segment.time = static_cast<PacketTime>(header.time_ns);
  out.segment.packet = &out.packet;
  out.segment.copy_offset = header.copy_off;
  out.segment.content =
      header.content < HP_CONTENT_COUNT ? header.content : uint8_t{HP_CONTENT_NONE};
  out.segment.flags = header.flags;
  out.has_segment = true;
  return Reason::ok;
}

Reason decode_process_record(Bytes record, ProcessRecord& out) {
  out = ProcessRecord{};
  if (record.size() < 2) return Reason::not_enough_header;
  if (record[0] != HP_WIRE_VERSION) return Reason::not_this_protocol;
  if (record[1] == HP_RECORD_OWNER) {
    if (record.size() < sizeof(hp_owner_event)) return Reason::not_enough_header;
    std::memcpy(&out.owner, record.data(), sizeof(hp_owner_event));
    out.record = HP_RECORD_OWNER;
    return Reason::ok;
  }
  if (record[1] != HP_RECORD_PROCESS) return Reason::not_this_protocol;
  if (record.size() < sizeof(hp_process)) return Reason::not_enough_header;
  std::memcpy(&out.process, record.data(), sizeof(hp_process));
  if (out.process.path_len > HP_PATH_MAX || out.process.args_len > HP_ARGS_MAX)
    return Reason::too_long;
  Cursor in(record.subspan(sizeof(hp_process)));
  out.path = in.take(out.process.path_len);
  out.args = in.take(out.process.args_len);
  if (in.failed()) return Reason::not_enough_header;
  while (!out.path.empty() && out.path.back() == 0) out.path = out.path.first(out.path.size() - 1);
  out.record = HP_RECORD_PROCESS;
  return Reason::ok;
}

void SequenceGaps::see(uint32_t cpu, uint32_t sequence) {
  if (cpu >= most_cpus) return;
  if (cpu >= cpus_.size()) cpus_.resize(cpu + 1);
  Cpu& state = cpus_[cpu];
  if (!state.seen) {
    state.seen = true;
    state.next = sequence + 1;
    return;
  }
  const auto ahead = static_cast<int32_t>(sequence - state.next);
  if (ahead >= 0) {
    missing_ += static_cast<uint32_t>(ahead);
    state.next = sequence + 1;
  } else if (ahead < -1 && missing_ > 0) {
    // Counted as missing when its successor overtook it. (The number just seen, once more, is what
    // two programs got of which one interrupted the other: nothing is missing then.)
    --missing_;
  }
}

}  // namespace handprint
