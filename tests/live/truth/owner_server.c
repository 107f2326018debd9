// SPDX-License-Identifier: Apache-2.0
// A server whose connections reach the process that reads them in an uncommon way, or that reads in
// one. Says which process it is. The mode:
//   activated     one process listens and starts another, which accepts (LISTEN_FDS)
//   inetd         one process accepts and starts a program for each connection (posix_spawn)
//   pidfd         a worker takes the descriptor out of the acceptor (pidfd_getfd)
//   held          a child reads while its parent keeps the descriptor, too
//   uring         accept, recv and send by io_uring; uring-async by its worker threads,
//   uring-polled  by its polling thread
//   splice        from the socket into a pipe, and from there
//   read, recvmsg, epoll (the thread that reads is not the one that accepted)
//   silent        answers without ever reading
//   memfd, deleted, symlink, renamed   what the executable is, or the process is called
// Prints "listening" once connections can be made; ends on SIGTERM.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"
#include "uring.h"

extern char** environ;

static struct endpoint address;
static const char *mode = "read", *log_path, *address_text;
static struct uring ring;
static int pipe_ends[2];

static int is(const char* name) { return strcmp(mode, name) == 0; }

static int by_ring(void) { return strncmp(mode, "uring", 5) == 0; }

static int listen_here(void) {
  int one = 1, fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr*)&address.address, address.length) < 0) fail("bind");
  if (listen(fd, 1024) < 0) fail("listen");
  truth_log(&(struct truth){.role = "listener", .socket = fd});
  return fd;
}

// Some bytes of the connection, in the way of the mode. As recv().
static ssize_t take(int fd, void* to, size_t room) {
  if (by_ring())
    return uring_do(&ring, IORING_OP_RECV, fd, to, (unsigned)room, 0, is("uring-async"));
  if (is("splice")) {
    ssize_t got = splice(fd, NULL, pipe_ends[1], NULL, room, SPLICE_F_MOVE);
    return got <= 0 ? got : read(pipe_ends[0], to, (size_t)got);
  }
  if (is("recvmsg")) {
    struct iovec part = {to, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return recvmsg(fd, &message, 0);
  }
  return read(fd, to, room);
}

static void answer(int fd, const uint8_t* hello, size_t size) {
  uint8_t message[512];
  size_t length = build_server_answer(message, hello, size);
  if (by_ring())
    uring_do(&ring, IORING_OP_SEND, fd, message, (unsigned)length, 0, is("uring-async"));
  else
    write_all(fd, message, length);
}

static void serve(int fd) {
  uint8_t data[4096];
  size_t have = 0;
  if (is("silent")) {
    struct pollfd event = {fd, POLLIN, 0};
    if (poll(&event, 1, 10000) == 1) {
      memset(data, 0, 64);
      truth_log(&(struct truth){.role = "worker", .socket = fd});
      answer(fd, data, 64);
      event.events = POLLRDHUP;
      poll(&event, 1, 10000);
    }
    close(fd);
    return;
  }
  for (;;) {
    ssize_t got = take(fd, data + have, sizeof data - have);
    if (got <= 0) break;
    if (!have) truth_log(&(struct truth){.role = "worker", .socket = fd});
    have += (size_t)got;
    if (have >= 5 && have >= 5u + (size_t)(data[3] << 8 | data[4])) {
      answer(fd, data, have);
      have = 0;
    }
    if (have == sizeof data) break;
  }
  close(fd);
}

static int accept_one(int listener) {
  for (;;) {
    int fd = by_ring() ? uring_do(&ring, IORING_OP_ACCEPT, listener, NULL, 0, 0, 0)
                       : accept(listener, NULL, NULL);
    if (fd >= 0) return fd;
    if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN) fail("accept");
  }
}

