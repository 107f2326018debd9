// SPDX-License-Identifier: Apache-2.0
// One connection that does what its arguments say, in order, each write a segment of its own:
//   hello=SIZE[/CUT,CUT…]  a ClientHello of SIZE bytes, written in pieces that end at each CUT
//   get[=N][/CUT,…]        an HTTP request, N bytes longer by one header
//   post=SIZE              an HTTP request with a body of SIZE bytes
//   bulk=SIZE              SIZE bytes that belong to no known protocol
//   text=STRING            STRING and CR LF
//   read                   waits for an answer and takes what is there
//   drain                  reads until the peer closes its side
//   wait                   waits for a line on standard input (after printing "waiting")
//   sleep=MS
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "truth.h"

static int fd = -1;
static unsigned delay = 20;
static const char* host = "test.example";
static struct endpoint target;
static int protocol;   // IPPROTO_MPTCP, or 0 for TCP
static int fast_open;  // the first write goes out with the SYN (RFC 7413)

static int write_piece(const uint8_t* data, size_t size) {
  if (fast_open) {
    fast_open = 0;
    ssize_t done = sendto(fd, data, size, MSG_FASTOPEN | MSG_NOSIGNAL,
                          (struct sockaddr*)&target.address, target.length);
    if (done < 0) fail("sendto with MSG_FASTOPEN");
    data += done;
    size -= (size_t)done;
  }
  return write_all(fd, data, size);
}

// Writes `size` bytes, a piece up to each cut of the list (decimal, separated by commas).
static void write_cut(const uint8_t* data, size_t size, const char* cuts) {
  size_t at = 0;
  while (cuts && *cuts) {
    char* end;
    size_t cut = strtoul(cuts, &end, 10);
    if (end == cuts || cut <= at || cut >= size) {
      fprintf(stderr, "cut at %zu lies outside of %zu to %zu\n", cut, at + 1, size - 1);
      exit(2);
    }
    if (!write_piece(data + at, cut - at)) fail("send");
    at = cut;
    sleep_ms(delay);
    cuts = *end == ',' ? end + 1 : NULL;
  }
  if (!write_piece(data + at, size - at)) fail("send");
}

static void answer(int until_end) {
  static uint8_t buffer[65536];
  for (;;) {
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0) fail("recv");
    if (got == 0 || !until_end) return;
  }
}

static void send_bulk(size_t size) {
  static uint8_t block[16384];
  random_bytes(block, sizeof block);
  memcpy(block, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);  // no protocol begins like this
  for (size_t at = 0; at < size; at += sizeof block) {
    size_t part = size - at < sizeof block ? size - at : sizeof block;
    if (!write_all(fd, block, part)) fail("send");
    block[0] = 0xee;
  }
}

static void act(const char* action) {
  static uint8_t message[TRUTH_MAX_MESSAGE];
  const char *value = strchr(action, '='), *cuts = strchr(action, '/');
  size_t number = value ? strtoul(value + 1, NULL, 10) : 0;
  if (strncmp(action, "hello=", 6) == 0) {
    write_cut(message, build_client_hello(message, host, number), cuts ? cuts + 1 : NULL);
  } else if (strncmp(action, "get", 3) == 0) {
    int size = snprintf((char*)message, sizeof message,
                        "GET /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hello_client/1\r\n"
                        "Accept: */*\r\nX-Fill: %0*d\r\n\r\n",
                        "page", host, (int)number, 0);
    write_cut(message, (size_t)size, cuts ? cuts + 1 : NULL);
  } else if (strncmp(action, "post=", 5) == 0) {
    int size = snprintf((char*)message, sizeof message,
                        "POST /upload HTTP/1.1\r\nHost: %s\r\nUser-Agent: hello_client/1\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        host, number);
    write_cut(message, (size_t)size, NULL);
    send_bulk(number);
  } else if (strncmp(action, "bulk=", 5) == 0) {
    send_bulk(number);
  } else if (strncmp(action, "text=", 5) == 0) {
    int size = snprintf((char*)message, sizeof message, "%s\r\n", action + 5);
    write_cut(message, (size_t)size, NULL);
  } else if (strcmp(action, "read") == 0) {
    answer(0);
  } else if (strcmp(action, "drain") == 0) {
    shutdown(fd, SHUT_WR);
    answer(1);
  } else if (strcmp(action, "wait") == 0) {
    char line[16];
    puts("waiting");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(3);
  } else if (strncmp(action, "sleep=", 6) == 0) {
    sleep_ms((unsigned)number);
  } else {
    fprintf(stderr, "%s: no such action\n", action);
    exit(2);
  }
}

int main(int argc, char** argv) {
  static const struct option options[] = {{"to", 1, 0, 't'},
                                          {"log", 1, 0, 'l'},
                                          {"label", 1, 0, 'a'},
                                          {"sni", 1, 0, 's'},
                                          {"delay", 1, 0, 'd'},
                                          {"print-hello", 1, 0, 'p'},
                                          {"fast-open", 0, 0, 'f'},
                                          {"mptcp", 0, 0, 'M'},
                                          {"fast-open-connect", 0, 0, 'F'},
                                          {0, 0, 0, 0}};
  int late_connect = 0;  // connect() waits for the first write (TCP_FASTOPEN_CONNECT)
  const char* label = "";
  long print = 0;
  for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) switch (c) {
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
        host = optarg;
        break;
      case 'd':
        delay = (unsigned)atoi(optarg);
        break;
      case 'M':
        protocol = IPPROTO_MPTCP;
        break;
      case 'F':
        late_connect = 1;
        break;
      case 'f':
        fast_open = 1;
        break;
      case 'p':
        print = atol(optarg);
        break;
      default:
        return 2;
    }
  if (print) {  // the bytes of a hello in hexadecimal, for whoever computes what must come out
    static uint8_t message[TRUTH_MAX_MESSAGE];
    size_t size = build_client_hello(message, host, (size_t)print);
    for (size_t i = 0; i < size; i++) printf("%02x", message[i]);
    putchar('\n');
    return 0;
  }
  if (!target.length || optind == argc) {
    fputs(
        "usage: hello_client --to IP:PORT [--log FILE] [--label TEXT] [--sni NAME] [--delay MS] "
        "[--fast-open] [--fast-open-connect] [--mptcp] "
        "ACTION…\n",
        stderr);
    return 2;
  }
  fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  if (fd < 0) fail("socket");
  int with_syn = fast_open, one = 1;
  if (late_connect && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one) < 0)
    fail("TCP_FASTOPEN_CONNECT");
  if (!with_syn && connect(fd, (struct sockaddr*)&target.address, target.length) < 0)
    fail("connect");
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const struct truth fact = {.role = "client", .label = label, .sni = host, .socket = fd};
  // Until the answer to the SYN there is no peer to log.
  with_syn |= late_connect;
  if (!with_syn) truth_log(&fact);
  for (int i = optind; i < argc; i++) act(argv[i]);
  if (with_syn) truth_log(&fact);
  close(fd);
  return 0;
}
