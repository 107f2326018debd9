/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every header of the kernel side begins with, and the verifier's idioms. */
#ifndef HP_PROGRAM_H
#define HP_PROGRAM_H

#define HP_BPF 1
#define hp_always_inline inline __attribute__((always_inline))

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif

/*
 * Hook and direction as one constant argument of a subprogram. The verifier knows it in each program,
 * and drops the branches of the other hooks before it looks at the helpers that they call.
 */
#define HP_AT(hook, direction) ((hook) | (direction) << 4)
#define HP_AT_HOOK(at) ((at) & 15)
#define HP_AT_DIRECTION(at) ((at) >> 4)

/*
 * The last statement of a subprogram without a result: what the compiler leaves in the register of
 * results may be a pointer into the stack, which the verifier does not let out.
 */
#define HP_NO_RESULT() asm volatile("r0 = 0" ::: "r0")

/* Hides a value from the compiler, so that the check behind it reaches the verifier as written. */
#define HP_OPAQUE(x) asm volatile("" : "+r"(x))

/* Eight bytes from anywhere; without it the compiler loads them one by one. */
#define HP_LOAD64(p) (*(const __u64 *)(p))

/*
 * Always 0, which the verifier cannot know. Where many paths meet, each with a narrow range of its own
 * for the same few variables, HP_FORGET makes one state of them; otherwise every path is followed to
 * the end of the program, and a million instructions are soon reached.
 */
static volatile __u64 hp_nothing;

#define HP_FORGET(x)                                                                  \
	do {                                                                          \
		__u64 hp_forgotten = (__u64)(x) + hp_nothing;                         \
		asm volatile("" : "+r"(hp_forgotten));                                \
		(x) = (__typeof__(x))hp_forgotten;                                    \
	} while (0)

#include "bpf/selector.h"
#include "bpf/slots.h"

/*
 * True if 1 <= *n <= most, in a form that verifiers from 5.10 on take for a helper's length: the lower
 * bound is proven by the subtraction, because a comparison with zero is not kept as a bound.
 */
static hp_always_inline int hp_bounded(__u64 *n, const __u64 most)
{
	__u64 less = *n - 1;

	HP_OPAQUE(less);
	if (less >= most)
		return 0;
	*n = less + 1;
	HP_OPAQUE(*n);
	return 1;
}

#endif
