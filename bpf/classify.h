/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the first bytes of a message say. Strict on purpose: a segment without a window is looked at
 * by the same rules, and bulk data must stay quiet.
 */
#ifndef HP_CLASSIFY_H
#define HP_CLASSIFY_H

#include "bpf/window.h"

#define HP_TOKEN(a, b, c, d, e, f, g, h)                                                  \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 |             \
	 (__u64)(e) << 32 | (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

static hp_always_inline __u64 hp_first8(const __u8 *head)
{
	return HP_TOKEN(head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]);
}

/* Mask over the first n (1 and more) bytes of a word. */
static hp_always_inline __u64 hp_mask8(__u32 n)
{
	return ~0ULL >> (64 - (n < 8 ? n : 8) * 8);
}

/* 1 if x is 0, else 0, without a branch. */
static hp_always_inline __u64 hp_is_zero(__u64 x)
{
	x |= 0 - x;
	HP_OPAQUE(x);
	return (x >> 63) ^ 1;
}

/*
 * 2: a word of n known bytes (known: their mask) begins with the token of len bytes; 1: those bytes
 * could become it; 0: neither. Without branches, since a method is compared with many tokens.
 */
static hp_always_inline __u32 hp_begins(__u64 word, __u64 known, __u64 n, __u64 token, __u64 len)
{
	__u64 enough = len - 1 - n;

	HP_OPAQUE(enough);
	return (__u32)(hp_is_zero((word ^ token) & known & hp_mask8((__u32)len)) << (enough >> 63));
}

/*
 * End of a hello whose handshake message of `total` bytes (header included) starts behind a record
 * header that ends at `body`, the record holding `record` bytes. A hello that is split over records
 * needs the later record headers too; how many is not known from here, so that there is room for as
 * many as its first record suggests, twice.
 */
static hp_always_inline __u32 hp_hello_end(__u32 body, __u32 total, __u32 record, __u32 limit)
{
	__u32 end = body + total;

	if (total > record)
		end = body + 2 * total + 512;
	return end < limit ? end : limit;
}

/*
 * A TLS handshake record that begins with a ClientHello or ServerHello (RFC 8446, 4 and 5.1), at
 * head[skip] of n known bytes.
 */
static hp_always_inline struct hp_verdict hp_classify_hello(const __u8 *head, __u32 n, __u32 skip,
							    const struct hp_policy *policy)
{
	struct hp_verdict v = { HP_CONTENT_NONE, 0, 0, 0 };
	__u32 record, total;

	if (n > skip && head[skip] != 0x16)
		return v;
	if (n > skip + 1 && head[skip + 1] != 0x03)
		return v;
	if (n > skip + 2 && head[skip + 2] > 0x04)
		return v;
	v.content = HP_CONTENT_UNDECIDED;
	if (n < skip + 6)
		return v;
	record = (__u32)head[skip + 3] << 8 | head[skip + 4];
	if (record == 0 || record > 16384 + 2048 || (head[skip + 5] != 1 && head[skip + 5] != 2)) {
		v.content = HP_CONTENT_NONE;
		return v;
	}
	if (record >= 4) {
		if (n > skip + 6 && head[skip + 6] != 0) {
			v.content = HP_CONTENT_NONE;
			return v;
		}
		if (n < skip + 9)
			return v;
		total = ((__u32)head[skip + 7] << 8 | head[skip + 8]) + 4;
		v.limit = hp_hello_end(skip + 5, total, record, policy->hello_limit);
	} else {
		/* The record ends inside the handshake header: its length cannot be known from here. */
		v.limit = policy->hello_limit;
	}
	v.content = head[skip + 5] == 1 ? HP_CONTENT_TLS_CLIENT : HP_CONTENT_TLS_SERVER;
	if (policy->mode == HP_MODE_CERTIFICATES)
		v.limit = policy->certificate_limit;
	return v;
}

