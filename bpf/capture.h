/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One packet, from the hook to the ring: parse, find the window, select, find the owner, emit, keep
 * the window. The same inline code at every hook; `hook`, `direction` and `ethernet` are constants, so
 * that what a hook cannot do vanishes from its program. Traffic always passes.
 */
#ifndef HP_CAPTURE_H
#define HP_CAPTURE_H

#include "bpf/own.h"

#define HP_LIVE_AGE 65536	/* about a minute: a younger window that gives way is counted */

static hp_always_inline __u32 hp_age(__u64 now)
{
	return (__u32)(now >> HP_AGE_SHIFT);
}

/* Takes one token of a bucket that refills at `rate` a second and holds a second's worth. */
static hp_always_inline int hp_token(__u64 *empty_at, __u32 rate, __u64 now)
{
	__u64 second = 1000000000ULL, at = *empty_at;

	if (rate == 0)
		return 1;
	if (at < now)
		at = now;
	at += second / rate;
	if (at > now + second)
		return 0;
	*empty_at = at;
	return 1;
}

/* Sightings have tokens of their own, so that they cost the SYNs of sockets none. */
static hp_always_inline int hp_sighting_within_rate(const struct hp_config *cfg, __u64 now)
{
	struct hp_bucket *bucket;
	__u32 zero = 0;

	bucket = bpf_map_lookup_elem(&buckets, &zero);
	return !bucket || hp_token(&bucket->sighting, cfg->syn_rate, now);
}

static hp_always_inline int hp_within_rate(const struct hp_config *cfg, const int bare_syn, __u64 now)
{
	struct hp_bucket *bucket;
	__u32 zero = 0;

	if (!(bare_syn ? cfg->syn_rate : cfg->hello_rate))
		return 1;
	bucket = bpf_map_lookup_elem(&buckets, &zero);
	if (!bucket)
		return 1;
	return bare_syn ? hp_token(&bucket->syn, cfg->syn_rate, now) :
			  hp_token(&bucket->hello, cfg->hello_rate, now);
}

/* Keeps the headers of a SYN that was over the rate; its first payload will bring them along. */
static hp_always_inline void hp_stash(void *ctx, const __u32 hook, struct hp_slot *slot,
				      const struct hp_work *work)
{
	__u64 len = work->headers.payload - work->headers.network;

	slot->syn_len = 0;
	if (!hp_bounded(&len, HP_STASH))
		return;
	if (hp_load(ctx, hook, work->headers.network, slot->syn, (__u32)len))
		return;
	slot->syn_time_ns = work->now;
	slot->syn_len = (__u16)len;
}

/* The slot for a new window: the free or the oldest way of the set. */
static hp_always_inline struct hp_slot *hp_make_slot(struct hp_set *set, __u32 set_index, __u32 tag,
						     const struct hp_work *work, const __u32 hook, __u32 *taken)
{
	__u32 now = hp_age(work->now), way = hp_set_victim(set, now) & (HP_WAYS - 1), index;
	struct hp_slot *slot;

	if (set->tag[way] && now - set->age[way] < HP_LIVE_AGE)
		hp_count(HP_COUNT_SLOT_EVICTED, hook);
	index = set_index * HP_WAYS + way;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
	/* Nobody may find the slot by its old key while it is filled. */
	set->tag[way] = 0;
	barrier();
	slot->key = work->headers.key;
	slot->syn_len = 0;
	slot->syn_time_ns = 0;
	*taken = way;
	return slot;
}

/* A subprogram, because the registers that the step needs would not fit beside the rest. */
static __noinline void hp_decide(struct hp_work *work, const struct hp_config *cfg)
{
	if (work->headers.protocol == IPPROTO_TCP)
		hp_select_tcp(&work->segment, &work->window, &cfg->policy, &work->decision);
	else
		hp_select_udp(&work->segment, &work->window, &cfg->policy, &work->decision);
	HP_NO_RESULT();
}

/*
 * At tc beside the cgroup hook: whether that hook copies the packet, so that nothing is left to do.
 * Of a SYN and a SYN+ACK it is told that and where they passed, by their headers alone.
 */
static hp_always_inline int hp_left_to_cgroup(struct hp_work *work, const struct hp_config *cfg)
{
	if (!cfg->with_cgroup || !work->ownership.local)
		return 0;
	if (!(work->headers.flags & HP_TCP_SYN) || !hp_sighting_within_rate(cfg, work->now))
		return 1;
	work->decision.copy_len = 0;
	work->decision.scan = 0;
	work->ownership.sighting = 1;
	return 0;
}

