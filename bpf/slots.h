/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where windows live: a set-associative table of handshake slots. The tags and ages of a set fill
 * one cache line; the victim is the oldest of its eight ways, so that a flood evicts the flood and
 * not the handshakes that wait for a distant peer. The same code runs over kernel maps and over user
 * space arrays, so that both homes find, age and evict alike:
 *
 * - hp_flow_set() and hp_flow_tag() of the hash give the set and the tag. The window of a key is in the
 *   first way with its tag whose slot holds the equal key.
 * - HP_WINDOW_STORE: the window is written back; without a slot the way that hp_set_victim() names is
 *   filled first (key, window, no stash), its tag set. Then the way's age is what hp_age_at() says.
 * - HP_WINDOW_REMOVE: the way's tag becomes 0; nothing else changes.
 * - HP_WINDOW_KEEP changes nothing, the age included.
 *
 * Packets that no window can select are not looked up: TCP without payload but for SYN and RST, and
 * datagrams that are neither a QUIC Initial nor a DTLS hello.
 */
#ifndef HP_SLOTS_H
#define HP_SLOTS_H

#include "bpf/window.h"

#define HP_WAYS 8
#define HP_SETS 8192
#define HP_SLOTS (HP_SETS * HP_WAYS)
#define HP_STASH 104	/* layer 3 and 4 headers of a SYN that was over the rate */
#define HP_AGE_SHIFT 20	/* ages count units of about a millisecond */
#define HP_ANSWER_AGE 256	/* what a SYN+ACK is older than it is */

/* One direction of one flow, as on the wire. IPv4 addresses stand as ::ffff:a.b.c.d. */
struct hp_flow_key {
	__u8 source[16] HP_ALIGNED;
	__u8 destination[16];
	__u16 source_port;	/* network order */
	__u16 destination_port;	/* network order */
	__u32 scope;		/* interface index; at the cgroup hook the socket's network namespace; in files the interface's number */
	__u8 protocol;
	__u8 direction;		/* enum hp_direction; user space: 0 */
	__u8 reserved[6];
};
HP_STATIC_ASSERT(sizeof(struct hp_flow_key) == 48, "hp_flow_key layout");

struct hp_set {
	__u32 tag[HP_WAYS];	/* 0: free */
	__u32 age[HP_WAYS];	/* time of the last use, in units of 2^HP_AGE_SHIFT ns */
};
HP_STATIC_ASSERT(sizeof(struct hp_set) == 64, "a set is one cache line");

struct hp_slot {
	struct hp_flow_key key;
	struct hp_window window;
	__u64 syn_time_ns;
	__u16 syn_len;		/* stashed bytes; 0: the SYN was emitted */
	__u16 reserved;
	__u32 reserved2;
	__u8 syn[HP_STASH];
};
HP_STATIC_ASSERT(sizeof(struct hp_slot) == 208, "hp_slot layout");

static hp_always_inline __u64 hp_flow_hash(const struct hp_flow_key *key, __u32 seed)
{
	const __u8 *bytes = (const __u8 *)key;
	__u64 h = 0x9e3779b97f4a7c15ULL ^ seed;
	__u32 i;

HP_UNROLL
	for (i = 0; i < sizeof(*key) / 8; i++) {
		h = (h ^ HP_LOAD64(bytes + i * 8)) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	return h;
}

static hp_always_inline __u32 hp_flow_set(__u64 hash)
{
	return (__u32)hash & (HP_SETS - 1);
}

static hp_always_inline __u32 hp_flow_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 1;
}

/*
 * Which flows a sample of one in 2^shift holds: the same for both directions, every hook and every
 * interface, since only what both ends of the wire say goes into it, and each sample is a part of the
 * wider ones. A connection whose addresses are translated on this host is two flows to it.
 */
static hp_always_inline int hp_in_sample(const struct hp_flow_key *key, __u32 seed, __u8 shift)
{
	__u64 low = HP_LOAD64(key->source) + HP_LOAD64(key->destination);
	__u64 high = HP_LOAD64(key->source + 8) + HP_LOAD64(key->destination + 8);
	__u64 h = 0x9e3779b97f4a7c15ULL ^ seed;

	h = (h ^ low) * 0xff51afd7ed558ccdULL;
	h ^= h >> 32;
	h = (h ^ high) * 0xff51afd7ed558ccdULL;
	h ^= h >> 32;
	h ^= (__u64)(key->source_port ^ key->destination_port) << 32;
	h = (h ^ ((__u64)key->source_port + key->destination_port)) * 0xff51afd7ed558ccdULL;
	h = (h ^ h >> 32) * 0xff51afd7ed558ccdULL;
	/* The lower bits of a product know the lower bits of its factors alone. */
	return (h >> 40 & ((1ULL << (shift & 15)) - 1)) == 0;
}

static hp_always_inline int hp_key_equal(const struct hp_flow_key *a, const struct hp_flow_key *b)
{
	const __u8 *x = (const __u8 *)a, *y = (const __u8 *)b;
	__u64 difference = 0;
	__u32 i;

HP_UNROLL
	for (i = 0; i < sizeof(*a); i += 8)
		difference |= HP_LOAD64(x + i) ^ HP_LOAD64(y + i);
	return difference == 0;
}

/*
 * The age of a window that a packet with these TCP flags was the last to use, at `now` in units of an age.
 * A server answers every SYN of a flood, so that half of the table would be answers. They give way before
 * the SYNs of distant clients do: a client's SYN is in its window alone, while a server's first message is
 * recognised without one.
 */
static hp_always_inline __u32 hp_age_at(__u32 now, __u8 flags)
{
	const __u8 answer = HP_TCP_SYN | HP_TCP_ACK;

	return (flags & answer) == answer ? now - HP_ANSWER_AGE : now;
}

/* The way to give to a new key: a free one, else the one that was not used for longest. */
static hp_always_inline __u32 hp_set_victim(const struct hp_set *set, __u32 now)
{
	__u32 i, way = 0, oldest = 0;

HP_UNROLL
	for (i = 0; i < HP_WAYS; i++) {
		__u32 age = set->tag[i] ? now - set->age[i] : 0xffffffff;

		if (age > oldest) {
			oldest = age;
			way = i;
		}
	}
	return way;
}

#endif