/* As hp_begins() over all methods of HTTP and its extensions: bit 1 yes, bit 0 perhaps. */
static hp_always_inline __u32 hp_http_method(__u64 word, __u64 known, __u32 n)
{
	__u32 best = 0;

#define HP_METHOD(token, len) best |= hp_begins(word, known, n, token, len)
	switch (word & 0xff) {
	case 'G':
		HP_METHOD(HP_TOKEN('G', 'E', 'T', ' ', 0, 0, 0, 0), 4);
		break;
	case 'P':
		HP_METHOD(HP_TOKEN('P', 'O', 'S', 'T', ' ', 0, 0, 0), 5);
		HP_METHOD(HP_TOKEN('P', 'U', 'T', ' ', 0, 0, 0, 0), 4);
		HP_METHOD(HP_TOKEN('P', 'A', 'T', 'C', 'H', ' ', 0, 0), 6);
		HP_METHOD(HP_TOKEN('P', 'R', 'O', 'P', 'F', 'I', 'N', 'D'), 8);
		HP_METHOD(HP_TOKEN('P', 'R', 'O', 'P', 'P', 'A', 'T', 'C'), 8);
		break;
	case 'H':
		HP_METHOD(HP_TOKEN('H', 'E', 'A', 'D', ' ', 0, 0, 0), 5);
		break;
	case 'D':
		HP_METHOD(HP_TOKEN('D', 'E', 'L', 'E', 'T', 'E', ' ', 0), 7);
		break;
	case 'O':
		HP_METHOD(HP_TOKEN('O', 'P', 'T', 'I', 'O', 'N', 'S', ' '), 8);
		break;
	case 'C':
		HP_METHOD(HP_TOKEN('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '), 8);
		HP_METHOD(HP_TOKEN('C', 'O', 'P', 'Y', ' ', 0, 0, 0), 5);
		HP_METHOD(HP_TOKEN('C', 'H', 'E', 'C', 'K', 'O', 'U', 'T'), 8);
		HP_METHOD(HP_TOKEN('C', 'H', 'E', 'C', 'K', 'I', 'N', ' '), 8);
		break;
	case 'T':
		HP_METHOD(HP_TOKEN('T', 'R', 'A', 'C', 'E', ' ', 0, 0), 6);
		break;
	case 'M':
		HP_METHOD(HP_TOKEN('M', 'K', 'C', 'O', 'L', ' ', 0, 0), 6);
		HP_METHOD(HP_TOKEN('M', 'O', 'V', 'E', ' ', 0, 0, 0), 5);
		HP_METHOD(HP_TOKEN('M', 'E', 'R', 'G', 'E', ' ', 0, 0), 6);
		HP_METHOD(HP_TOKEN('M', '-', 'S', 'E', 'A', 'R', 'C', 'H'), 8);
		HP_METHOD(HP_TOKEN('M', 'K', 'A', 'C', 'T', 'I', 'V', 'I'), 8);
		HP_METHOD(HP_TOKEN('M', 'K', 'C', 'A', 'L', 'E', 'N', 'D'), 8);
		break;
	case 'L':
		HP_METHOD(HP_TOKEN('L', 'O', 'C', 'K', ' ', 0, 0, 0), 5);
		break;
	case 'U':
		HP_METHOD(HP_TOKEN('U', 'N', 'L', 'O', 'C', 'K', ' ', 0), 7);
		HP_METHOD(HP_TOKEN('U', 'N', 'S', 'U', 'B', 'S', 'C', 'R'), 8);
		break;
	case 'R':
		HP_METHOD(HP_TOKEN('R', 'E', 'P', 'O', 'R', 'T', ' ', 0), 7);
		HP_METHOD(HP_TOKEN('R', 'P', 'C', '_', 'I', 'N', '_', 'D'), 8);
		HP_METHOD(HP_TOKEN('R', 'P', 'C', '_', 'O', 'U', 'T', '_'), 8);
		break;
	case 'S':
		HP_METHOD(HP_TOKEN('S', 'E', 'A', 'R', 'C', 'H', ' ', 0), 7);
		HP_METHOD(HP_TOKEN('S', 'U', 'B', 'S', 'C', 'R', 'I', 'B'), 8);
		HP_METHOD(HP_TOKEN('S', 'O', 'U', 'R', 'C', 'E', ' ', 0), 7);
		break;
	case 'N':
		HP_METHOD(HP_TOKEN('N', 'O', 'T', 'I', 'F', 'Y', ' ', 0), 7);
		break;
	case 'B':
		HP_METHOD(HP_TOKEN('B', 'I', 'T', 'S', '_', 'P', 'O', 'S'), 8);
		break;
	}
#undef HP_METHOD
	return best;
}

/*
 * Names a message by its first n (1..16) bytes. at_start: they are the first of their stream, where
 * a TLS alert is an answer too. Result: HP_CONTENT_NONE, HP_CONTENT_UNDECIDED (more bytes could
 * decide) or the content with the stream offset at which its message ends.
 */