static hp_always_inline void hp_capture(void *ctx, const __u32 hook, const __u32 direction, const int ethernet,
					const struct hp_frame *frame, struct hp_work *work)
{
	__u32 set_index, tag, way, index;
	struct hp_slot *slot = 0;
	struct hp_config *cfg;
	struct hp_set *set;
	__u32 found, bare_syn, stash = 0, missed;
	int result;
	__u64 hash;

	cfg = hp_get_config();
	if (!cfg)
		return;
	work->headers.key.direction = direction;
	work->headers.key.protocol = work->headers.protocol;
	*(__u32 *)work->headers.key.reserved = 0;
	*(__u16 *)(work->headers.key.reserved + 4) = 0;
	if (!hp_parse_addresses(frame, &work->headers))
		return;
	if (cfg->sample_shift && !hp_in_sample(&work->headers.key, cfg->hash_seed, cfg->sample_shift)) {
		hp_count(HP_COUNT_SAMPLED_OUT, hook);
		return;
	}
	if (hp_load_head(ctx, hook, frame, &work->headers, &work->segment)) {
		hp_count(HP_COUNT_PARSE, hook);
		return;
	}
	if (work->headers.protocol == IPPROTO_UDP &&
	    hp_classify_datagram(work->segment.head, work->segment.head_len) == HP_CONTENT_NONE)
		return;
	work->segment.seq = work->headers.seq;
	work->segment.len = work->headers.payload_len;
	work->segment.flags = work->headers.flags;

	hash = hp_flow_hash(&work->headers.key, cfg->hash_seed);
	set_index = hp_flow_set(hash);
	tag = hp_flow_tag(hash);
	set = bpf_map_lookup_elem(&sets, &set_index);
	if (!set)
		return;
HP_UNROLL
	for (way = 0; way < HP_WAYS; way++) {
		if (set->tag[way] != tag)
			continue;
		index = set_index * HP_WAYS + way;
		slot = bpf_map_lookup_elem(&slots, &index);
		if (slot && hp_key_equal(&slot->key, &work->headers.key))
			break;
		slot = 0;
	}
	HP_FORGET(way);
	if (slot)
		work->window = slot->window;
	else
		__builtin_memset(&work->window, 0, sizeof(work->window));

	hp_decide(work, cfg);
	if (work->decision.content == HP_CONTENT_NONE && work->decision.window == HP_WINDOW_KEEP)
		return;
	hp_forget_decision(work);
	work->now = cfg->test_time_ns ? cfg->test_time_ns : bpf_ktime_get_boot_ns();

	found = slot != 0;
	if (!slot) {
		index = HP_SLOTS;
		slot = bpf_map_lookup_elem(&slots, &index);
		if (!slot)
			return;
	}
	bare_syn = work->headers.flags & HP_TCP_SYN && work->decision.copy_len == 0;
	HP_FORGET(found);
	HP_FORGET(bare_syn);
	if (work->decision.content != HP_CONTENT_NONE) {
		hp_count(HP_COUNT_SELECTED, hook);
		hp_find_owner(ctx, HP_AT(hook, direction), &work->headers, work->decision.content,
			      &work->ownership);
		/* A stash belongs in front of the first payload; a SYN that is emitted replaces it. */
		work->syn_len = bare_syn ? 0 : slot->syn_len;
		HP_FORGET(work->syn_len);
		if (hp_is_own(work, cfg)) {
			hp_count(HP_COUNT_OWN, hook);
			missed = 1;
		} else if (hook == HP_HOOK_TC && hp_left_to_cgroup(work, cfg)) {
			hp_count(HP_COUNT_LEFT_TO_CGROUP, hook);
			/* What follows is left, too: a slot here would only push out another flow's. */
			if (!found)
				return;
			missed = 1;
		} else if (!work->ownership.sighting && !hp_within_rate(cfg, bare_syn, work->now)) {
			stash = bare_syn && work->headers.payload - work->headers.network <= HP_STASH;
			HP_FORGET(stash);
			hp_count(stash ? HP_COUNT_SYN_STASHED : HP_COUNT_LOST_RATE, hook);
			missed = 1;
		} else {
			result = hp_emit(ctx, HP_AT(hook, direction), work, slot, cfg);
			if (result == HP_EMIT_DONE) {
				if (work->syn_len)
					hp_count(HP_COUNT_SYN_LATE, hook);
				slot->syn_len = 0;
			}
			missed = result != HP_EMIT_DONE;
			hp_count(result == HP_EMIT_DONE ? HP_COUNT_EMITTED :
				 result == HP_EMIT_RING ? HP_COUNT_LOST_RING : HP_COUNT_LOST_LOAD, hook);
		}
		HP_FORGET(missed);
		if (missed && work->decision.scan)
			hp_scan_missed(&work->window, &cfg->policy, &work->decision);
	}

	if (work->decision.window == HP_WINDOW_STORE) {
		if (!found) {
			way = 0;
			slot = hp_make_slot(set, set_index, tag, work, hook, &way);
			if (!slot)
				return;
		}
		slot->window = work->window;
		if (stash)
			hp_stash(ctx, hook, slot, work);
		barrier();
		way &= HP_WAYS - 1;
		set->tag[way] = tag;
		set->age[way] = hp_age_at(hp_age(work->now), work->headers.flags);
	} else if (work->decision.window == HP_WINDOW_REMOVE && found) {
		way &= HP_WAYS - 1;
		set->tag[way] = 0;
	}
}

