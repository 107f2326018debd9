/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A selected packet becomes a record. At tc and XDP it is put together in per-CPU scratch and copied
 * into the ring in its exact size. A program at the cgroup hook may run in process context and be
 * interrupted by one in softirq on the same CPU, which would overwrite the scratch: there the record
 * is reserved in the ring in one of a few sizes, and filled in place.
 */
#ifndef HP_EMIT_H
#define HP_EMIT_H

#include "bpf/load.h"
#include "bpf/owner.h"

/* Set before the load: the loop over every copied byte is otherwise left out of the programs. */
const volatile __u8 hp_checksums = 0;

enum hp_emitted {
	HP_EMIT_DONE,
	HP_EMIT_RING,	/* no room: the bytes were not loaded */
	HP_EMIT_LOAD,	/* the bytes could not be read */
};

/* All that is known of one packet on its way through a program. */
struct hp_work {
	struct hp_headers headers;
	struct hp_window window;
	struct hp_decision decision;
	union {
		struct hp_segment segment;	/* until it is decided on */
		struct hp_ownership ownership;	/* afterwards: the stack is small */
	};
	__u64 now;
	__u32 frame_len;
	__u32 ifindex;
	__u16 vlan_tci;
	__u16 syn_len;		/* stashed bytes that this record brings along */
	__u32 vlan_offloaded;
};

/* Makes one state of all that can be decided. */
static hp_always_inline void hp_forget_decision(struct hp_work *work)
{
	HP_FORGET(work->decision.copy_off);
	HP_FORGET(work->decision.copy_len);
	HP_FORGET(*(__u32 *)&work->decision.content);
	HP_FORGET(work->window.base);
	HP_FORGET(work->window.limit);
	HP_FORGET(work->window.next);
	HP_FORGET(work->window.mark);
	HP_FORGET(*(__u64 *)&work->window.state);
}

/* A field of a socket, which may be read at its offset and not by a pointer that the compiler makes. */
#define HP_SOCK(bits, sk, field)                                                  \
	({                                                                        \
		__u64 hp_field;                                                   \
		asm volatile("%0 = *(u" #bits " *)(%1 + %2)"                      \
			     : "=r"(hp_field)                                     \
			     : "r"(sk), "i"(__builtin_offsetof(struct bpf_sock, field))); \
		hp_field;                                                         \
	})

/*
 * The sending socket's own addresses and ports: what the application dialled, and where an accepted
 * connection arrived, whatever address translation made of the packet since. A listener, and a UDP
 * socket without a peer, have none to show.
 */
static hp_always_inline __u16 hp_describe_socket(void *ctx, const __u32 hook, const __u32 direction,
						 struct hp_packet *p, const struct hp_headers *h)
{
	__u32 *local = (__u32 *)p->socket_local, *remote = (__u32 *)p->socket_remote;
	__u64 difference;
	struct bpf_sock *sk;
	__u32 port;

	p->reserved3 = 0;
	if (hook == HP_HOOK_XDP || direction == HP_INGRESS)
		goto none;
	sk = ((struct __sk_buff *)ctx)->sk;
	if (!sk)
		goto none;
	port = HP_SOCK(16, sk, dst_port);
	if (!port)
		goto none;
	p->socket_remote_port = (__u16)port;
	p->socket_local_port = bpf_htons((__u16)HP_SOCK(32, sk, src_port));
	if (HP_SOCK(32, sk, family) == AF_INET) {
		local[0] = local[1] = remote[0] = remote[1] = 0;
		local[2] = remote[2] = bpf_htonl(0xffff);
		local[3] = HP_SOCK(32, sk, src_ip4);
		remote[3] = HP_SOCK(32, sk, dst_ip4);
	} else {
		local[0] = HP_SOCK(32, sk, src_ip6[0]);
		local[1] = HP_SOCK(32, sk, src_ip6[1]);
		local[2] = HP_SOCK(32, sk, src_ip6[2]);
		local[3] = HP_SOCK(32, sk, src_ip6[3]);
		remote[0] = HP_SOCK(32, sk, dst_ip6[0]);
		remote[1] = HP_SOCK(32, sk, dst_ip6[1]);
		remote[2] = HP_SOCK(32, sk, dst_ip6[2]);
		remote[3] = HP_SOCK(32, sk, dst_ip6[3]);
	}
	difference = HP_LOAD64(p->socket_local) ^ HP_LOAD64(h->key.source);
	difference |= HP_LOAD64(p->socket_local + 8) ^ HP_LOAD64(h->key.source + 8);
	difference |= HP_LOAD64(p->socket_remote) ^ HP_LOAD64(h->key.destination);
	difference |= HP_LOAD64(p->socket_remote + 8) ^ HP_LOAD64(h->key.destination + 8);
	difference |= p->socket_local_port ^ h->key.source_port;
	difference |= p->socket_remote_port ^ h->key.destination_port;
	return difference ? HP_PACKET_SOCKET : 0;
none:
	__builtin_memset(p->socket_local, 0, 2 * sizeof(p->socket_local));
	p->socket_local_port = 0;
	p->socket_remote_port = 0;
	return 0;
}

