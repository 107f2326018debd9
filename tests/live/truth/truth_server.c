// SPDX-License-Identifier: Apache-2.0
// A server that says which process read each connection. The mode is the way in which connections
// reach that process:
//   single      one process accepts and reads
//   fork        a fresh child for each connection
//   prefork     N workers share the listener of their parent
//   reuseport   N processes, each with a listener of its own on the same port
//   passfd      the acceptor passes each descriptor to one of N workers (SCM_RIGHTS)
//   thread      one process, a named thread for each connection
// A ClientHello is answered by a ServerHello, an HTTP request by a response; other bytes are
// swallowed. Prints "listening" once connections can be made; ends on SIGTERM.
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define MAX_WORKERS 64

static struct endpoint address;
static const char* banner;
static int protocol;  // IPPROTO_MPTCP, or 0 for TCP
static int transparent;

static int listen_here(int shared_port) {
  int one = 1, fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (shared_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  // Takes connections to any address that the host hands over (nft's tproxy).
  if (transparent && setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof one) < 0)
    fail("transparent");
  if (bind(fd, (struct sockaddr*)&address.address, address.length) < 0) fail("bind");
  // Data in the SYN is taken where the host allows it (net.ipv4.tcp_fastopen).
  int waiting = 64;
  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &waiting, sizeof waiting);
  if (listen(fd, 1024) < 0) fail("listen");
  truth_log(&(struct truth){.role = "listener", .socket = fd});
  return fd;
}

// Bytes of the first message in `data`, or 0 while that cannot be told.
static size_t message_size(const uint8_t* data, size_t size) {
  if (size && data[0] == 22) return size < 5 ? 0 : 5 + (size_t)(data[3] << 8 | data[4]);
  const uint8_t* end = memmem(data, size, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t length = (size_t)(end - data) + 4;
  const uint8_t* body = memmem(data, length, "Content-Length: ", 16);
  return length + (body ? strtoul((const char*)body + 16, NULL, 10) : 0);
}

// Takes the first `size` bytes out of the stream of which `have` are in `data` (a body larger than
// the buffer is thrown away as it comes). Returns what stays in `data` behind the message.
static size_t take_message(int fd, uint8_t* data, size_t have, size_t size, size_t room) {
  while (have < size) {
    if (have == room) {
      size -= have;
      have = 0;
      continue;
    }
    ssize_t got = recv(fd, data + have, room - have, 0);
    if (got <= 0) return 0;
    have += (size_t)got;
  }
  memmove(data, data + size, have - size);
  return have - size;
}

// The name that a ClientHello of the truth programs asks for, where all of it has come; else "".
static const char* name_asked(const uint8_t* data, size_t size) {
  static _Thread_local char name[256];
  name[0] = 0;
  size_t at = 5 + 4 + 2 + 32;  // record, handshake, version, random
  if (size <= at || data[0] != 22 || size < message_size(data, size)) return name;
  at += 1 + (size_t)data[at];                        // session id
  at += 2 + (size_t)(data[at] << 8 | data[at + 1]);  // cipher suites
  at += 1 + (size_t)data[at] + 2;                    // compression, length of the extensions
  while (at + 9 < size) {
    size_t length = (size_t)(data[at + 2] << 8 | data[at + 3]);
    if (data[at] == 0 && data[at + 1] == 0 && length > 5 && length - 5 < sizeof name &&
        at + 4 + length <= size) {
      memcpy(name, data + at + 9, length - 5);
      name[length - 5] = 0;
      return name;
    }
    at += 4 + length;
  }
  return name;
}

static void serve(int fd) {
  static _Thread_local uint8_t data[32768], answer[TRUTH_MAX_MESSAGE];
  struct timeval limit = {.tv_sec = 10};
  size_t have = 0;
  int logged = 0, raw = 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (banner && !(write_all(fd, banner, strlen(banner)) && write_all(fd, "\r\n", 2))) raw = 1;
  for (;;) {
    ssize_t got = recv(fd, data + have, sizeof data - have, 0);
    if (got <= 0) break;
    have += (size_t)got;
    if (!logged)
      truth_log(&(struct truth){.role = "worker", .sni = name_asked(data, have), .socket = fd});
    logged = 1;
    if (raw || (data[0] != 22 && (data[0] < 'A' || data[0] > 'Z'))) {
      raw = 1;
      have = 0;
      continue;
    }
    for (size_t size; have && (size = message_size(data, have)) != 0;) {
      size_t answer_size;
      if (data[0] == 22) {
        if (have < size && size <= sizeof data) break;
        answer_size = build_server_answer(answer, data, have);
      } else {
        answer_size = (size_t)snprintf((char*)answer, sizeof answer,
                                       "HTTP/1.1 200 OK\r\nServer: truth/1\r\n"
                                       "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n");
      }
      have = take_message(fd, data, have, size, sizeof data);
      if (!write_all(fd, answer, answer_size)) have = 0;
    }
    if (have == sizeof data) have = 0;
  }
  close(fd);
}

static int accept_one(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN) fail("accept");
  }
}

