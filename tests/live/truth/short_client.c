// SPDX-License-Identifier: Apache-2.0
// A process for every connection: connect, send a ClientHello, take the first bytes of the answer,
// exit. Each process lives some two milliseconds and logs its own pid and port.
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

static struct endpoint target;
static struct endpoint source;
static const char* log_path;
static const char* label = "";
static const char* suffix = "test.example";
static const char* thread_name;
static const char* target_text = "";
static size_t hello_size = 517;
static int by_exec;
static int reset;  // close by RST, so that the port can be used again at once

// One connection by this process. Returns the exit status.
static int connect_once(unsigned number) {
  uint8_t message[TRUTH_MAX_MESSAGE];
  char sni[128];
  int attempts = 0, fd;
  snprintf(sni, sizeof sni, "n%u-%s.%s", number, label, suffix);
  size_t size = build_client_hello(message, sni, hello_size);
  for (;;) {
    fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    int one = 1;
    if (reset) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (source.length && bind(fd, (struct sockaddr*)&source.address, source.length) < 0)
      fail("bind");
    if (connect(fd, (struct sockaddr*)&target.address, target.length) == 0) break;
    if (errno != EADDRNOTAVAIL || ++attempts == 100) fail("connect");
    close(fd);
    sleep_ms(10);
  }
  truth_log(&(struct truth){.role = "client", .label = label, .sni = sni, .socket = fd});
  if (!write_all(fd, message, size)) fail("send");
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ssize_t got = recv(fd, message, sizeof message, 0);
  if (got < 0) fail("recv");
  if (reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
  close(fd);
  return got > 0 ? 0 : 1;
}

static void* thread_main(void* argument) {
  prctl(PR_SET_NAME, thread_name);
  return (void*)(intptr_t)connect_once(*(unsigned*)argument);
}

static int run_child(unsigned number, char** argv) {
  if (by_exec) {
    char digits[16], bytes[24];
    snprintf(digits, sizeof digits, "%u", number);
    snprintf(bytes, sizeof bytes, "%zu", hello_size);
    char* arguments[] = {argv[0],   "--to",       (char*)target_text, "--log", (char*)log_path,
                         "--label", (char*)label, "--only",           digits,  "--hello",
                         bytes,     NULL};
    execv("/proc/self/exe", arguments);
    fail("exec");
  }
  if (!thread_name) return connect_once(number);
  pthread_t thread;
  void* status;
  if (pthread_create(&thread, NULL, thread_main, &number) != 0) fail("pthread_create");
  pthread_join(thread, &status);
  return (int)(intptr_t)status;
}

static void usage(void) {
  fputs(
      "usage: short_client --to IP:PORT --log FILE [--from IP:0] [--count N] [--concurrency N]\n"
      "  [--hello BYTES] [--label TEXT] [--suffix DOMAIN] [--thread-name NAME] [--exec]\n"
      "  [--rate PER_SECOND] [--only NUMBER] [--reset]\n",
      stderr);
  exit(2);
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"to", 1, 0, 't'},          {"log", 1, 0, 'l'},   {"from", 1, 0, 'f'},  {"count", 1, 0, 'n'},
      {"concurrency", 1, 0, 'c'}, {"hello", 1, 0, 'h'}, {"label", 1, 0, 'a'}, {"suffix", 1, 0, 's'},
      {"thread-name", 1, 0, 'T'}, {"exec", 0, 0, 'e'},  {"rate", 1, 0, 'r'},  {"only", 1, 0, 'o'},
      {"reset", 0, 0, 'R'},       {0, 0, 0, 0}};
  unsigned count = 1, concurrency = 1, rate = 0, bad = 0, running = 0;
  long only = -1;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
      case 't':
        target_text = optarg;
        target = parse_endpoint(optarg);
        break;
      case 'f':
        source = parse_endpoint(optarg);
        break;
      case 'l':
        log_path = optarg;
        break;
      case 'n':
        count = (unsigned)atoi(optarg);
        break;
      case 'c':
        concurrency = (unsigned)atoi(optarg);
        break;
      case 'h':
        hello_size = (size_t)atol(optarg);
        break;
      case 'a':
        label = optarg;
        break;
      case 's':
        suffix = optarg;
        break;
      case 'T':
        thread_name = optarg;
        break;
      case 'e':
        by_exec = 1;
        break;
      case 'r':
        rate = (unsigned)atoi(optarg);
        break;
      case 'R':
        reset = 1;
        break;
      case 'o':
        only = atol(optarg);
        break;
      default:
        usage();
    }
  if (!target.length || !log_path || !concurrency) usage();
  truth_open(log_path);
  if (only >= 0) return connect_once((unsigned)only);
  uint64_t start = now_ms(), due = 0;
  for (unsigned number = 0; number < count || running;) {
    if (number < count && running < concurrency) {
      if (rate) {  // no catching up after a delay: the rate is the most in any second
        uint64_t now = now_us();
        if (due > now) usleep((useconds_t)(due - now));
        due = (due > now ? due : now) + 1000000 / rate;
      }
      pid_t child = fork();
      if (child < 0) fail("fork");
      if (child == 0) _exit(run_child(number, argv));
      number++;
      running++;
      continue;
    }
    int status;
    if (wait(&status) < 0) fail("wait");
    running--;
    if (status != 0) bad++;
  }
  printf("%u connections, %u failed, %llu ms\n", count, bad,
         (unsigned long long)(now_ms() - start));
  return bad ? 1 : 0;
}