static hp_always_inline struct hp_verdict hp_classify(const __u8 *head, __u32 n, int at_start,
						      const struct hp_policy *policy)
{
	struct hp_verdict v = { HP_CONTENT_NONE, 0, 0, 0 };
	__u64 word, known;
	__u32 m;

	if (n == 0)
		return v;
	if (head[0] == 0x16)
		return hp_classify_hello(head, n, 0, policy);
	/* A ChangeCipherSpec in front of the hello that answers a HelloRetryRequest (RFC 8446, D.4). */
	if (head[0] == 0x14) {
		if ((n > 1 && head[1] != 0x03) || (n > 2 && head[2] > 0x04) || (n > 3 && head[3] != 0) ||
		    (n > 4 && head[4] != 1) || (n > 5 && head[5] != 1))
			return v;
		return hp_classify_hello(head, n, 6, policy);
	}
	if (head[0] == 0x15 && at_start) {
		if ((n > 1 && head[1] != 0x03) || (n > 2 && head[2] > 0x04) || (n > 3 && head[3] != 0) ||
		    (n > 4 && head[4] != 2))
			return v;
		if (n < 6) {
			v.content = HP_CONTENT_UNDECIDED;
			return v;
		}
		/* A warning, such as unrecognized_name, may stand in front of the hello. */
		if (head[5] == 1)
			v = hp_classify_hello(head, n, 7, policy);
		if (v.content == HP_CONTENT_NONE) {
			v.content = HP_CONTENT_TLS_ALERT;
			v.limit = 7;
		}
		return v;
	}
	if (head[0] < 'B' || head[0] > 'U')
		return v;
	word = hp_first8(head);
	known = hp_mask8(n);
	HP_FORGET(known);
	m = hp_begins(word, known, n, HP_TOKEN('H', 'T', 'T', 'P', '/', '1', '.', 0), 7);
	if (m == 2) {
		v.content = HP_CONTENT_HTTP_RESPONSE;
		v.limit = policy->http_limit;
		v.scan = 1;
		return v;
	}
	if (m == 1)
		v.content = HP_CONTENT_UNDECIDED;
	m = hp_begins(word, known, n, HP_TOKEN('S', 'S', 'H', '-', 0, 0, 0, 0), 4);
	if (m == 2) {
		v.content = HP_CONTENT_SSH;
		v.limit = HP_SSH_LIMIT;
		v.scan = 1;
		return v;
	}
	if (m == 1)
		v.content = HP_CONTENT_UNDECIDED;
	m = hp_begins(word, known, n, HP_TOKEN('P', 'R', 'I', ' ', '*', ' ', 'H', 'T'), 8);
	if (m == 2) {
		v.content = HP_CONTENT_HTTP2;
		v.limit = HP_HTTP2_LIMIT;
		return v;
	}
	if (m == 1)
		v.content = HP_CONTENT_UNDECIDED;
	m = hp_http_method(word, known, n);
	HP_FORGET(m);
	/* A request for a tunnel: what comes through it is a stream of its own. */
	if (m & 2 && head[1] == 'O' && head[2] == 'N') {
		v.content = HP_CONTENT_PREFIX;
		v.limit = policy->http_limit;
		return v;
	}
	if (m & 2) {
		v.content = HP_CONTENT_HTTP_REQUEST;
		v.limit = policy->http_limit;
		v.scan = 1;
		return v;
	}
	if (m)
		v.content = HP_CONTENT_UNDECIDED;
	return v;
}

#define HP_DTLS_CERTIFICATE 11	/* of a handshake message's types: RFC 5246, 7.4 */

/*
 * Names a datagram by its first bytes: a QUIC long header of type Initial (RFC 9000, 17.2; RFC 9369,
 * 3.2 for version 2; Google's and Facebook's own versions number the types as version 1 does) or a
 * DTLS hello, or certificates, of epoch 0 (RFC 9147, 4 and 5; version 0100 is OpenSSL's of before the standard, which
 * Cisco's VPN still speaks). The fixed bit may be clear (RFC 9287), but only where the version alone
 * tells enough.
 */
static hp_always_inline __u8 hp_classify_datagram(const __u8 *head, __u32 n)
{
	__u32 version, type;

	if (n < 14)
		return HP_CONTENT_NONE;
	if (head[0] & 0x80) {
		version = (__u32)head[1] << 24 | (__u32)head[2] << 16 | (__u32)head[3] << 8 | head[4];
		type = head[0] >> 4 & 3;
		if (version == 0 || head[5] > 20)
			return HP_CONTENT_NONE;
		if (version == 0x6b3343cf)
			return type == 1 ? HP_CONTENT_QUIC : HP_CONTENT_NONE;
		if (!(head[0] & 0x40) && version != 1 && version >> 8 != 0xff0000)
			return HP_CONTENT_NONE;
		if (version != 1 && version >> 8 != 0xff0000 && version >> 8 != 0xfaceb0 &&
		    (version & 0x0f0f0f0f) != 0x0a0a0a0a && version >> 24 != 'Q' && version >> 24 != 'T')
			return HP_CONTENT_NONE;
		return type == 0 ? HP_CONTENT_QUIC : HP_CONTENT_NONE;
	}
	version = (__u32)head[1] << 8 | head[2];
	if (head[0] == 22 && (version >= 0xfefc || version == 0x0100) && version <= 0xfeff &&
	    head[3] == 0 && head[4] == 0 && ((head[13] >= 1 && head[13] <= 3) || head[13] == HP_DTLS_CERTIFICATE))
		return HP_CONTENT_DTLS;
	return HP_CONTENT_NONE;
}

#endif
