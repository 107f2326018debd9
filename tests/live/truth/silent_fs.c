// SPDX-License-Identifier: Apache-2.0
// A FUSE file system with one file, "program", that stops answering when it is told to:
//   silent_fs FOLDER SOURCE     mounts on FOLDER; the file has SOURCE's content
// Prints "ready". After SIGUSR1 it takes requests and answers none, as a file server does that is
// gone. SIGTERM unmounts and ends it, which also wakes whoever waits. Speaks the protocol of
// linux/fuse.h by itself, so that nothing need be installed.
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile sig_atomic_t silent, ending;
static int device;
static const char* content;
static size_t content_size;

static void on_signal(int number) {
  if (number == SIGUSR1)
    silent = 1;
  else
    ending = 1;
}

static void answer(uint64_t unique, int error, const void* data, size_t size) {
  struct fuse_out_header header = {0};
  struct iovec parts[2] = {{&header, sizeof(header)}, {(void*)(uintptr_t)data, size}};
  header.len = (uint32_t)(sizeof(header) + size);
  header.error = error;
  header.unique = unique;
  if (writev(device, parts, size != 0 ? 2 : 1) < 0 && errno != ENOENT) perror("silent_fs: answer");
}

static struct fuse_attr attributes(uint64_t node) {
  struct fuse_attr attr = {0};
  attr.ino = node;
  attr.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0755;
  attr.nlink = 1;
  attr.size = node == FUSE_ROOT_ID ? 0 : content_size;
  attr.blocks = (attr.size + 511) / 512;
  attr.blksize = 4096;
  return attr;
}

static void serve(const struct fuse_in_header* in, const void* body) {
  switch (in->opcode) {
    case FUSE_INIT: {
      const struct fuse_init_in* wanted = body;
      struct fuse_init_out out = {0};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = FUSE_KERNEL_MINOR_VERSION;
      out.max_readahead = wanted->max_readahead;
      out.max_write = 65536;
      answer(in->unique, 0, &out, sizeof(out));
      break;
    }
    case FUSE_LOOKUP: {
      struct fuse_entry_out out = {0};
      if (strcmp(body, "program") != 0) {
        answer(in->unique, -ENOENT, NULL, 0);
        break;
      }
      // Nothing may be remembered: whoever looks must ask.
      out.nodeid = 2;
      out.attr = attributes(2);
      answer(in->unique, 0, &out, sizeof(out));
      break;
    }
    case FUSE_GETATTR: {
      struct fuse_attr_out out = {0};
      out.attr = attributes(in->nodeid);
      answer(in->unique, 0, &out, sizeof(out));
      break;
    }
    case FUSE_OPEN:
    case FUSE_OPENDIR: {
      struct fuse_open_out out = {0};
      out.open_flags = FOPEN_KEEP_CACHE;
      answer(in->unique, 0, &out, sizeof(out));
      break;
    }
    case FUSE_READ: {
      const struct fuse_read_in* wanted = body;
      size_t at = wanted->offset < content_size ? wanted->offset : content_size;
      size_t size = content_size - at < wanted->size ? content_size - at : wanted->size;
      answer(in->unique, 0, content + at, size);
      break;
    }
    case FUSE_STATFS: {
      struct fuse_statfs_out out = {0};
      out.st.bsize = 4096;
      out.st.namelen = 255;
      answer(in->unique, 0, &out, sizeof(out));
      break;
    }
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_FLUSH:
    case FUSE_ACCESS:
      answer(in->unique, 0, NULL, 0);
      break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      break;
    default:
      answer(in->unique, -ENOSYS, NULL, 0);
  }
}

int main(int argc, char** argv) {
  static char request[1 << 17] __attribute__((aligned(8)));
  struct sigaction action = {0};
  struct stat status;
  char options[128];
  int source;

  if (argc != 3) {
    fprintf(stderr, "usage: silent_fs FOLDER SOURCE\n");
    return 2;
  }
  source = open(argv[2], O_RDONLY | O_CLOEXEC);
  if (source < 0 || fstat(source, &status) != 0) {
    perror(argv[2]);
    return 1;
  }
  content_size = (size_t)status.st_size;
  content = mmap(NULL, content_size, PROT_READ, MAP_PRIVATE, source, 0);
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (content == MAP_FAILED || device < 0) {
    perror("/dev/fuse");
    return 77;
  }
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
           device);
  if (mount("silent_fs", argv[1], "fuse.silent", MS_NOSUID | MS_NODEV, options) != 0) {
    perror("mount");
    return 77;
  }
  puts("ready");
  fflush(stdout);
  while (!ending) {
    ssize_t size = read(device, request, sizeof(request));
    if (size < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
    if (size < (ssize_t)sizeof(struct fuse_in_header)) break;
    if (!silent) serve((const void*)request, request + sizeof(struct fuse_in_header));
  }
  umount2(argv[1], MNT_DETACH);
  return 0;
}
