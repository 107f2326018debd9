/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The selector's data: a window of a stream, the facts of a segment, and what is decided of it. */
#ifndef HP_WINDOW_H
#define HP_WINDOW_H

#include "bpf/wire.h"

#define HP_HEAD 16	/* payload bytes the step looks at */
#define HP_SAMPLE 64	/* bytes copied of a stream that is none of ours, so that it can be named */
#define HP_HTTP2_LIMIT 8192	/* preface, settings and the first request */
#define HP_SSH_LIMIT 8192
#define HP_PREFIX_LIMIT 4096	/* bytes of a direction that are copied while it waits for a later hello */

#define HP_TCP_FIN 0x01
#define HP_TCP_SYN 0x02
#define HP_TCP_RST 0x04
#define HP_TCP_ACK 0x10

#ifndef hp_always_inline
#define hp_always_inline inline __attribute__((always_inline))
#endif

/* Read eight bytes at a time, which the kernel's verifier allows on its stack only when aligned. */
#define HP_ALIGNED __attribute__((aligned(8)))

/*
 * For the kernel's verifier alone (bpf/program.h says more): HP_OPAQUE keeps a computation as it is
 * written, without branches, and a loop's counter a counter (old verifiers do not see that a countdown
 * that the compiler makes of it bounds the place); HP_FORGET makes one state of the many that meet at a
 * point.
 */
#ifndef HP_OPAQUE
#define HP_OPAQUE(x) ((void)(x))
#endif
#ifndef HP_FORGET
#define HP_FORGET(x) ((void)(x))
#endif

/* Eight bytes from anywhere, in the machine's order. */
#ifndef HP_LOAD64
#define HP_LOAD64(p) __extension__({ __u64 hp_word; __builtin_memcpy(&hp_word, (p), 8); hp_word; })
#endif

/* Loops over a fixed small count that must not cost the verifier a branch an iteration. */
#ifdef __clang__
#define HP_UNROLL _Pragma("unroll")
#else
#define HP_UNROLL
#endif

enum hp_window_state {
	HP_WINDOW_NONE = 0,
	HP_WINDOW_UNDECIDED = 1,	/* copies, content not yet known */
	HP_WINDOW_OPEN = 2,		/* copies up to limit */
	HP_WINDOW_IDLE = 3,		/* between HTTP messages: copies nothing, counts them */
	HP_WINDOW_SILENT = 4,		/* as many messages as the policy wants: copies nothing more */
	HP_WINDOW_PREFIX = 5,		/* copies up to limit, until a segment begins with a message */
};

struct hp_window {
	__u32 base;		/* sequence number of stream offset 0 */
	__u32 limit;		/* offsets below it are copied */
	__u32 next;		/* offset up to which the stream is known without a gap */
	__u32 mark;		/* SSH: offset of the binary packet behind the banner, 0 = not found yet; late: bytes the prefix has left */
	__u8 state;		/* enum hp_window_state */
	__u8 content;		/* enum hp_content */
	__u8 segments;		/* packets that may still be copied */
	__u8 messages;		/* HTTP messages, QUIC datagrams begun in this direction */
	__u8 line_end;		/* HTTP: how much of an empty line the last scanned byte completed */
	__u8 late;		/* 1: undecided in the middle of a stream, at what may be a hello */
	__u16 have;		/* bit i: head[i] holds stream byte i */
	__u8 head[HP_HEAD] HP_ALIGNED;	/* the first stream bytes, gathered from any segmentation */
};
HP_STATIC_ASSERT(sizeof(struct hp_window) == 40, "hp_window layout");

struct hp_segment {
	__u8 head[HP_HEAD] HP_ALIGNED;	/* first payload bytes, zero behind head_len */
	__u32 seq;		/* TCP sequence number of the first payload byte (of the SYN: its own) */
	__u32 len;		/* payload bytes */
	__u8 flags;		/* TCP flags, low byte */
	__u8 head_len;		/* min(len, HP_HEAD): valid bytes in head */
	__u16 reserved;
	__u32 reserved2;
};
HP_STATIC_ASSERT(sizeof(struct hp_segment) == 32, "hp_segment layout");

enum hp_window_action {
	HP_WINDOW_KEEP = 0,	/* nothing changed */
	HP_WINDOW_STORE = 1,	/* write the window back, make room if it is new */
	HP_WINDOW_REMOVE = 2,
};

struct hp_decision {
	__u32 copy_off;		/* first payload byte to copy */
	__u32 copy_len;		/* payload bytes to copy; a SYN is selected even with 0 */
	__u8 content;		/* enum hp_content; HP_CONTENT_NONE: the packet is not selected */
	__u8 window;		/* enum hp_window_action */
	__u8 scan;		/* 1: load the bytes, then call hp_scan() before emitting */
	__u8 by_content;	/* 1: found without a window */
};

/* What the first n bytes of a message say. */
struct hp_verdict {
	__u8 content;		/* HP_CONTENT_NONE: none of ours; HP_CONTENT_UNDECIDED: more bytes could decide */
	__u8 scan;
	__u16 reserved;
	__u32 limit;		/* stream offset at which the message ends */
};

#endif
