/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Headers of one frame, down to TCP or UDP, by direct access: the linear part of a packet holds its
 * headers nearly always. Bounds: two VLAN tags, IPv4 options, eight IPv6 extension headers, and
 * HP_MAX_HEADERS bytes in all.
 */
#ifndef HP_PARSE_H
#define HP_PARSE_H

#include "bpf/program.h"

#define HP_MAX_EXTENSIONS 8
#define HP_OFFSET_MASK 0x1ff	/* above HP_MAX_HEADERS: what the verifier knows of an offset */

enum hp_parsed {
	HP_PARSED,
	HP_PARSED_NOTHING,	/* no packet that could be selected */
	HP_PARSED_FRAGMENT,
	HP_PARSED_MALFORMED,
	HP_PARSED_CUT,		/* headers go on behind the linear part */
};

struct hp_frame {
	void *data;
	void *data_end;
	__u32 len;		/* bytes from data to the end of the packet, linear or not */
};

struct hp_headers {
	struct hp_flow_key key;	/* scope and direction are the caller's */
	__u32 network;		/* offset of the IP header, thus length of layer 2 */
	__u32 payload;		/* offset of the layer 4 payload */
	__u32 payload_len;
	__u32 seq;
	__u8 protocol;
	__u8 flags;		/* of TCP, low byte */
	__u8 ipv6;
	__u8 reserved;
};

static hp_always_inline int hp_is_vlan(__u16 type)
{
	return type == bpf_htons(0x8100) || type == bpf_htons(0x88a8) || type == bpf_htons(0x9100);
}

/* Reads a byte, or big-endian 16 and 32 bits, of a header that was checked to be there. */
#define HP_U8(p, at) (*(const __u8 *)((p) + (at)))
#define HP_U16(p, at) bpf_ntohs(*(const __u16 *)((p) + (at)))
#define HP_U32(p, at) bpf_ntohl(*(const __u32 *)((p) + (at)))

/* The ports and the transport header; `available` bytes of the IP payload begin at `offset`. */
static hp_always_inline int hp_parse_transport(const struct hp_frame *frame, struct hp_headers *h,
					       __u64 offset, __u32 available)
{
	const void *p;
	__u32 length;

	HP_OPAQUE(offset);
	if (offset > HP_MAX_HEADERS)
		return HP_PARSED_MALFORMED;
	p = frame->data + offset;
	if (h->protocol == IPPROTO_TCP) {
		if (available < 20)
			return HP_PARSED_MALFORMED;
		if (p + 20 > frame->data_end)
			return HP_PARSED_CUT;
		length = (HP_U8(p, 12) >> 4) * 4;
		if (length < 20 || length > available)
			return HP_PARSED_MALFORMED;
		h->flags = HP_U8(p, 13);
		h->payload_len = available - length;
		if (h->payload_len == 0 && !(h->flags & (HP_TCP_SYN | HP_TCP_RST)))
			return HP_PARSED_NOTHING;
		h->seq = HP_U32(p, 4);
	} else {
		if (available < 8)
			return HP_PARSED_MALFORMED;
		if (p + 8 > frame->data_end)
			return HP_PARSED_CUT;
		/* A length of 0 is a jumbogram's (RFC 2675). */
		length = HP_U16(p, 4);
		if (length && length < 8)
			return HP_PARSED_MALFORMED;
		if (length && length < available)
			available = length;
		length = 8;
		h->flags = 0;
		h->seq = 0;
		h->payload_len = available - 8;
		if (h->payload_len < 14)
			return HP_PARSED_NOTHING;
	}
	h->reserved = 0;
	h->payload = (__u32)offset + length;
	if (h->payload > HP_MAX_HEADERS)
		return HP_PARSED_MALFORMED;
	*(__u32 *)&h->key.source_port = *(const __u32 *)p;
	return HP_PARSED;
}

static hp_always_inline int hp_parse_ipv4(const struct hp_frame *frame, struct hp_headers *h)
{
	const void *ip = frame->data + h->network;
	__u32 length, total, available;

	if (ip + 20 > frame->data_end)
		return frame->len < h->network + 20 ? HP_PARSED_MALFORMED : HP_PARSED_CUT;
	if (HP_U8(ip, 0) >> 4 != 4)
		return HP_PARSED_MALFORMED;
	h->protocol = HP_U8(ip, 9);
	if (h->protocol != IPPROTO_TCP && h->protocol != IPPROTO_UDP)
		return HP_PARSED_NOTHING;
	length = (HP_U8(ip, 0) & 15) * 4;
	total = HP_U16(ip, 2);
	if (length < 20 || (total && total < length))
		return HP_PARSED_MALFORMED;
	if (HP_U16(ip, 6) & 0x1fff)
		return HP_PARSED_FRAGMENT;
	/* A length of 0 stands in segmented super-packets: the frame tells. */
	available = frame->len - h->network;
	if (total && total < available)
		available = total;
	if (available < length)
		return HP_PARSED_MALFORMED;
	h->ipv6 = 0;
	return hp_parse_transport(frame, h, h->network + length, available - length);
}

