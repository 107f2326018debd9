/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps, and how programs count. */
#ifndef HP_MAPS_H
#define HP_MAPS_H

#include "bpf/program.h"

/* Room for one record at tc and XDP, where softirqs are off and nothing can come between. */
struct hp_scratch {
	struct hp_packet packet;
	__u8 bytes[HP_STASH + HP_MAX_HEADERS + HP_MAX_COPY + 16];
};

/* A token bucket as the time at which it will be empty of debts (GCRA). */
struct hp_bucket {
	__u64 syn;
	__u64 hello;
	__u64 sighting;
};

/* Which process was announced: one life of one program image. */
struct hp_announced {
	__u64 start_ns;
	__u32 pid;
	__u32 exec;
};

#define HP_ANNOUNCED 16384

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hp_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HP_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HP_SETS);
	__type(key, __u32);
	__type(value, struct hp_set);
} sets SEC(".maps");

/* One slot more than the sets have: it stands for "no slot", so that a pointer is never null. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HP_SLOTS + 1);
	__type(key, __u32);
	__type(value, struct hp_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct hp_socket);
} socket_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hp_scratch);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hp_bucket);
} buckets SEC(".maps");

/* One direction of a connection that the agent made, as on the wire, in whatever namespace it is seen. */
struct hp_own_key {
	__u8 source[16] HP_ALIGNED;
	__u8 destination[16];
	__u16 source_port;
	__u16 destination_port;
	__u32 protocol;
};

/* The value is the sequence number of the SYN: another SYN with these ports is another connection. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct hp_own_key);
	__type(value, __u32);
} own_flows SEC(".maps");

/* Running numbers of the records of this CPU: 0 of the ring packets, 1 of the ring processes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} sequences SEC(".maps");

/*
 * Processes that were announced, by a hash of the whole entry. Another process in the same place means
 * that one of them is announced again, which costs a record and harms nobody.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HP_ANNOUNCED);
	__type(key, __u32);
	__type(value, struct hp_announced);
} announced SEC(".maps");

/*
 * Adds one to a counter. Programs that a softirq on the same CPU can interrupt (hook cgroup, tracing)
 * add in one instruction; the others need not pay for it.
 */
static hp_always_inline void hp_count(__u32 counter, const __u32 hook)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (!value)
		return;
	if (hook == HP_HOOK_TC || hook == HP_HOOK_XDP)
		*value += 1;
	else
		__sync_fetch_and_add(value, 1);
}

static hp_always_inline __u32 hp_next_sequence(__u32 ring)
{
	__u32 *value = bpf_map_lookup_elem(&sequences, &ring), sequence;

	if (!value)
		return 0;
	sequence = *value;
	*value = sequence + 1;
	return sequence;
}

/* Wake the reader only when much is pending: it drains on a timer of its own. */
static hp_always_inline __u64 hp_wakeup(void *ring, __u32 wakeup_bytes)
{
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= wakeup_bytes ? BPF_RB_FORCE_WAKEUP :
									    BPF_RB_NO_WAKEUP;
}

static hp_always_inline struct hp_config *hp_get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

#endif
