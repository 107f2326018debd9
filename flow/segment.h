// SPDX-License-Identifier: Apache-2.0
// What the engine is fed: one selected packet, live or from a file.
#pragma once

#include <cstdint>

#include "bpf/wire.h"
#include "fingerprint/packet.h"

namespace handprint {

// A clock of the packets, in nanoseconds: the boot clock live, the capture's own time in files.
using PacketTime = int64_t;

// What a local socket takes for its own address and for its peer's; host order.
struct SocketAddresses {
  Address local, remote;
  uint16_t local_port = 0, remote_port = 0;
};

// One selected packet. The source owns everything behind the pointers; the engine copies what it
// keeps before segment() returns.
struct Segment {
  PacketTime time = 0;
  // Decoded headers. packet->payload holds the bytes that the selector copied, which begin
  // copy_offset bytes into the segment's payload; packet->payload_length is the segment's own.
  const Packet* packet = nullptr;
  uint32_t copy_offset = 0;
  // The whole payload of a TCP segment, also of one that was not selected (content none), where streams
  // are followed to be decrypted; else empty.
  Bytes stream;
  uint8_t content = HP_CONTENT_NONE;  // enum hp_content
  uint8_t hook = HP_HOOK_NONE;        // enum hp_hook; none for files
  uint8_t direction = HP_INGRESS;     // enum hp_direction; meaningless for files
  uint16_t flags = 0;                 // HP_PACKET_*
  uint32_t interface = 0;             // interface index, or the number of the file's interface
  uint64_t cookie = 0;                // local socket, 0 if none
  uint32_t peer_pid = 0;              // the sending process, with HP_PACKET_PEER_LOCAL
  uint64_t peer_start_ns = 0;         // its start, as hp_owner.start_ns
  uint8_t peer_role = HP_ROLE_NONE;   // enum hp_role: who sends a listener's SYN+ACK is no worker
  uint8_t peer_flags = 0;             // HP_OWNER_*
  const hp_owner* owner = nullptr;    // of the local socket; null in files and when unknown
  // Of the sending socket, where they are others than the packet's own; else null.
  const SocketAddresses* socket = nullptr;
};

}  // namespace handprint