static hp_always_inline int hp_parse_ipv6(const struct hp_frame *frame, struct hp_headers *h)
{
	const void *ip = frame->data + h->network, *p;
	__u32 available, total, size, i;
	__u64 offset;
	__u8 next;

	if (ip + 40 > frame->data_end)
		return frame->len < h->network + 40 ? HP_PARSED_MALFORMED : HP_PARSED_CUT;
	if (HP_U8(ip, 0) >> 4 != 6)
		return HP_PARSED_MALFORMED;
	available = frame->len - h->network - 40;
	total = HP_U16(ip, 4);
	if (total && total < available)
		available = total;
	next = HP_U8(ip, 6);
	offset = h->network + 40;
#pragma clang loop unroll(disable)
	for (i = 0; i < HP_MAX_EXTENSIONS; i++) {
		if (next == IPPROTO_TCP || next == IPPROTO_UDP) {
			h->protocol = next;
			h->ipv6 = 1;
			return hp_parse_transport(frame, h, offset, available);
		}
		/* Hop-by-hop, routing, fragment, authentication, destination, mobility, HIP, shim6. */
		if (next != 0 && next != 43 && next != 44 && next != 51 && next != 60 && next != 135 &&
		    next != 139 && next != 140)
			return HP_PARSED_NOTHING;
		offset &= HP_OFFSET_MASK;
		HP_OPAQUE(offset);
		p = frame->data + offset;
		if (available < 8)
			return HP_PARSED_MALFORMED;
		if (p + 8 > frame->data_end)
			return HP_PARSED_CUT;
		size = (HP_U8(p, 1) + 1) * 8;
		if (next == 51)
			size = (HP_U8(p, 1) + 2) * 4;
		if (next == 44) {
			size = 8;
			if (HP_U16(p, 2) & 0xfff8)
				return HP_PARSED_FRAGMENT;
		}
		if (size > available || offset + size > HP_MAX_HEADERS)
			return HP_PARSED_MALFORMED;
		next = HP_U8(p, 0);
		available -= size;
		offset += size;
		HP_FORGET(available);
		HP_FORGET(offset);
	}
	return HP_PARSED_MALFORMED;
}

/* Parses from layer 2 (ethernet) or from the IP header. On HP_PARSED all of h but its key is set. */
static hp_always_inline int hp_parse(const struct hp_frame *frame, struct hp_headers *h, const int ethernet)
{
	const void *p = frame->data;
	__u16 type;

	if (!ethernet) {
		h->network = 0;
		if (p + 1 > frame->data_end)
			return frame->len ? HP_PARSED_CUT : HP_PARSED_MALFORMED;
		if (HP_U8(p, 0) >> 4 == 4)
			return hp_parse_ipv4(frame, h);
		if (HP_U8(p, 0) >> 4 == 6)
			return hp_parse_ipv6(frame, h);
		return HP_PARSED_NOTHING;
	}
	if (p + 14 > frame->data_end)
		return frame->len < 14 ? HP_PARSED_MALFORMED : HP_PARSED_CUT;
	type = *(const __u16 *)(p + 12);
	h->network = 14;
	if (hp_is_vlan(type)) {
		if (p + 18 > frame->data_end)
			return frame->len < 18 ? HP_PARSED_MALFORMED : HP_PARSED_CUT;
		type = *(const __u16 *)(p + 16);
		h->network = 18;
		if (hp_is_vlan(type)) {
			if (p + 22 > frame->data_end)
				return frame->len < 22 ? HP_PARSED_MALFORMED : HP_PARSED_CUT;
			type = *(const __u16 *)(p + 20);
			h->network = 22;
		}
	}
	if (type == bpf_htons(0x0800))
		return hp_parse_ipv4(frame, h);
	if (type == bpf_htons(0x86dd))
		return hp_parse_ipv6(frame, h);
	return HP_PARSED_NOTHING;
}

/* Makes one state of all ways through the headers. */
static hp_always_inline void hp_forget_headers(struct hp_headers *h)
{
	HP_FORGET(h->network);
	HP_FORGET(h->payload);
	HP_FORGET(h->payload_len);
	HP_FORGET(h->seq);
	HP_FORGET(*(__u32 *)&h->protocol);
}

/* The addresses of the key, once a packet is worth it; the IP header was checked to be there. */
static hp_always_inline int hp_parse_addresses(const struct hp_frame *frame, struct hp_headers *h)
{
	__u32 *source = (__u32 *)h->key.source, *destination = (__u32 *)h->key.destination;
	__u64 network = h->network;
	const void *ip;

	HP_OPAQUE(network);
	if (network > 22)
		return 0;
	/* One pointer for the check and the reads. */
	ip = frame->data + network;
	HP_OPAQUE(ip);

	if (h->ipv6) {
		if (ip + 40 > frame->data_end)
			return 0;
		*(__u64 *)h->key.source = HP_LOAD64(ip + 8);
		*(__u64 *)(h->key.source + 8) = HP_LOAD64(ip + 16);
		*(__u64 *)h->key.destination = HP_LOAD64(ip + 24);
		*(__u64 *)(h->key.destination + 8) = HP_LOAD64(ip + 32);
	} else {
		if (ip + 20 > frame->data_end)
			return 0;
		source[0] = source[1] = destination[0] = destination[1] = 0;
		source[2] = destination[2] = bpf_htonl(0xffff);
		source[3] = *(const __u32 *)(ip + 12);
		destination[3] = *(const __u32 *)(ip + 16);
	}
	return 1;
}

#endif
