// SPDX-License-Identifier: Apache-2.0
// An io_uring used by hand, one operation at a time (io_uring(7)).
#pragma once

#include <linux/io_uring.h>

struct uring {
  int fd;
  int polled;  // a kernel thread takes the operations (IORING_SETUP_SQPOLL)
  unsigned *sq_tail, *sq_mask, *sq_flags, *sq_array;
  unsigned *cq_head, *cq_tail, *cq_mask;
  struct io_uring_sqe* sqes;
  struct io_uring_cqe* cqes;
};

// Makes a ring. Ends the program if the kernel refuses: with 77 where it has no io_uring.
void uring_open(struct uring* ring, int polled);

// Does one operation and waits for it. `offset` is what the operation keeps there (connect: the
// length of the address). `force_async`: by a worker thread of the kernel. Result as of the system
// call, or a negative errno.
int uring_do(struct uring* ring, int operation, int fd, const void* address, unsigned length,
             unsigned long long offset, int force_async);
