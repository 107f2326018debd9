// SPDX-License-Identifier: Apache-2.0
// Debian's libstdc++.a calls arc4random(), which glibc has only from 2.36 on. This one, hidden in the
// program, keeps the program at GLIBC_2.34.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

// Gives 32 random bits from the kernel; ends the program where the kernel has none to give.
__attribute__((visibility("hidden"))) uint32_t arc4random(void);

uint32_t arc4random(void) {
  uint32_t value;
  for (;;) {
    ssize_t got = getrandom(&value, sizeof value, 0);
    if (got == (ssize_t)sizeof value) return value;
    if (got < 0 && errno != EINTR) abort();
  }
}