static hp_always_inline void hp_describe(void *ctx, struct hp_packet *p, const struct hp_work *work,
					 const struct hp_slot *late, const __u32 hook, const __u32 direction)
{
	__u16 flags = hp_describe_socket(ctx, hook, direction, p, &work->headers), syn_len = work->syn_len;

	if (work->headers.network)
		flags |= HP_PACKET_L2;
	if (work->ownership.peer_pid)
		flags |= HP_PACKET_PEER_LOCAL;
	if (syn_len)
		flags |= HP_PACKET_SYN_LATE;
	if (work->decision.by_content)
		flags |= HP_PACKET_NO_WINDOW;
	if (work->vlan_offloaded)
		flags |= HP_PACKET_NO_VLAN_IN_FRAME;
	if (work->ownership.sighting)
		flags |= HP_PACKET_SIGHTING;
	p->version = HP_WIRE_VERSION;
	p->record = HP_RECORD_PACKET;
	p->hook = hook;
	p->direction = direction;
	p->content = work->decision.content;
	p->l2_len = (__u8)work->headers.network;
	p->flags = flags;
	p->time_ns = work->now;
	p->syn_time_ns = syn_len ? late->syn_time_ns : 0;
	p->cookie = work->ownership.cookie;
	p->cpu = bpf_get_smp_processor_id();
	p->sequence = hp_next_sequence(0);
	p->ifindex = work->ifindex;
	p->frame_len = work->frame_len;
	p->payload_len = work->headers.payload_len;
	p->copy_off = work->decision.copy_off;
	p->copy_len = work->decision.copy_len;
	p->header_len = (__u16)work->headers.payload;
	p->syn_len = syn_len;
	p->vlan_tci = work->vlan_tci;
	p->peer_role = work->ownership.peer_role;
	p->peer_flags = work->ownership.peer_flags;
	p->peer_pid = work->ownership.peer_pid;
	p->owner = work->ownership.owner;
	p->checksum = 0;
	p->reserved2 = 0;
	p->peer_start_ns = work->ownership.peer_start_ns;
}

/*
 * Fills `bytes`: late SYN, headers (at most header_room), payload (at most payload_room); behind those
 * and HP_STASH it has 16 bytes to spare. Then the second look, which may shorten the copy. Bounds are
 * proven one by one, because the verifier keeps no relation between two lengths.
 */