static hp_always_inline void hp_count_unparsed(int parsed, const __u32 hook)
{
	if (parsed == HP_PARSED_FRAGMENT)
		hp_count(HP_COUNT_FRAGMENT, hook);
	else if (parsed != HP_PARSED_NOTHING)
		hp_count(HP_COUNT_PARSE, hook);
}

static hp_always_inline int hp_enabled(void)
{
	struct hp_config *cfg = hp_get_config();

	return cfg && !cfg->disabled;
}

/*
 * The network namespace of the socket at the cgroup hook, whose number tells two flows apart that
 * have the same addresses in two namespaces. Without a full TCP socket: the interface.
 */
static hp_always_inline __u32 hp_scope(struct __sk_buff *skb, const __u32 hook, __u32 ifindex)
{
	struct bpf_sock *sk;
	struct tcp_sock *tcp;

	if (hook != HP_HOOK_CGROUP)
		return ifindex;
	sk = skb->sk;
	if (!sk)
		return ifindex;
	tcp = (struct tcp_sock *)bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return ifindex;
	return tcp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net->ns.inum;
}

static hp_always_inline void hp_capture_skb(struct __sk_buff *skb, const __u32 hook, const __u32 direction,
					    const int ethernet)
{
	struct hp_frame frame;
	struct hp_work work;
	int parsed = HP_PARSED_CUT, try;

	if (!hp_enabled())
		return;
	hp_count(HP_COUNT_PACKETS, hook);
#pragma clang loop unroll(disable)
	for (try = 0; try < 2; try++) {
		frame.data = (void *)(long)skb->data;
		frame.data_end = (void *)(long)skb->data_end;
		frame.len = skb->len;
		parsed = hp_parse(&frame, &work.headers, ethernet);
		if (parsed != HP_PARSED_CUT || hook != HP_HOOK_TC || try)
			break;
		/* Some drivers leave headers behind the linear part. */
		if (bpf_skb_pull_data(skb, frame.len < HP_MAX_HEADERS ? frame.len : HP_MAX_HEADERS))
			break;
	}
	if (parsed != HP_PARSED) {
		hp_count_unparsed(parsed, hook);
		return;
	}
	hp_forget_headers(&work.headers);
	/* Once and through volatile: a context may only be read at the offset of a field, not by pointer. */
	work.ifindex = *(volatile __u32 *)&skb->ifindex;
	work.frame_len = frame.len;
	work.vlan_offloaded = hook == HP_HOOK_TC && skb->vlan_present;
	work.vlan_tci = work.vlan_offloaded ? (__u16)skb->vlan_tci : 0;
	work.headers.key.scope = hp_scope(skb, hook, work.ifindex);
	hp_capture(skb, hook, direction, ethernet, &frame, &work);
}

static hp_always_inline void hp_capture_xdp(struct xdp_md *xdp)
{
	struct hp_frame frame;
	struct hp_work work;
	int parsed;

	if (!hp_enabled())
		return;
	hp_count(HP_COUNT_PACKETS, HP_HOOK_XDP);
	frame.data = (void *)(long)xdp->data;
	frame.data_end = (void *)(long)xdp->data_end;
	frame.len = (__u32)bpf_xdp_get_buff_len(xdp);
	parsed = hp_parse(&frame, &work.headers, 1);
	if (parsed != HP_PARSED) {
		hp_count_unparsed(parsed, HP_HOOK_XDP);
		return;
	}
	hp_forget_headers(&work.headers);
	work.ifindex = xdp->ingress_ifindex;
	work.frame_len = frame.len;
	work.vlan_offloaded = 0;
	work.vlan_tci = 0;
	work.headers.key.scope = xdp->ingress_ifindex;
	hp_capture(xdp, HP_HOOK_XDP, HP_INGRESS, 1, &frame, &work);
}

#endif
