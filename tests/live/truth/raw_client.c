// SPDX-License-Identifier: Apache-2.0
// A client with a TCP of its own, which puts the segments of one message on the wire in any order,
// as often as asked: --segments 3-1900,0-3 sends bytes 3 to 1,899 first, then 0 to 2. Its address
// must not be one of the kernel's, which would answer by a reset, and the server's namespace needs
// a neighbour entry for it. No socket owns the connection: no process must be named for it.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "packet.h"
#include "truth.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct link wire;
static struct tcp_fields state = {.window = 64240, .ttl = 64};

static void send_segment(uint8_t flags, uint32_t sequence, const uint8_t* data, size_t size) {
  static const uint8_t syn_options[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
                                        0, 1, 0, 0,   0, 0, 1, 3,  3, 7};
  uint8_t frame[PACKET_HEADERS + 60 + 1500];
  struct tcp_fields fields = state;
  fields.flags = flags;
  fields.sequence = sequence;
  if (flags & SYN) {
    fields.options = syn_options;
    fields.options_size = sizeof syn_options;
  }
  size_t length = write_frame(frame, &wire, &fields, data, size);
  if (send(wire.fd, frame, length, 0) != (ssize_t)length) fail("send frame");
}

// Waits up to `limit` ms for a segment of this connection. Returns its flags, or -1; payload and
// FIN move the acknowledgement forward if they come in order.
static int receive(int limit, uint32_t* acknowledged, size_t* payload) {
  uint8_t frame[65536];
  uint64_t end = now_ms() + (uint64_t)limit;
  for (;;) {
    uint64_t now = now_ms();
    struct pollfd poller = {wire.fd, POLLIN, 0};
    if (now >= end || poll(&poller, 1, (int)(end - now)) <= 0) return -1;
    ssize_t got = recv(wire.fd, frame, sizeof frame, 0);
    if (got < 54) continue;
    const uint8_t *ip = frame + 14, *tcp = ip + (ip[0] & 15) * 4;
    uint16_t source_port = (uint16_t)(tcp[0] << 8 | tcp[1]);
    uint16_t target_port = (uint16_t)(tcp[2] << 8 | tcp[3]);
    if (ip[9] != 6 || memcmp(ip + 12, &state.destination, 4) != 0 ||
        memcmp(ip + 16, &state.source, 4) != 0 || source_port != state.destination_port ||
        target_port != state.source_port)
      continue;
    uint32_t sequence, number;
    memcpy(&sequence, tcp + 4, 4);
    memcpy(&number, tcp + 8, 4);
    sequence = ntohl(sequence);
    *acknowledged = ntohl(number);
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    size_t total = (size_t)(ip[2] << 8 | ip[3]);
    if (total == 0) total = (size_t)got - 14;
    *payload = total - (size_t)(ip[0] & 15) * 4 - header;
    if (tcp[13] & SYN)
      state.acknowledgement = sequence + 1;
    else if (sequence == state.acknowledgement)
      state.acknowledgement += (uint32_t)*payload + (tcp[13] & FIN ? 1u : 0u);
    return tcp[13];
  }
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"interface", 1, 0, 'i'}, {"to-mac", 1, 0, 'm'}, {"from", 1, 0, 'f'}, {"to", 1, 0, 't'},
      {"log", 1, 0, 'l'},       {"label", 1, 0, 'a'},  {"sni", 1, 0, 's'},  {"hello", 1, 0, 'h'},
      {"segments", 1, 0, 'g'},  {"delay", 1, 0, 'd'},  {0, 0, 0, 0}};
  static uint8_t message[TRUTH_MAX_MESSAGE];
  const char *interface = NULL, *mac = NULL, *label = "", *sni = "test.example", *segments = NULL;
  struct endpoint source = {0}, target = {0};
  size_t size = 1900;
  unsigned delay = 20;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
      case 'i':
        interface = optarg;
        break;
      case 'm':
        mac = optarg;
        break;
      case 'f':
        source = parse_endpoint(optarg);
        break;
      case 't':
        target = parse_endpoint(optarg);
        break;
      case 'l':
        truth_open(optarg);
        break;
      case 'a':
        label = optarg;
        break;
      case 's':
        sni = optarg;
        break;
      case 'h':
        size = (size_t)atol(optarg);
        break;
      case 'g':
        segments = optarg;
        break;
      case 'd':
        delay = (unsigned)atoi(optarg);
        break;
      default:
        return 2;
    }
  if (!interface || !mac || !segments || source.address.ss_family != AF_INET ||
      target.address.ss_family != AF_INET) {
    fputs(
        "usage: raw_client --interface NAME --to-mac MAC --from IP:PORT --to IP:PORT\n"
        "  --segments FROM-TO,… [--hello BYTES] [--sni NAME] [--log FILE] [--label TEXT]\n",
        stderr);
    return 2;
  }
  const struct sockaddr_in* from = (struct sockaddr_in*)&source.address;
  const struct sockaddr_in* to = (struct sockaddr_in*)&target.address;
  state.source = from->sin_addr.s_addr;
  state.destination = to->sin_addr.s_addr;
  state.source_port = ntohs(from->sin_port);
  state.destination_port = ntohs(to->sin_port);
  wire = open_link(interface, mac, 1);
  size = build_client_hello(message, sni, size);

  uint32_t first, acknowledged;
  size_t payload;
  random_bytes((uint8_t*)&first, sizeof first);
  send_segment(SYN, first, NULL, 0);
  for (uint64_t end = now_ms() + 3000;;) {
    int flags = receive(500, &acknowledged, &payload);
    if (flags >= 0 && (flags & (SYN | ACK)) == (SYN | ACK)) break;
    if (flags >= 0 && flags & RST) return fputs("refused\n", stderr), 1;
    if (now_ms() > end) return fputs("no SYN+ACK\n", stderr), 1;
  }
  uint32_t base = first + 1;
  send_segment(ACK, base, NULL, 0);
  truth_log(&(struct truth){
      .role = "raw", .label = label, .sni = sni, .socket = -1, .local = &source, .peer = &target});
  for (const char* at = segments; *at;) {
    char* end;
    size_t begin = strtoul(at, &end, 10), stop = *end == '-' ? strtoul(end + 1, &end, 10) : 0;
    if (begin >= stop || stop > size || stop - begin > 1440) {
      fprintf(stderr, "%s: no range inside of 0-%zu of at most 1,440 bytes\n", at, size);
      return 2;
    }
    send_segment(PSH | ACK, base + (uint32_t)begin, message + begin, stop - begin);
    sleep_ms(delay);
    at = *end == ',' ? end + 1 : end;
  }
  uint32_t end = base + (uint32_t)size;
  for (uint64_t limit = now_ms() + 3000;;) {  // the answer proves that the server has it all
    int flags = receive(500, &acknowledged, &payload);
    if (flags >= 0 && payload && acknowledged == end) break;
    if (now_ms() > limit) return fputs("no answer\n", stderr), 1;
  }
  send_segment(ACK, end, NULL, 0);
  send_segment(FIN | ACK, end, NULL, 0);
  while (receive(300, &acknowledged, &payload) >= 0) send_segment(ACK, end + 1, NULL, 0);
  return 0;
}
