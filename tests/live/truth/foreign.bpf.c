/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Somebody else's programs on the same interface and cgroup: one that ends the chain with TC_ACT_OK, one
 * that sends each packet out once more by a redirect, and two that only count. They count what a test
 * sends in known numbers: SYNs, SYN+ACKs, and UDP datagrams to port 9.
 */
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#define SYNS 0
#define ANSWERS 1
#define DATAGRAMS 2
#define KINDS 3
#define MARK 0x68707401

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4 * KINDS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count(struct __sk_buff *skb, __u32 offset, __u32 group)
{
	__u8 ip[20], port[2], flags;
	__u32 header, kind;
	__u64 *slot;

	if (bpf_skb_load_bytes(skb, offset, ip, sizeof(ip)) || ip[0] >> 4 != 4)
		return;
	header = (ip[0] & 0xf) * 4;
	if (ip[9] == 17) {
		if (bpf_skb_load_bytes(skb, offset + header + 2, port, sizeof(port)) || port[0] || port[1] != 9)
			return;
		kind = DATAGRAMS;
	} else if (ip[9] == 6) {
		if (bpf_skb_load_bytes(skb, offset + header + 13, &flags, 1) || !(flags & 2))
			return;
		kind = flags & 0x10 ? ANSWERS : SYNS;
	} else {
		return;
	}
	kind += group * KINDS;
	slot = bpf_map_lookup_elem(&counts, &kind);
	if (slot)
		__sync_fetch_and_add(slot, 1);
}

SEC("tc")
int pass(struct __sk_buff *skb)
{
	count(skb, 14, 0);
	return 0; /* TC_ACT_OK: no program behind this one sees the packet */
}

SEC("tc")
int send_again(struct __sk_buff *skb)
{
	if (skb->mark == MARK)
		return 0;
	count(skb, 14, 1);
	skb->mark = MARK;
	return bpf_redirect(skb->ifindex, 0);
}

SEC("cgroup_skb/ingress")
int socket_in(struct __sk_buff *skb)
{
	count(skb, 0, 2);
	return 1;
}

SEC("cgroup_skb/egress")
int socket_out(struct __sk_buff *skb)
{
	count(skb, 0, 3);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
