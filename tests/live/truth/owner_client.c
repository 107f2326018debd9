// SPDX-License-Identifier: Apache-2.0
// Connections, each by a process of its own, made in an uncommon way:
//   uring, uring-polled   by io_uring, from a polling thread of the kernel
//   exec                  the process becomes another program between connect() and the first write
//   renamed               the process is called otherwise than its executable
//   forked                a child writes and reads, the process that connected waits
// Each logs itself as the client when it has connected.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"
#include "uring.h"

static struct endpoint target;
static const char *target_text = "", *log_path, *label = "", *mode = "forked", *other_program;
static struct uring ring;

static int is(const char* name) { return strcmp(mode, name) == 0; }

static int by_ring(void) { return strncmp(mode, "uring", 5) == 0; }

// Says hello on a connection and takes the beginning of the answer. Returns the exit status.
static int talk(int fd, unsigned number) {
  uint8_t message[TRUTH_MAX_MESSAGE];
  char sni[128];
  struct timeval limit = {.tv_sec = 10};
  snprintf(sni, sizeof sni, "n%u-%s.test.example", number, label);
  size_t size = build_client_hello(message, sni, 517);
  if (by_ring()) {
    if (uring_do(&ring, IORING_OP_SEND, fd, message, (unsigned)size, 0, 0) != (int)size) return 1;
    return uring_do(&ring, IORING_OP_RECV, fd, message, sizeof message, 0, 0) > 0 ? 0 : 1;
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (!write_all(fd, message, size)) fail("send");
  return read(fd, message, sizeof message) > 0 ? 0 : 1;
}

static int connect_once(unsigned number) {
  char sni[128], digits[16], descriptor[16];
  if (is("renamed")) prctl(PR_SET_NAME, "another name");
  if (by_ring()) uring_open(&ring, is("uring-polled"));
  int fd = socket(target.address.ss_family, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (by_ring()) {
    int result =
        uring_do(&ring, IORING_OP_CONNECT, fd, &target.address, 0, target.length, 0);
    if (result != 0) {
      errno = -result;
      fail("connect by io_uring");
    }
  } else if (connect(fd, (struct sockaddr*)&target.address, target.length) != 0) {
    fail("connect");
  }
  snprintf(sni, sizeof sni, "n%u-%s.test.example", number, label);
  truth_log(&(struct truth){.role = "client", .label = label, .sni = sni, .socket = fd});
  if (is("exec")) {
    snprintf(digits, sizeof digits, "%u", number);
    snprintf(descriptor, sizeof descriptor, "%d", fd);
    execl(other_program, other_program, "--to", target_text, "--log", log_path, "--label", label,
          "--number", digits, "--descriptor", descriptor, (char*)NULL);
    fail("exec");
  }
  if (is("forked")) {
    int status = 1;
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) _exit(talk(fd, number));
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    return status != 0;
  }
  return talk(fd, number);
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"to", 1, 0, 't'},         {"log", 1, 0, 'l'},    {"count", 1, 0, 'n'}, {"label", 1, 0, 'a'},
      {"mode", 1, 0, 'm'},       {"number", 1, 0, 'N'}, {"other", 1, 0, 'o'},
      {"descriptor", 1, 0, 'd'}, {0, 0, 0, 0}};
  unsigned count = 1, bad = 0, number = 0;
  int descriptor = -1;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
      case 't':
        target_text = optarg;
        target = parse_endpoint(optarg);
        break;
      case 'l':
        log_path = optarg;
        break;
      case 'n':
        count = (unsigned)atoi(optarg);
        break;
      case 'a':
        label = optarg;
        break;
      case 'm':
        mode = optarg;
        break;
      case 'N':
        number = (unsigned)atoi(optarg);
        break;
      case 'o':
        other_program = optarg;
        break;
      case 'd':
        descriptor = atoi(optarg);
        break;
      default:
        return 2;
    }
  if (!target.length || !log_path || (is("exec") && !other_program)) {
    fputs("usage: owner_client --to IP:PORT --log FILE [--count N] [--label TEXT] [--mode MODE]\n"
          "  [--other PROGRAM]\n", stderr);
    return 2;
  }
  truth_open(log_path);
  if (descriptor >= 0) return talk(descriptor, number);
  for (number = 0; number < count; number++) {
    int status;
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) _exit(connect_once(number));
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return 77;
    bad += status != 0;
  }
  printf("%u connections, %u failed\n", count, bad);
  return bad != 0;
}