static hp_always_inline int hp_fill(void *ctx, const __u32 hook, struct hp_packet *p, __u8 *bytes,
				    struct hp_work *work, const struct hp_slot *late, const struct hp_config *cfg,
				    const __u32 header_room, const __u32 payload_room)
{
	__u64 header_len = work->headers.payload, copy_len = work->decision.copy_len;
	__u64 len = header_len + copy_len, syn_len;
	__u8 *payload;

	if (work->syn_len)
		__builtin_memcpy(bytes, late->syn, HP_STASH);
	/* Read back from memory that the verifier does not follow. */
	syn_len = *(volatile __u16 *)&p->syn_len;
	HP_OPAQUE(syn_len);
	if (syn_len > HP_STASH)
		return HP_EMIT_LOAD;
	/* Headers and payload stand together in the packet: the selector copies from its first byte. */
	if (!hp_bounded(&len, header_room + payload_room))
		return HP_EMIT_LOAD;
	if (hp_load(ctx, hook, 0, bytes + syn_len, (__u32)len))
		return HP_EMIT_LOAD;
	if (payload_room < 64)
		return HP_EMIT_DONE;
	HP_OPAQUE(header_len);
	HP_OPAQUE(copy_len);
	if (header_len > header_room || copy_len > payload_room)
		return HP_EMIT_LOAD;
	payload = bytes + syn_len + header_len;
	if (work->decision.scan) {
		work->decision.copy_len = (__u32)copy_len;
		hp_scan_room(payload, &work->window, &cfg->policy, &work->decision, payload_room);
		hp_forget_decision(work);
		p->copy_len = work->decision.copy_len;
	}
	if (hp_checksums && cfg->checksum) {
		copy_len = *(volatile __u32 *)&p->copy_len;
		HP_OPAQUE(copy_len);
		if (copy_len <= payload_room)
			p->checksum = hp_checksum_room(payload, (__u32)copy_len, payload_room);
	}
	return HP_EMIT_DONE;
}

static hp_always_inline int hp_emit_output(void *ctx, const __u32 hook, const __u32 direction,
					   struct hp_work *work, const struct hp_slot *late,
					   const struct hp_config *cfg)
{
	struct hp_scratch *s;
	__u32 zero = 0;
	__u64 total;
	int result;

	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!s)
		return HP_EMIT_LOAD;
	hp_describe(ctx, &s->packet, work, late, hook, direction);
	result = hp_fill(ctx, hook, &s->packet, s->bytes, work, late, cfg, HP_MAX_HEADERS, HP_MAX_COPY);
	if (result)
		return result;
	/* Read back from the map, so that the verifier follows one state and not one for each length. */
	total = (__u64)sizeof(struct hp_packet) + s->packet.syn_len + s->packet.header_len + s->packet.copy_len;
	if (!hp_bounded(&total, sizeof(struct hp_scratch)))
		return HP_EMIT_LOAD;
	return bpf_ringbuf_output(&packets, s, total, hp_wakeup(&packets, cfg->wakeup_bytes)) ? HP_EMIT_RING :
												HP_EMIT_DONE;
}

static hp_always_inline int hp_emit_reserved(void *ctx, const __u32 hook, const __u32 direction,
					     struct hp_work *work, const struct hp_slot *late,
					     const struct hp_config *cfg, const __u32 header_room,
					     const __u32 payload_room)
{
	struct hp_packet *p;
	int result;

	p = bpf_ringbuf_reserve(&packets, sizeof(*p) + HP_STASH + header_room + payload_room + 16, 0);
	if (!p)
		return HP_EMIT_RING;
	hp_describe(ctx, p, work, late, hook, direction);
	result = hp_fill(ctx, hook, p, (__u8 *)(p + 1), work, late, cfg, header_room, payload_room);
	if (result)
		bpf_ringbuf_discard(p, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(p, hp_wakeup(&packets, cfg->wakeup_bytes));
	return result;
}

static __noinline int hp_emit(void *ctx, const __u32 at, struct hp_work *work, const struct hp_slot *late,
			      const struct hp_config *cfg)
{
	const __u32 hook = HP_AT_HOOK(at), direction = HP_AT_DIRECTION(at);
	__u32 len = work->decision.copy_len;

	if (hook != HP_HOOK_CGROUP)
		return hp_emit_output(ctx, hook, direction, work, late, cfg);
	if (len <= 16 && work->headers.payload <= 128 && !work->decision.scan && !(hp_checksums && cfg->checksum))
		return hp_emit_reserved(ctx, hook, direction, work, late, cfg, 128, 16);
	if (len <= 768)
		return hp_emit_reserved(ctx, hook, direction, work, late, cfg, HP_MAX_HEADERS, 768);
	if (len <= 2048)
		return hp_emit_reserved(ctx, hook, direction, work, late, cfg, HP_MAX_HEADERS, 2048);
	if (len <= 8192)
		return hp_emit_reserved(ctx, hook, direction, work, late, cfg, HP_MAX_HEADERS, 8192);
	return hp_emit_reserved(ctx, hook, direction, work, late, cfg, HP_MAX_HEADERS, HP_MAX_COPY);
}

#endif
