/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The selector: which bytes of which packets identify software. A pure step over the facts of one
 * segment, its first 16 payload bytes and the window of its direction; it touches no map, no clock
 * and no packet, and is compiled unchanged for the kernel and for user space. Adapters look the
 * window up (bpf/slots.h), call hp_select_tcp() or hp_select_udp(), load the bytes that the decision
 * names, call hp_scan() where it asks for it, and store the window.
 *
 * A window belongs to one direction of one flow. It opens at the SYN or SYN+ACK (or, for a flow
 * older than the agent, at a segment that begins with a known message), stays undecided until the
 * first stream bytes name the content, whatever their segmentation or order, and then reaches to the
 * end of the message. Segments inside it are copied by offset, in any order; user space reassembles.
 * Where they are a prefix (bpf/prefix.h) a few KiB are copied, and each segment is looked at for the
 * message that ends the waiting.
 */
#ifndef HP_SELECTOR_H
#define HP_SELECTOR_H

#include "bpf/classify.h"
#include "bpf/prefix.h"
#include "bpf/scan.h"

#define HP_RESENT 65535	/* so far behind the last message a segment is taken for sent again */

static hp_always_inline __u32 hp_min(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static hp_always_inline void hp_window_open(struct hp_window *w, __u32 base, __u32 limit, __u8 state,
					    __u8 content, const struct hp_policy *policy)
{
	w->base = base;
	w->limit = limit;
	w->next = 0;
	w->mark = 0;
	w->state = state;
	w->content = content;
	w->segments = policy->segments;
	w->line_end = 0;
	w->late = 0;
	w->have = 0;
}

static hp_always_inline int hp_is_http(__u8 content)
{
	return content == HP_CONTENT_HTTP_REQUEST || content == HP_CONTENT_HTTP_RESPONSE;
}

/*
 * A message ended (or its window ran out): HTTP windows wait for the next message while the policy
 * counts them, all others go.
 */
static hp_always_inline __u8 hp_window_close(struct hp_window *w, const struct hp_policy *policy)
{
	if (hp_is_http(w->content) && policy->requests) {
		w->state = w->messages >= policy->requests ? HP_WINDOW_SILENT : HP_WINDOW_IDLE;
		w->segments = 0;
		return HP_WINDOW_STORE;
	}
	w->state = HP_WINDOW_NONE;
	return HP_WINDOW_REMOVE;
}

/* Bits [from, to) of 128, as two words; both bounds are multiples of eight up to 128. */
static hp_always_inline void hp_mask128(__u32 from, __u32 to, __u64 *low, __u64 *high)
{
	*low = (to >= 64 ? ~0ULL : (1ULL << to) - 1) & ~(from >= 64 ? ~0ULL : (1ULL << from) - 1);
	*high = (to >= 128 ? ~0ULL : to > 64 ? (1ULL << (to - 64)) - 1 : 0) &
		~(from > 64 ? (1ULL << (from - 64)) - 1 : 0);
}

/*
 * Gathers the first stream bytes of a window from a segment at stream offset rel < HP_HEAD; what came
 * later wins. Result: how many bytes are known without a gap. The 16 bytes are shifted as one number,
 * least significant byte first, because old verifiers refuse a variable index into the stack.
 */
static hp_always_inline __u32 hp_window_gather(struct hp_window *w, const struct hp_segment *s, __u32 rel)
{
	__u32 end = hp_min(rel + s->head_len, HP_HEAD), shift = (rel & 7) * 8, gap, known;
	__u64 low, high, old_low, old_high, mask_low, mask_high;

	__builtin_memcpy(&low, s->head, 8);
	__builtin_memcpy(&high, s->head + 8, 8);
	__builtin_memcpy(&old_low, w->head, 8);
	__builtin_memcpy(&old_high, w->head + 8, 8);
	if (rel & 8) {
		high = low;
		low = 0;
	}
	if (shift) {
		high = high << shift | low >> (64 - shift);
		low <<= shift;
	}
	hp_mask128(rel * 8, end * 8, &mask_low, &mask_high);
	HP_FORGET(low);
	HP_FORGET(high);
	HP_FORGET(mask_low);
	HP_FORGET(mask_high);
	low = (low & mask_low) | (old_low & ~mask_low);
	high = (high & mask_high) | (old_high & ~mask_high);
	__builtin_memcpy(w->head, &low, 8);
	__builtin_memcpy(w->head + 8, &high, 8);
	w->have |= (__u16)(((1u << end) - 1) & ~((1u << rel) - 1));
	/* The lowest byte that is missing, bit 16 if none; then the bits below it are counted. */
	gap = ~(__u32)w->have & 0x1ffff;
	known = (gap & (0u - gap)) - 1;
	known -= known >> 1 & 0x5555;
	known = (known & 0x3333) + (known >> 2 & 0x3333);
	known = (known + (known >> 4)) & 0x0f0f;
	known = (known + (known >> 8)) & 0x1f;
	return known;
}

/* A window takes its content and its end from a verdict. */
static hp_always_inline void hp_window_decide(struct hp_window *w, const struct hp_verdict *v)
{
	w->state = v->content == HP_CONTENT_PREFIX ? HP_WINDOW_PREFIX : HP_WINDOW_OPEN;
	w->content = v->content;
	w->limit = v->limit;
	if (hp_is_http(v->content))
		w->messages++;
}

/* Copies what of a segment at stream offset rel lies in the window, and moves the window on. */
static hp_always_inline void hp_window_take(struct hp_window *w, const struct hp_segment *s, __u32 rel,
					    const struct hp_policy *policy, struct hp_decision *d)
{
	d->window = HP_WINDOW_STORE;
	if (rel >= w->limit)
		return;
	d->copy_len = hp_min(hp_min(s->len, w->limit - rel), HP_MAX_COPY);
	d->content = w->content;
	if (w->segments)
		w->segments--;
	if (rel == w->next) {
		w->next = rel + d->copy_len;
		/* The binary packet that follows an SSH banner begins with its length (RFC 4253, 6). */
		if (w->content == HP_CONTENT_SSH && w->mark && w->mark == rel && w->limit == HP_SSH_LIMIT &&
		    s->head_len >= 4)
			w->limit = hp_min(rel + 4 + ((__u32)s->head[1] << 16 | (__u32)s->head[2] << 8 |
						     s->head[3]),
					  HP_SSH_LIMIT - 1);
		d->copy_len = hp_min(d->copy_len, w->limit - rel);
		d->scan = hp_is_http(w->content) ? !(w->line_end & HP_LINE_LOST) :
						   w->content == HP_CONTENT_SSH && !w->mark;
	} else if (rel + d->copy_len > w->next) {
		w->line_end |= HP_LINE_LOST;
		if (rel < w->next)
			w->next = rel + d->copy_len;
	}
	if (w->segments == 0 || (w->state != HP_WINDOW_UNDECIDED && w->next >= w->limit && !d->scan))
		d->window = hp_window_close(w, policy);
}

/*
 * A segment in the middle of a stream begins with less of a hello than tells it: the window waits
 * there for more, and goes back to its prefix if it is none.
 */
static hp_always_inline void hp_window_await(struct hp_window *w, const struct hp_segment *s, __u32 rel,
					     const struct hp_policy *policy, struct hp_decision *d)
{
	__u32 left = w->state == HP_WINDOW_PREFIX && rel < w->limit ? w->limit - rel : 0;

	if (w->state == HP_WINDOW_NONE)
		w->messages = 0;
	hp_window_open(w, s->seq, policy->undecided_limit, HP_WINDOW_UNDECIDED, HP_CONTENT_UNDECIDED, policy);
	w->late = 1;
	w->mark = left;
	__builtin_memcpy(w->head, s->head, HP_HEAD);
	w->have = (__u16)((1u << (s->head_len & 31)) - 1);
	hp_window_take(w, s, 0, policy, d);
	d->by_content = 1;
}

/*
 * Decides on one TCP segment. *w is the window of this direction (state HP_WINDOW_NONE if there is
 * none) and is changed in place; d->window says whether to store or remove it. Segment facts come
 * from the headers: len is bounded by the IP length, a cut head means a short payload.
 */
static hp_always_inline void hp_select_tcp(const struct hp_segment *s, struct hp_window *w,
					   const struct hp_policy *policy, struct hp_decision *d)
{
	__u32 rel = 0, known = s->head_len;
	__u8 head[HP_HEAD] HP_ALIGNED;
	struct hp_verdict v;
	int at_start = 0;

	__builtin_memset(d, 0, sizeof(*d));
	__builtin_memcpy(head, s->head, HP_HEAD);
	if (s->flags & HP_TCP_SYN) {
		hp_window_open(w, s->seq + 1, policy->undecided_limit, HP_WINDOW_UNDECIDED,
			       HP_CONTENT_UNDECIDED, policy);
		w->messages = 0;
		d->window = HP_WINDOW_STORE;
		d->content = s->flags & HP_TCP_ACK ? HP_CONTENT_SYN_ACK : HP_CONTENT_SYN;
		if (s->len == 0)
			return;
		/* TCP Fast Open: the SYN carries the start of the stream (RFC 7413). */
		known = hp_window_gather(w, s, 0);
		at_start = 1;
	} else {
		if (s->len == 0) {
			if (s->flags & HP_TCP_RST && w->state != HP_WINDOW_NONE)
				d->window = HP_WINDOW_REMOVE;
			return;
		}
		if (policy->mode == HP_MODE_STREAM) {
			d->content = HP_CONTENT_STREAM;
			d->copy_len = hp_min(s->len, HP_MAX_COPY);
			return;
		}
		if (w->state == HP_WINDOW_SILENT)
			return;
		rel = s->seq - w->base;
		/* A message that was copied comes again: it must not count as another one. */
		if (w->state == HP_WINDOW_IDLE && w->next - rel - 1 < HP_RESENT)
			return;
		if (w->state == HP_WINDOW_OPEN && rel < w->limit) {
			hp_window_take(w, s, rel, policy, d);
			return;
		}
		if (w->state == HP_WINDOW_UNDECIDED && rel < w->limit) {
			known = w->have == 0xffff ? HP_HEAD : 0;
			if (rel < HP_HEAD)
				known = hp_window_gather(w, s, rel);
			at_start = 1;
		}
	}
	if (at_start)
		__builtin_memcpy(head, w->head, HP_HEAD);
	HP_FORGET(known);
	v = hp_classify(head, known, at_start, policy);
	HP_FORGET(v.content);
	HP_FORGET(v.scan);
	HP_FORGET(v.limit);
	if (!at_start) {
		/* No window, or not in it: a message may begin here all the same (keep-alive, reused port). */
		if (v.content == HP_CONTENT_UNDECIDED && head[0] == 0x16) {
			hp_window_await(w, s, rel, policy, d);
			return;
		}
		if (v.content <= HP_CONTENT_UNDECIDED) {
			if (w->state != HP_WINDOW_PREFIX)
				return;
			if (rel < w->limit) {
				hp_window_take(w, s, rel, policy, d);
				return;
			}
			/* It said a lot, and no hello: quiet. */
			w->state = HP_WINDOW_NONE;
			d->window = HP_WINDOW_REMOVE;
			return;
		}
		if (w->state == HP_WINDOW_NONE)
			w->messages = 0;
		hp_window_open(w, s->seq, v.limit, HP_WINDOW_OPEN, v.content, policy);
		hp_window_decide(w, &v);
		hp_window_take(w, s, 0, policy, d);
		d->by_content = 1;
		return;
	}
	if (v.content == HP_CONTENT_NONE && !w->late) {
		v = hp_classify_prefix(head, known, policy);
		HP_FORGET(v.content);
		HP_FORGET(v.limit);
		HP_FORGET(known);
	}
	if (v.content > HP_CONTENT_UNDECIDED) {
		hp_window_decide(w, &v);
	} else if (v.content == HP_CONTENT_NONE && w->late && w->mark) {
		w->state = HP_WINDOW_PREFIX;
		w->content = HP_CONTENT_PREFIX;
		w->limit = w->mark;
		w->late = 0;
		w->mark = 0;
	} else if (v.content == HP_CONTENT_NONE && known && !(s->flags & HP_TCP_SYN)) {
		/* None of ours: a sample to name it by, then quiet. */
		w->state = HP_WINDOW_NONE;
		d->window = HP_WINDOW_REMOVE;
		if (rel < HP_SAMPLE && !w->late) {
			d->content = HP_CONTENT_OTHER;
			d->copy_len = hp_min(s->len, HP_SAMPLE - rel);
		}
		return;
	}
	hp_window_take(w, s, rel, policy, d);
	if (s->flags & HP_TCP_SYN)
		d->content = s->flags & HP_TCP_ACK ? HP_CONTENT_SYN_ACK : HP_CONTENT_SYN;
}

/*
 * The second look, once the payload bytes of a decision with scan set are loaded: data holds
 * d->copy_len bytes (and is readable to the next multiple of eight). Shortens the copy to what
 * belongs to the header block or key exchange and closes the window there. room: bytes that data holds,
 * a constant; hp_scan() is the same for a caller without one.
 */
static hp_always_inline void hp_scan_room(const __u8 *data, struct hp_window *w, const struct hp_policy *policy,
					  struct hp_decision *d, const __u32 room)
{
	__u32 begin = w->next - d->copy_len, end;
	__u64 at;

	if (hp_is_http(w->content)) {
		end = hp_scan_headers(data, d->copy_len, &w->line_end, room);
		at = end;
		HP_OPAQUE(at);
		if (end && end < d->copy_len && at < room && data[at] == 0x16 && w->segments) {
			/* TLS behind the answer to a CONNECT. */
			w->state = HP_WINDOW_PREFIX;
			w->content = HP_CONTENT_PREFIX;
			w->limit = w->next + HP_PREFIX_LIMIT;
		} else if (end) {
			d->copy_len = end;
			w->next = begin + end;
			w->limit = w->next;
		}
	} else {
		end = hp_scan_banner(data, d->copy_len);
		if (end) {
			w->mark = begin + end;
			at = end;
			HP_OPAQUE(at);
			if (at <= HP_BANNER_WORDS * 8 - 4 && end + 4 <= d->copy_len) {
				w->limit = hp_min(w->mark + 4 + ((__u32)data[at + 1] << 16 |
								 (__u32)data[at + 2] << 8 | data[at + 3]),
						  HP_SSH_LIMIT - 1);
				if (w->next > w->limit) {
					d->copy_len -= w->next - w->limit;
					w->next = w->limit;
				}
			}
		}
	}
	if (w->next >= w->limit || w->segments == 0)
		d->window = hp_window_close(w, policy);
}

static hp_always_inline void hp_scan(const __u8 *data, struct hp_window *w, const struct hp_policy *policy,
				     struct hp_decision *d)
{
	hp_scan_room(data, w, policy, d, HP_MAX_COPY);
}

/*
 * Instead of hp_scan() when the bytes were not loaded (over the rate, ring full): the end of the
 * header block can no longer be told, so that the window runs to its limit.
 */
static hp_always_inline void hp_scan_missed(struct hp_window *w, const struct hp_policy *policy,
					    struct hp_decision *d)
{
	w->line_end |= HP_LINE_LOST;
	if (w->next >= w->limit || w->segments == 0)
		d->window = hp_window_close(w, policy);
}

/*
 * Decides on one UDP datagram: QUIC Initials and DTLS hellos are copied whole, as many a direction
 * as the policy says. The window only counts them.
 */
static hp_always_inline void hp_select_udp(const struct hp_segment *s, struct hp_window *w,
					   const struct hp_policy *policy, struct hp_decision *d)
{
	__u8 content = hp_classify_datagram(s->head, s->head_len);

	__builtin_memset(d, 0, sizeof(*d));
	if (content == HP_CONTENT_NONE)
		return;
	if (content == HP_CONTENT_DTLS && s->head[13] == HP_DTLS_CERTIFICATE && policy->mode == HP_MODE_HELLO)
		return;
	if (w->state == HP_WINDOW_NONE || w->content != content) {
		hp_window_open(w, 0, 0, HP_WINDOW_OPEN, content, policy);
		w->messages = 0;
	}
	if (w->messages >= policy->datagrams)
		return;
	w->messages++;
	d->window = HP_WINDOW_STORE;
	d->content = content;
	d->copy_len = hp_min(s->len, HP_MAX_COPY);
}

#endif
