/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes of a packet that may lie behind its linear part. */
#ifndef HP_LOAD_H
#define HP_LOAD_H

#include "bpf/parse.h"

/* len: as hp_bounded() gives it. Result: 0, or negative if the bytes are not there. */
static hp_always_inline long hp_load(void *ctx, const __u32 hook, __u32 offset, void *to, __u32 len)
{
	if (hook == HP_HOOK_XDP)
		return bpf_xdp_load_bytes(ctx, offset, to, len);
	return bpf_skb_load_bytes(ctx, offset, to, len);
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
	return (int)hp_load(ctx, hook, (__u32)offset, s->head, (__u32)len);
}

#endif
