// SPDX-License-Identifier: Apache-2.0
// Clients far away: each answers what it gets only after a round trip's time, and each has SYN options of
// its own. A TCP of its own over AF_PACKET, from addresses that the kernel does not have, so that the
// server's namespace needs a route for their network by this interface. What gets lost is sent again as
// a client does. No socket owns these connections.
//   far_client --interface NAME --to-mac MAC --to IP:PORT --network FIRST_OCTET --rtt MS --count N
//     --rate PER_SECOND --log FILE
// Logs a line for each connection that got a ServerHello: its addresses and what its SYN held.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packet.h"
#include "truth.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { MAX_CLIENTS = 65536, SYN_AGAIN_MS = 1000, TRIES = 5 };

enum step { WAITS_TO_START, SYN_SENT, WILL_SAY_HELLO, HELLO_SENT, WILL_CLOSE, DONE, GAVE_UP };

struct client {
  enum step step;
  uint64_t due;  // when the next thing is sent, ms
  unsigned tries;
  uint32_t source, sequence, acknowledged;
  uint16_t port, window, mss;
  uint8_t scale;
  uint64_t began;
};

static struct link wire;
static struct client clients[MAX_CLIENTS];
static unsigned count = 100, rate = 1000, rtt = 20, network = 12, done, gave_up;
static uint32_t server;
static uint16_t server_port;
static FILE* log_file;
static uint8_t hello[TRUTH_MAX_MESSAGE];
static size_t hello_size;

static void send_flags(struct client* c, uint8_t flags, uint32_t sequence, const uint8_t* data, size_t size) {
  uint8_t frame[PACKET_HEADERS + 60 + 1500];
  uint8_t options[20] = {2, 4, (uint8_t)(c->mss >> 8), (uint8_t)c->mss, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0,
                         1, 3, 3, c->scale};
  struct tcp_fields fields = {.source = c->source, .destination = server, .source_port = c->port,
                              .destination_port = server_port, .sequence = sequence,
                              .acknowledgement = flags & ACK ? c->acknowledged : 0, .flags = flags,
                              .window = c->window, .ttl = 64};
  if (flags & SYN) {
    fields.options = options;
    fields.options_size = sizeof options;
  }
  size_t length = write_frame(frame, &wire, &fields, data, size);
  while (send(wire.fd, frame, length, 0) != (ssize_t)length)
    if (errno != ENOBUFS && errno != EAGAIN) fail("send frame");
}

static void act(struct client* c, uint64_t now) {
  switch (c->step) {
    case WAITS_TO_START:
      c->began = now;
      __attribute__((fallthrough));
    case SYN_SENT:
      if (++c->tries > TRIES) break;
      c->step = SYN_SENT;
      c->due = now + SYN_AGAIN_MS;
      send_flags(c, SYN, c->sequence, NULL, 0);
      return;
    case WILL_SAY_HELLO:
      c->tries = 0;
      send_flags(c, ACK, c->sequence + 1, NULL, 0);
      __attribute__((fallthrough));
    case HELLO_SENT: {
      // Its own Random and name are what make hellos differ; here the SYN is what counts.
      if (++c->tries > TRIES) break;
      c->step = HELLO_SENT;
      c->due = now + 200 + 3 * rtt;
      send_flags(c, PSH | ACK, c->sequence + 1, hello, hello_size);
      return;
    }
    case WILL_CLOSE:
      send_flags(c, RST | ACK, c->sequence + 1 + (uint32_t)hello_size, NULL, 0);
      c->step = DONE;
      done++;
      return;
    default:
      return;
  }
  c->step = GAVE_UP;
  gave_up++;
}

static void hear(const uint8_t* frame, size_t size, uint64_t now) {
  if (size < 54) return;
  const uint8_t *ip = frame + 14, *tcp = ip + (ip[0] & 15) * 4;
  if (tcp + 20 > frame + size || memcmp(ip + 12, &server, 4) != 0) return;
  uint32_t address;
  memcpy(&address, ip + 16, 4);
  unsigned index = ntohl(address) & 0xffff;
  if (index >= count) return;
  struct client* c = &clients[index];
  if (address != c->source || (tcp[0] << 8 | tcp[1]) != server_port || (tcp[2] << 8 | tcp[3]) != c->port) return;
  uint32_t sequence;
  memcpy(&sequence, tcp + 4, 4);
  sequence = ntohl(sequence);
  size_t payload = (size_t)((ip[2] << 8 | ip[3]) - (ip[0] & 15) * 4 - (tcp[12] >> 4) * 4);
  if ((tcp[13] & (SYN | ACK)) == (SYN | ACK) && c->step == SYN_SENT) {
    c->acknowledged = sequence + 1;
    c->step = WILL_SAY_HELLO;
    c->due = now + rtt;
  } else if (payload > 0 && c->step == HELLO_SENT) {
    c->acknowledged = sequence + (uint32_t)payload;
    struct in_addr from = {c->source};
    fprintf(log_file, "{\"source\":\"%s\",\"port\":%u,\"window\":%u,\"mss\":%u,\"scale\":%u,\"ms\":%llu}\n",
            inet_ntoa(from), c->port, c->window, c->mss, c->scale, (unsigned long long)(now - c->began));
    c->step = WILL_CLOSE;
    c->due = now + rtt;
  } else if (tcp[13] & RST && c->step != DONE && c->step != WILL_CLOSE) {
    c->step = GAVE_UP;
    gave_up++;
  }
}