// Begins this program again, in this or in a new process, with the descriptor as number 3.
static void begin_again(const char* path, const char* as, int fd, int new_process) {
  char* words[] = {(char*)"owner_server", (char*)"--listen", (char*)address_text, (char*)"--log",
                   (char*)log_path,       (char*)"--mode",   (char*)as,           NULL};
  if (!new_process) {
    if (fd >= 0 && dup2(fd, 3) < 0) fail("dup2");
    execv(path, words);
    fail("execv");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, 3);
  pid_t child;
  if ((errno = posix_spawn(&child, path, &actions, NULL, words, environ)) != 0) fail("posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
}

static void copy_to(int to) {
  int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  char block[65536];
  ssize_t got;
  if (from < 0 || to < 0) fail("a copy of this program");
  while ((got = read(from, block, sizeof block)) > 0)
    if (write(to, block, (size_t)got) != got) fail("write");
  close(from);
}

// Runs as another executable, and comes back in it as the mode "as-…".
static void become(void) {
  char path[512], self[512];
  snprintf(path, sizeof path, "%s.%s-%d", log_path, mode, (int)getpid());
  if (is("memfd")) {
    int fd = memfd_create("worker", 0);
    copy_to(fd);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  } else if (is("deleted")) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    copy_to(fd);
    close(fd);
  } else {
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) fail("readlink");
    self[length] = 0;
    if (symlink(self, path) < 0) fail("symlink");
  }
  setenv("HPT_REMOVE", path, 1);
  begin_again(path, "as-another", -1, 0);
}

static pid_t fork_child(void) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("prctl");
  return child;
}

static void serve_by_pidfd(int listener) {
  int request[2], done[2];
  if (pipe(request) < 0 || pipe(done) < 0) fail("pipe");
  pid_t parent = getpid();
  if (fork_child() == 0) {
    close(listener);
    int process = (int)syscall(SYS_pidfd_open, parent, 0), number;
    if (process < 0) fail("pidfd_open");
    while (read(request[0], &number, sizeof number) == sizeof number) {
      int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
      if (fd < 0) fail("pidfd_getfd");
      if (write(done[1], "", 1) != 1) fail("write");
      serve(fd);
    }
    _exit(0);
  }
  for (char byte;;) {
    int fd = accept_one(listener);
    if (write(request[1], &fd, sizeof fd) != sizeof fd || read(done[0], &byte, 1) != 1)
      fail("the worker");
    close(fd);
  }
}

static void* read_events(void* argument) {
  struct epoll_event event;
  prctl(PR_SET_NAME, "reader");
  while (epoll_wait((int)(intptr_t)argument, &event, 1, -1) >= 0) serve(event.data.fd);
  return NULL;
}

static void serve_by_threads(int listener) {
  int events = epoll_create1(EPOLL_CLOEXEC);
  pthread_t thread;
  for (int i = 0; i < 4; i++)
    if (pthread_create(&thread, NULL, read_events, (void*)(intptr_t)events) != 0)
      fail("pthread_create");
  for (;;) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = accept_one(listener)};
    if (epoll_ctl(events, EPOLL_CTL_ADD, event.data.fd, &event) < 0) fail("epoll_ctl");
  }
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"listen", 1, 0, 'l'}, {"log", 1, 0, 'o'}, {"mode", 1, 0, 'm'}, {0, 0, 0, 0}};
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (c) {
      case 'l':
        address_text = optarg;
        address = parse_endpoint(optarg);
        break;
      case 'o':
        log_path = optarg;
        break;
      case 'm':
        mode = optarg;
        break;
      default:
        return 2;
    }
  if (!address.length || !log_path) {
    fputs("usage: owner_server --listen IP:PORT --log FILE [--mode MODE]\n", stderr);
    return 2;
  }
  truth_open(log_path);
  if (pipe(pipe_ends) < 0) fail("pipe");
  if (is("memfd") || is("deleted") || is("symlink")) become();
  const char* remove_path = getenv("HPT_REMOVE");
  if (remove_path && strncmp(remove_path, "/proc", 5) != 0) unlink(remove_path);
  if (is("child")) {  // of inetd, which has made the connection number 3
    serve(3);
    return 0;
  }
  if (is("renamed")) prctl(PR_SET_NAME, "another name");
  if (by_ring()) uring_open(&ring, is("uring-polled"));
  if (is("accepts"))
    for (;;) serve(accept_one(3));
  int listener = listen_here();
  puts("listening");
  fflush(stdout);
  if (is("activated")) {
    if (fork_child() == 0) begin_again("/proc/self/exe", "accepts", listener, 0);
    for (;;) pause();
  }
  if (is("pidfd")) serve_by_pidfd(listener);
  if (is("epoll")) serve_by_threads(listener);
  if (is("inetd") || is("held")) signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int fd = accept_one(listener);
    if (is("inetd")) {
      fcntl(fd, F_SETFD, FD_CLOEXEC);
      begin_again("/proc/self/exe", "child", fd, 1);
      close(fd);
    } else if (is("held")) {
      if (fork_child() == 0) {
        serve(fd);
        _exit(0);
      }
    } else {
      serve(fd);
    }
  }
}
