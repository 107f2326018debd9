// SPDX-License-Identifier: Apache-2.0
#include "uring.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "truth.h"

static void* map(int fd, size_t size, unsigned long long offset) {
  void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);
  if (at == MAP_FAILED) fail("mmap of an io_uring");
  return at;
}

void uring_open(struct uring* ring, int polled) {
  struct io_uring_params set = {0};
  if (polled) {
    set.flags = IORING_SETUP_SQPOLL;
    set.sq_thread_idle = 1000;
  }
  ring->polled = polled;
  ring->fd = (int)syscall(SYS_io_uring_setup, 8, &set);
  if (ring->fd < 0) {
    perror("io_uring_setup");
    exit(errno == ENOSYS || errno == EPERM ? 77 : 1);
  }
  uint8_t* sq = map(ring->fd, set.sq_off.array + set.sq_entries * sizeof(unsigned),
                    IORING_OFF_SQ_RING);
  uint8_t* cq = map(ring->fd, set.cq_off.cqes + set.cq_entries * sizeof(struct io_uring_cqe),
                    IORING_OFF_CQ_RING);
  ring->sqes = map(ring->fd, set.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring->sq_tail = (unsigned*)(void*)(sq + set.sq_off.tail);
  ring->sq_mask = (unsigned*)(void*)(sq + set.sq_off.ring_mask);
  ring->sq_flags = (unsigned*)(void*)(sq + set.sq_off.flags);
  ring->sq_array = (unsigned*)(void*)(sq + set.sq_off.array);
  ring->cq_head = (unsigned*)(void*)(cq + set.cq_off.head);
  ring->cq_tail = (unsigned*)(void*)(cq + set.cq_off.tail);
  ring->cq_mask = (unsigned*)(void*)(cq + set.cq_off.ring_mask);
  ring->cqes = (struct io_uring_cqe*)(void*)(cq + set.cq_off.cqes);
}

int uring_do(struct uring* ring, int operation, int fd, const void* address, unsigned length,
             unsigned long long offset, int force_async) {
  unsigned tail = *ring->sq_tail, place = tail & *ring->sq_mask;
  struct io_uring_sqe* sqe = &ring->sqes[place];
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = (uint8_t)operation;
  sqe->flags = force_async ? IOSQE_ASYNC : 0;
  sqe->fd = fd;
  sqe->addr = (uint64_t)(uintptr_t)address;
  sqe->len = length;
  sqe->off = offset;
  ring->sq_array[place] = place;
  __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
  unsigned flags = IORING_ENTER_GETEVENTS, submit = ring->polled ? 0 : 1;
  if (ring->polled && __atomic_load_n(ring->sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
    flags |= IORING_ENTER_SQ_WAKEUP;
  while (*ring->cq_head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) {
    long done = syscall(SYS_io_uring_enter, ring->fd, submit, 1, flags, NULL, 0);
    if (done < 0 && errno != EINTR) fail("io_uring_enter");
    if (done > 0) submit = 0;
  }
  int result = ring->cqes[*ring->cq_head & *ring->cq_mask].res;
  __atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
  return result;
}