// Frames to our network only: a flood's answers pass this interface, too.
static void listen_only_to_ours(void) {
  struct sock_filter code[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, 30},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff000000},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, network << 24},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (setsockopt(wire.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) fail("SO_ATTACH_FILTER");
  int bytes = 8 << 20;
  setsockopt(wire.fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
}

int main(int argc, char** argv) {
  const char *interface = NULL, *mac = NULL, *log_path = NULL;
  struct endpoint target = {0};
  static const struct option options[] = {
      {"interface", 1, 0, 'i'}, {"to-mac", 1, 0, 'm'}, {"to", 1, 0, 't'},   {"network", 1, 0, 'n'},
      {"rtt", 1, 0, 'd'},       {"count", 1, 0, 'c'},  {"rate", 1, 0, 'r'}, {"log", 1, 0, 'l'},
      {0, 0, 0, 0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'i': interface = optarg; break;
      case 'm': mac = optarg; break;
      case 't': target = parse_endpoint(optarg); break;
      case 'n': network = (unsigned)atoi(optarg); break;
      case 'd': rtt = (unsigned)atoi(optarg); break;
      case 'c': count = (unsigned)atoi(optarg); break;
      case 'r': rate = (unsigned)atoi(optarg); break;
      case 'l': log_path = optarg; break;
      default: return 2;
    }
  if (!interface || !mac || !log_path || target.address.ss_family != AF_INET || count > MAX_CLIENTS || !rate) {
    fputs("usage: far_client --interface NAME --to-mac MAC --to IP:PORT --network FIRST_OCTET --rtt MS\n"
          "  --count N --rate PER_SECOND --log FILE\n", stderr);
    return 2;
  }
  struct stat mine, first;
  if (stat("/proc/self/ns/net", &mine) == 0 && stat("/proc/1/ns/net", &first) == 0 && mine.st_ino == first.st_ino) {
    fputs("this is the host's own network: frames are sent in a namespace only\n", stderr);
    return 1;
  }
  log_file = fopen(log_path, "a");
  if (!log_file) fail(log_path);
  const struct sockaddr_in* to = (struct sockaddr_in*)&target.address;
  server = to->sin_addr.s_addr;
  server_port = ntohs(to->sin_port);
  hello_size = build_client_hello(hello, "far.test.example", 517);
  wire = open_link(interface, mac, 1);
  listen_only_to_ours();
  uint64_t begin = now_ms();
  for (unsigned i = 0; i < count; i++) {
    struct client* c = &clients[i];
    c->source = htonl(network << 24 | i);
    c->port = (uint16_t)(20000 + i % 40000);
    random_bytes((uint8_t*)&c->sequence, sizeof c->sequence);
    c->window = (uint16_t)(20000 + i % 40000);
    c->mss = (uint16_t)(900 + i / 40000 + i % 500);
    c->scale = (uint8_t)(i % 15);
    c->due = begin + (uint64_t)i * 1000 / rate;
  }
  uint8_t frame[65536];
  for (uint64_t now = begin; done + gave_up < count && now < begin + (uint64_t)count * 1000 / rate + 30000;
       now = now_ms()) {
    for (unsigned i = 0; i < count; i++)
      if (clients[i].step < DONE && clients[i].due <= now) act(&clients[i], now);
    struct pollfd poller = {wire.fd, POLLIN, 0};
    poll(&poller, 1, 1);
    for (ssize_t got; (got = recv(wire.fd, frame, sizeof frame, MSG_DONTWAIT)) > 0;)
      hear(frame, (size_t)got, now_ms());
  }
  fclose(log_file);
  printf("{\"connections\":%u,\"done\":%u,\"gave_up\":%u}\n", count, done, gave_up);
  return 0;
}
