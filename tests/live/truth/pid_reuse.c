// SPDX-License-Identifier: Apache-2.0
// Two processes one after the other under the same pid, with different executables, again and
// again: clone3 with set_tid (Linux 5.5). Each executes the program that stands behind "--" with
// its own first word: pid_reuse --first A --second B --pairs N -- ARGUMENTS…; "%" in an argument
// becomes the number of the run. Exit status 77: this kernel does not let a pid be chosen.
#include <errno.h>
#include <getopt.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

static pid_t spawn(pid_t wanted, const char* program, char** arguments, unsigned number) {
  pid_t set[1] = {wanted};
  struct clone_args clone = {.exit_signal = SIGCHLD};
  if (wanted) {
    clone.set_tid = (uint64_t)(uintptr_t)set;
    clone.set_tid_size = 1;
  }
  pid_t child = (pid_t)syscall(SYS_clone3, &clone, sizeof clone);
  if (child != 0) return child;
  char digits[16], *copy[64];
  int count = 0;
  snprintf(digits, sizeof digits, "%u", number);
  copy[count++] = (char*)program;
  for (; *arguments && count < 63; arguments++)
    copy[count++] = strcmp(*arguments, "%") == 0 ? digits : *arguments;
  copy[count] = NULL;
  execv(program, copy);
  _exit(127);
}

static int wait_for(pid_t child) {
  int status;
  if (waitpid(child, &status, 0) != child) fail("waitpid");
  return status == 0;
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"first", 1, 0, 'f'}, {"second", 1, 0, 's'}, {"pairs", 1, 0, 'n'}, {0, 0, 0, 0}};
  const char *first = NULL, *second = NULL;
  unsigned pairs = 10, reused = 0, bad = 0;
  for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) switch (c) {
      case 'f':
        first = optarg;
        break;
      case 's':
        second = optarg;
        break;
      case 'n':
        pairs = (unsigned)atoi(optarg);
        break;
      default:
        return 2;
    }
  if (!first || !second || optind == argc) {
    fputs("usage: pid_reuse --first PROGRAM --second PROGRAM [--pairs N] -- ARGUMENT…\n", stderr);
    return 2;
  }
  for (unsigned i = 0; i < pairs; i++) {
    pid_t one = spawn(0, first, argv + optind, 2 * i);
    if (one < 0) fail("clone3");
    if (!wait_for(one)) bad++;
    pid_t two = spawn(one, second, argv + optind, 2 * i + 1);
    if (two < 0 && (errno == EPERM || errno == ENOSYS || errno == EINVAL)) {
      fprintf(stderr, "clone3 with set_tid: %s\n", strerror(errno));
      return 77;
    }
    if (two < 0 && errno == EEXIST) continue;  // somebody else took the pid in between
    if (two < 0) fail("clone3 with set_tid");
    if (two == one) reused++;
    if (!wait_for(two)) bad++;
  }
  printf("{\"pairs\":%u,\"reused\":%u,\"failed\":%u}\n", pairs, reused, bad);
  return bad ? 1 : 0;
}
