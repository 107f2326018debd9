// SPDX-License-Identifier: Apache-2.0
#include "packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "truth.h"

struct link open_link(const char* interface, const char* destination, int receive) {
  struct link link = {0};
  struct ifreq request = {0};
  unsigned byte[6];
  if (sscanf(destination, "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
             &byte[5]) != 6) {
    fprintf(stderr, "%s: not a MAC address\n", destination);
    exit(2);
  }
  for (int i = 0; i < 6; i++) link.destination[i] = (uint8_t)byte[i];
  link.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, receive ? htons(ETH_P_IP) : 0);
  if (link.fd < 0) fail("AF_PACKET");
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
  if (ioctl(link.fd, SIOCGIFHWADDR, &request) < 0) fail(interface);
  memcpy(link.source, request.ifr_hwaddr.sa_data, 6);
  link.index = (int)if_nametoindex(interface);
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_ifindex = link.index,
                                .sll_protocol = receive ? htons(ETH_P_IP) : 0};
  if (bind(link.fd, (struct sockaddr*)&address, sizeof address) < 0) fail("bind AF_PACKET");
  return link;
}

static uint32_t sum16(const uint8_t* data, size_t size, uint32_t sum) {
  for (size_t i = 0; i + 1 < size; i += 2) sum += (uint32_t)(data[i] << 8 | data[i + 1]);
  if (size & 1) sum += (uint32_t)data[size - 1] << 8;
  return sum;
}

static uint16_t finish_sum(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void set16(uint8_t* at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void set32(uint8_t* at, uint32_t value) {
  set16(at, value >> 16);
  set16(at + 2, value & 0xffff);
}

size_t write_frame(uint8_t* frame, const struct link* link, const struct tcp_fields* fields,
                   const uint8_t* payload, size_t payload_size) {
  static uint16_t identification;
  uint8_t *ip = frame + 14, *tcp = ip + 20;
  size_t tcp_header = 20 + fields->options_size, tcp_size = tcp_header + payload_size;
  memcpy(frame, link->destination, 6);
  memcpy(frame + 6, link->source, 6);
  set16(frame + 12, ETH_P_IP);
  memset(ip, 0, 20);
  ip[0] = 0x45;
  set16(ip + 2, (unsigned)(20 + tcp_size));
  set16(ip + 4, ++identification);
  set16(ip + 6, 0x4000);
  ip[8] = fields->ttl;
  ip[9] = 6;
  memcpy(ip + 12, &fields->source, 4);
  memcpy(ip + 16, &fields->destination, 4);
  set16(ip + 10, finish_sum(sum16(ip, 20, 0)));
  memset(tcp, 0, 20);
  set16(tcp, fields->source_port);
  set16(tcp + 2, fields->destination_port);
  set32(tcp + 4, fields->sequence);
  set32(tcp + 8, fields->acknowledgement);
  tcp[12] = (uint8_t)(tcp_header / 4 << 4);
  tcp[13] = fields->flags;
  set16(tcp + 14, fields->window);
  if (fields->options_size) memcpy(tcp + 20, fields->options, fields->options_size);
  if (payload_size) memcpy(tcp + tcp_header, payload, payload_size);
  uint32_t sum = sum16(ip + 12, 8, 6 + (uint32_t)tcp_size);
  set16(tcp + 16, finish_sum(sum16(tcp, tcp_size, sum)));
  return 34 + tcp_size;
}
