/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The agent's own connections. A packet of the agent's socket is known by its owner; what the other end
 * sends and receives on this host belongs to another process, so that the tuple is kept: by it every
 * packet of the connection is known, at each interface and in each namespace that it passes without NAT.
 */
#ifndef HP_OWN_H
#define HP_OWN_H

#include "bpf/emit.h"

static hp_always_inline void hp_own_tuple(struct hp_own_key *key, const struct hp_flow_key *flow, const int reverse)
{
	__builtin_memcpy(key->source, reverse ? flow->destination : flow->source, 16);
	__builtin_memcpy(key->destination, reverse ? flow->source : flow->destination, 16);
	key->source_port = reverse ? flow->destination_port : flow->source_port;
	key->destination_port = reverse ? flow->source_port : flow->destination_port;
	key->protocol = flow->protocol;
}

/* 1: the packet, whose owner was looked for, belongs to a connection of the agent's. */
static __noinline __u32 hp_is_own(const struct hp_work *work, const struct hp_config *cfg)
{
	__u32 by_owner, bare_syn, sequence = work->headers.seq, *known;
	struct hp_own_key key;

	if (!cfg->agent_pid)
		return 0;
	by_owner = work->ownership.owner.pid == cfg->agent_pid || work->ownership.peer_pid == cfg->agent_pid;
	bare_syn = work->headers.protocol == IPPROTO_TCP &&
		   (work->headers.flags & (HP_TCP_SYN | HP_TCP_ACK)) == HP_TCP_SYN;
	hp_own_tuple(&key, &work->headers.key, 0);
	known = bpf_map_lookup_elem(&own_flows, &key);
	if (known && (!bare_syn || *known == sequence))
		return 1;
	if (by_owner) {
		bpf_map_update_elem(&own_flows, &key, &sequence, BPF_ANY);
		hp_own_tuple(&key, &work->headers.key, 1);
		bpf_map_update_elem(&own_flows, &key, &sequence, BPF_ANY);
		return 1;
	}
	if (known) {
		bpf_map_delete_elem(&own_flows, &key);
		hp_own_tuple(&key, &work->headers.key, 1);
		bpf_map_delete_elem(&own_flows, &key);
	}
	return 0;
}

#endif
