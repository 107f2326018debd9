// SPDX-License-Identifier: Apache-2.0
// Frames by hand: Ethernet, IPv4 and TCP headers with right checksums, through AF_PACKET. For
// programs that run in a network namespace of their own only.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PACKET_HEADERS (14 + 20)  // Ethernet and IPv4 without options

struct link {
  int fd;
  int index;
  uint8_t source[6];
  uint8_t destination[6];
};

// Opens the interface by name; ends the program where it is missing. `destination` is text such as
// "02:00:00:00:00:01".
struct link open_link(const char* interface, const char* destination, int receive);

// Writes Ethernet + IPv4 + TCP headers in front of `payload` bytes that already stand behind them
// (frame + 34 + tcp_header). Addresses in network byte order. Returns the length of the frame.
struct tcp_fields {
  uint32_t source, destination;
  uint16_t source_port, destination_port;
  uint32_t sequence, acknowledgement;
  uint8_t flags;
  uint16_t window;
  uint8_t ttl;
  const uint8_t* options;
  size_t options_size;  // a multiple of 4, at most 40
};
size_t write_frame(uint8_t* frame, const struct link* link, const struct tcp_fields* fields,
                   const uint8_t* payload, size_t payload_size);
