/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose socket a selected packet belongs to. The owner stands in socket-local storage, put there by
 * the programs of bpf/process.h; here it is only found again. Not a packet that passes unselected
 * pays for it.
 */
#ifndef HP_OWNER_H
#define HP_OWNER_H

#include "bpf/maps.h"
#include "bpf/parse.h"

struct hp_ownership {
	struct hp_owner owner;
	__u64 cookie;
	__u64 peer_start_ns;
	__u32 peer_pid;
	__u8 peer_role;
	__u8 peer_flags;
	__u8 local;		/* tc: a socket that the cgroup hook sees as well sends or receives this */
	__u8 sighting;		/* only that it passed is told: HP_PACKET_SIGHTING */
};

static struct hp_socket hp_nobody;	/* stays empty */

/* The worker if there is one, without a branch. */
static hp_always_inline const struct hp_owner *hp_socket_owner(const struct hp_socket *socket)
{
	__u64 worker = socket->has_worker & 1;

	HP_OPAQUE(worker);
	return (const void *)socket + worker * sizeof(struct hp_owner);
}

/* The owner of a socket, or of the listener that a not yet accepted connection belongs to. */
static hp_always_inline const struct hp_socket *hp_socket_storage(struct bpf_sock *sk)
{
	struct bpf_sock *full = bpf_sk_fullsock(sk);

	if (!full)
		full = bpf_get_listener_sock(sk);
	if (!full)
		return 0;
	return bpf_sk_storage_get(&socket_owners, full, 0, 0);
}

/* The cookie of a socket that was looked up; 0 if it never got one. */
static hp_always_inline __u64 hp_lookup_cookie(struct bpf_sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)bpf_skc_to_tcp_sock(sk);
	struct request_sock *request;

	if (tcp)
		return (__u64)tcp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
	request = (struct request_sock *)bpf_skc_to_tcp_request_sock(sk);
	if (request)
		return (__u64)request->__req_common.skc_cookie.counter;
	return 0;
}

/* The tuple of the packet as its receiver's socket table knows it; reverse: as its sender's does. */
static hp_always_inline __u32 hp_lookup_tuple(const struct hp_headers *h, struct bpf_sock_tuple *tuple,
					      const int reverse)
{
	const __u8 *from = reverse ? h->key.destination : h->key.source;
	const __u8 *to = reverse ? h->key.source : h->key.destination;
	__u16 sport = reverse ? h->key.destination_port : h->key.source_port;
	__u16 dport = reverse ? h->key.source_port : h->key.destination_port;

	if (h->ipv6) {
		*(__u64 *)tuple->ipv6.saddr = HP_LOAD64(from);
		*(__u64 *)(tuple->ipv6.saddr + 2) = HP_LOAD64(from + 8);
		*(__u64 *)tuple->ipv6.daddr = HP_LOAD64(to);
		*(__u64 *)(tuple->ipv6.daddr + 2) = HP_LOAD64(to + 8);
		tuple->ipv6.sport = sport;
		tuple->ipv6.dport = dport;
		return sizeof(tuple->ipv6);
	}
	tuple->ipv4.saddr = *(const __u32 *)(from + 12);
	tuple->ipv4.daddr = *(const __u32 *)(to + 12);
	tuple->ipv4.sport = sport;
	tuple->ipv4.dport = dport;
	return sizeof(tuple->ipv4);
}

static hp_always_inline const struct hp_socket *hp_lookup_owner(void *ctx, const __u32 hook,
								const struct hp_headers *h, const int reverse,
								__u64 *cookie, __u64 *local)
{
	struct bpf_sock_tuple tuple HP_ALIGNED = {};
	const struct hp_socket *socket = 0;
	struct bpf_sock *sk;
	__u32 size;

	size = hp_lookup_tuple(h, &tuple, reverse);
	if (h->protocol == IPPROTO_TCP) {
		if (size == sizeof(tuple.ipv4))
			sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
		else
			sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return 0;
		/*
		 * A listener takes any address: a connection that is only forwarded would get its name.
		 * Nor are its bytes this host's, while a SYN loses nothing by being taken for local.
		 */
		if (!reverse && sk->state == TCP_LISTEN) {
			*local = (h->flags & HP_TCP_SYN) != 0;
			bpf_sk_release(sk);
			return 0;
		}
		*local = 1;
		/*
		 * A SYN cookie is sent by the listener itself. Its cookie is not the connection's, whose
		 * socket is made by the ACK.
		 */
		if (sk->state != TCP_LISTEN)
			*cookie = hp_lookup_cookie(sk);
		if (hook != HP_HOOK_XDP)
			socket = hp_socket_storage(sk);
		bpf_sk_release(sk);
	} else {
		if (hook == HP_HOOK_XDP)
			return 0;
		if (size == sizeof(tuple.ipv4))
			sk = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
		else
			sk = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return 0;
		/* Likewise a UDP socket that is not connected. */
		if (sk->state == TCP_ESTABLISHED) {
			*local = 1;
			socket = bpf_sk_storage_get(&socket_owners, sk, 0, 0);
			if (socket)
				*cookie = socket->cookie;
		}
		bpf_sk_release(sk);
	}
	return socket;
}

/*
 * tc egress and cgroup, both directions: skb->sk is the local socket. At tc egress a SYN+ACK carries
 * the request, whose listener is asked; sent as a SYN cookie it carries nothing and is looked up.
 * tc ingress: skb->sk, when set, is the socket of the *sender* on this host, so that the local one is
 * looked up; a listener only answers for itself, with its SYN+ACK, because the look-up would find it
 * for forwarded connections too. XDP: a cookie at most, since storage is out of its reach.
 */
static __noinline void hp_find_owner(void *ctx, const __u32 at, const struct hp_headers *h, __u8 content,
				    struct hp_ownership *o)
{
	const __u32 hook = HP_AT_HOOK(at), direction = HP_AT_DIRECTION(at);
	const struct hp_socket *socket = 0, *peer = 0;
	const struct hp_owner *sender;
	__u64 cookie = 0, local = 0;
	struct bpf_sock *sk = 0;

	if (hook != HP_HOOK_XDP)
		sk = ((struct __sk_buff *)ctx)->sk;
	if (hook == HP_HOOK_XDP) {
		socket = hp_lookup_owner(ctx, hook, h, 0, &cookie, &local);
	} else if (hook == HP_HOOK_TC && direction == HP_INGRESS) {
		socket = hp_lookup_owner(ctx, hook, h, 0, &cookie, &local);
		if (sk && bpf_get_socket_cookie(ctx) != cookie)
			peer = hp_socket_storage(sk);
	} else if (sk) {
		local = 1;
		cookie = bpf_get_socket_cookie(ctx);
		socket = hp_socket_storage(sk);
	} else if (hook == HP_HOOK_TC && content == HP_CONTENT_SYN_ACK &&
		   ((struct __sk_buff *)ctx)->ingress_ifindex == 0) {
		/* The cgroup hook does not see it: it stays not local. */
		socket = hp_lookup_owner(ctx, hook, h, 1, &cookie, &local);
		local = 0;
	}
	if (!socket)
		socket = &hp_nobody;
	if (!peer)
		peer = &hp_nobody;
	o->owner = *hp_socket_owner(socket);
	HP_FORGET(cookie);
	o->cookie = cookie;
	sender = hp_socket_owner(peer);
	o->peer_start_ns = sender->start_ns;
	o->peer_pid = sender->pid;
	o->peer_role = sender->role;
	o->peer_flags = sender->flags;
	HP_FORGET(local);
	o->local = (__u8)local;
	o->sighting = 0;
	HP_NO_RESULT();
}

#endif