static _Noreturn void accept_loop(int listener) {
  for (;;) serve(accept_one(listener));
}

static void* thread_main(void* argument) {
  prctl(PR_SET_NAME, "Worker Thread");
  serve((int)(intptr_t)argument);
  return NULL;
}

static void pass_descriptor(int channel, int fd) {
  char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 1;
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(channel, &message, 0) != 1) fail("sendmsg");
}

static _Noreturn void receive_loop(int channel) {
  for (;;) {
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int fd;
    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) _exit(0);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (!header) _exit(1);
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    serve(fd);
  }
}

// Forks; the child dies with its parent, so that nothing is left when the server is stopped.
static pid_t fork_child(void) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("prctl");
  return child;
}

int main(int argc, char** argv) {
  static const struct option options[] = {{"listen", 1, 0, 'l'},      {"log", 1, 0, 'o'},
                                          {"mode", 1, 0, 'm'},        {"workers", 1, 0, 'w'},
                                          {"banner", 1, 0, 'b'},      {"mptcp", 0, 0, 'M'},
                                          {"transparent", 0, 0, 't'}, {0, 0, 0, 0}};
  const char* mode = "single";
  unsigned workers = 4;
  int channels[MAX_WORKERS];
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
      case 'l':
        address = parse_endpoint(optarg);
        break;
      case 'o':
        truth_open(optarg);
        break;
      case 'm':
        mode = optarg;
        break;
      case 'w':
        workers = (unsigned)atoi(optarg);
        break;
      case 'M':
        protocol = IPPROTO_MPTCP;
        break;
      case 'b':
        banner = optarg;
        break;
      case 't':
        transparent = 1;
        break;
      default:
        return 2;
    }
  if (!address.length || !workers || workers > MAX_WORKERS) {
    fputs(
        "usage: truth_server --listen IP:PORT [--log FILE] [--workers N] [--banner TEXT] "
        "[--mptcp] [--transparent]\n"
        "  [--mode single|fork|prefork|reuseport|passfd|thread]\n",
        stderr);
    return 2;
  }
  int own_listener = strcmp(mode, "reuseport") == 0;
  int listener = own_listener ? -1 : listen_here(0);
  int ready[2];
  if (pipe(ready) < 0) fail("pipe");
  int pool = own_listener || strcmp(mode, "prefork") == 0 || strcmp(mode, "passfd") == 0;
  for (unsigned i = 0; pool && i < workers; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0) fail("socketpair");
    if (fork_child() == 0) {
      if (own_listener) listener = listen_here(1);
      if (write(ready[1], "r", 1) != 1) fail("ready");
      if (strcmp(mode, "passfd") != 0) accept_loop(listener);
      close(listener);
      receive_loop(pair[1]);
    }
    close(pair[1]);
    channels[i] = pair[0];
  }
  for (unsigned i = 0; pool && i < workers; i++) {
    char byte;
    if (read(ready[0], &byte, 1) != 1) fail("ready");
  }
  puts("listening");
  fflush(stdout);
  if (strcmp(mode, "single") == 0) accept_loop(listener);
  if (strcmp(mode, "prefork") == 0 || own_listener)
    for (;;) pause();
  if (strcmp(mode, "fork") == 0) signal(SIGCHLD, SIG_IGN);
  for (unsigned next = 0;; next++) {
    int fd = accept_one(listener);
    if (strcmp(mode, "passfd") == 0) {
      pass_descriptor(channels[next % workers], fd);
      close(fd);
    } else if (strcmp(mode, "fork") == 0) {
      if (fork_child() == 0) {
        close(listener);
        serve(fd);
        _exit(0);
      }
      close(fd);
    } else if (strcmp(mode, "thread") == 0) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, thread_main, (void*)(intptr_t)fd) != 0)
        fail("pthread_create");
      pthread_detach(thread);
    } else {
      fprintf(stderr, "%s: no such mode\n", mode);
      return 2;
    }
  }
}
