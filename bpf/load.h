/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes of a packet that may lie behind its linear part. */
#ifndef HP_LOAD_H
#define HP_LOAD_H

#include "bpf/parse.h"

#define HP_DIRECT_WORDS 192	/* bytes / 8 that XDP copies by direct access before 5.18: a usual frame */

static hp_always_inline int hp_xdp_has_load(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_xdp_load_bytes);
}

/* XDP before bpf_xdp_load_bytes: no fragments there, so all bytes are within reach. */
static hp_always_inline long hp_xdp_load_direct(struct xdp_md *ctx, __u32 offset, __u8 *to, __u32 len,
						 const __u32 room)
{
	const __u8 *from, *end = (const __u8 *)(long)ctx->data_end;
	__u64 start = offset, i, at;
	__u32 rest;

	HP_OPAQUE(start);
	if (start > HP_MAX_HEADERS)
		return -1;
	from = (const __u8 *)(long)ctx->data + start;
#pragma clang loop unroll(disable)
	for (i = 0; i < HP_DIRECT_WORDS; i++) {
		HP_OPAQUE(i);
		if (i * 8 + 8 > len)
			break;
		if (from + 8 > end)
			return -1;
		*(__u64 *)(to + i * 8) = HP_LOAD64(from);
		from += 8;
	}
	rest = len - (__u32)i * 8;
#pragma clang loop unroll(disable)
	for (; rest && rest < 8; rest--) {
		if (from + 1 > end)
			return -1;
		at = len - rest;
		HP_OPAQUE(at);
		if (at >= room)
			return -1;
		to[at] = *from;
		from++;
	}
	return rest ? -1 : 0;
}

/* len: as hp_bounded() gives it against `room`. Result: 0, or negative if the bytes are not there. */
static hp_always_inline long hp_load(void *ctx, const __u32 hook, __u32 offset, void *to, __u32 len,
				     const __u32 room)
{
	if (hook != HP_HOOK_XDP)
		return bpf_skb_load_bytes(ctx, offset, to, len);
	if (hp_xdp_has_load())
		return bpf_xdp_load_bytes(ctx, offset, to, len);
	return hp_xdp_load_direct(ctx, offset, to, len, room);
}

/* The first HP_HEAD bytes of the payload into a segment, zero behind its end. */
static hp_always_inline int hp_load_head(void *ctx, const __u32 hook, const struct hp_frame *frame,
					 const struct hp_headers *h, struct hp_segment *s)
{
	__u64 offset = h->payload, len = h->payload_len, low, high;
	const void *p;

	s->head_len = HP_HEAD;
	if (len < HP_HEAD)
		s->head_len = (__u8)len;
	HP_OPAQUE(offset);
	if (offset > HP_MAX_HEADERS)
		return -1;
	p = frame->data + offset;
	HP_OPAQUE(p);
	if (p + HP_HEAD <= frame->data_end) {
		*(__u64 *)s->head = HP_LOAD64(p);
		*(__u64 *)(s->head + 8) = HP_LOAD64(p + 8);
		if (len >= HP_HEAD)
			return 0;
		/* Behind a short payload stands the padding of Ethernet. */
		hp_mask128(0, s->head_len * 8, &low, &high);
		*(__u64 *)s->head &= low;
		*(__u64 *)(s->head + 8) &= high;
		return 0;
	}
	*(__u64 *)s->head = 0;
	*(__u64 *)(s->head + 8) = 0;
	len = s->head_len;
	if (!hp_bounded(&len, HP_HEAD))
		return 0;
	if (hook == HP_HOOK_XDP && !hp_xdp_has_load()) {
		__u32 i;

#pragma clang loop unroll(disable)
		for (i = 0; i < HP_HEAD - 1; i++) {
			if (i >= len)
				break;
			if (p + 1 > frame->data_end)
				return -1;
			if (i < 8)
				*(__u64 *)s->head |= (__u64)*(const __u8 *)p << (i * 8);
			else
				*(__u64 *)(s->head + 8) |= (__u64)*(const __u8 *)p << (i * 8 - 64);
			p++;
		}
		return 0;
	}
	return (int)hp_load(ctx, hook, (__u32)offset, s->head, (__u32)len, HP_HEAD);
}

#endif
