/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Streams in which TLS comes later: what a client says to a proxy, or both sides before they agree on
 * encryption. Only the first bytes are judged here, which keeps a window open for the hello behind
 * them; user space reads the rest. A wrong guess costs HP_PREFIX_LIMIT bytes a direction.
 */
#ifndef HP_PREFIX_H
#define HP_PREFIX_H

#include "bpf/classify.h"

/* Eight bytes from `at` (0..8) on of the sixteen in two words. */
static hp_always_inline __u64 hp_word_at(__u64 low, __u64 high, __u32 at)
{
	__u32 shift = at * 8;

	if (shift == 0)
		return low;
	if (shift >= 64)
		return high;
	return low >> shift | high << (64 - shift);
}

/*
 * As hp_begins() over the lines that mail, file transfer and XMPP begin with, in any case: bit 1 yes,
 * bit 0 perhaps. word: in lower case.
 */
static hp_always_inline __u32 hp_prefix_line(__u64 word, __u64 known, __u32 n)
{
	__u32 best = 0;

#define HP_LINE(token, len) best |= hp_begins(word, known, n, token, len)
	switch (word & 0xff) {
	case '2':
		HP_LINE(HP_TOKEN('2', '2', '0', ' ', 0, 0, 0, 0), 4);
		HP_LINE(HP_TOKEN('2', '2', '0', '-', 0, 0, 0, 0), 4);
		break;
	case '+':
		HP_LINE(HP_TOKEN('+', 'o', 'k', 0, 0, 0, 0, 0), 3);
		break;
	case '*':
		HP_LINE(HP_TOKEN('*', ' ', 'o', 'k', ' ', 0, 0, 0), 5);
		HP_LINE(HP_TOKEN('*', ' ', 'p', 'r', 'e', 'a', 'u', 't'), 8);
		break;
	case '<':
		HP_LINE(HP_TOKEN('<', '?', 'x', 'm', 'l', ' ', 0, 0), 6);
		HP_LINE(HP_TOKEN('<', 's', 't', 'r', 'e', 'a', 'm', ':'), 8);
		break;
	case 'a':
		HP_LINE(HP_TOKEN('a', 'u', 't', 'h', ' ', 0, 0, 0), 5);
		break;
	case 'c':
		HP_LINE(HP_TOKEN('c', 'a', 'p', 'a', 0, 0, 0, 0), 4);
		break;
	case 'e':
		HP_LINE(HP_TOKEN('e', 'h', 'l', 'o', ' ', 0, 0, 0), 5);
		break;
	case 'f':
		HP_LINE(HP_TOKEN('f', 'e', 'a', 't', 0, 0, 0, 0), 4);
		break;
	case 'h':
		HP_LINE(HP_TOKEN('h', 'e', 'l', 'o', ' ', 0, 0, 0), 5);
		HP_LINE(HP_TOKEN('h', 'o', 's', 't', ' ', 0, 0, 0), 5);
		break;
	case 'l':
		HP_LINE(HP_TOKEN('l', 'h', 'l', 'o', ' ', 0, 0, 0), 5);
		break;
	case 'o':
		HP_LINE(HP_TOKEN('o', 'p', 't', 's', ' ', 0, 0, 0), 5);
		break;
	case 'p':
		HP_LINE(HP_TOKEN('p', 'r', 'o', 'x', 'y', ' ', 0, 0), 6);
		break;
	case 's':
		HP_LINE(HP_TOKEN('s', 't', 'l', 's', 0, 0, 0, 0), 4);
		break;
	case 'u':
		HP_LINE(HP_TOKEN('u', 's', 'e', 'r', ' ', 0, 0, 0), 5);
		break;
	}
#undef HP_LINE
	return best;
}

/* The same for a client of IMAP: a tag of its own choice, a blank, and a command. */
static hp_always_inline __u32 hp_prefix_imap(__u64 low, __u64 high, __u32 n)
{
	__u64 blank = low ^ 0x2020202020202020ULL, word, known;
	__u32 best = 0, at, left;

	HP_FORGET(n);
	/* 0x80 in each byte that is a blank. */
	blank = ~(((blank & 0x7f7f7f7f7f7f7f7fULL) + 0x7f7f7f7f7f7f7f7fULL) | blank | 0x7f7f7f7f7f7f7f7fULL);
	if (blank == 0) {
		/* So far a tag: neither blanks nor line ends nor bytes of no text. */
		known = hp_mask8(n) & 0x8080808080808080ULL;
		word = ((low | 0x8080808080808080ULL) - 0x2e2e2e2e2e2e2e2eULL) & ~low & known;
		return n < 8 && word == known;
	}
	blank = ((blank & (0 - blank)) - 1) >> 7 & 0x0101010101010101ULL;
	at = (__u32)(blank * 0x0101010101010101ULL >> 56) + 1;
	HP_FORGET(at);
	if (at < 2 || at > 8)
		return 0;
	if (n <= at)
		return 1;
	left = n - at < 8 ? n - at : 8;
	HP_FORGET(left);
	left = left & 15 ? left & 15 : 8;
	word = hp_word_at(low, high, at) | 0x2020202020202020ULL;
	known = hp_mask8(left);
	HP_FORGET(word);
	HP_FORGET(known);
#define HP_COMMAND(token, len) best |= hp_begins(word, known, left, token, len)
	HP_COMMAND(HP_TOKEN('c', 'a', 'p', 'a', 'b', 'i', 'l', 'i'), 8);
	HP_COMMAND(HP_TOKEN('s', 't', 'a', 'r', 't', 't', 'l', 's'), 8);
	HP_COMMAND(HP_TOKEN('l', 'o', 'g', 'i', 'n', ' ', 0, 0), 6);
	HP_COMMAND(HP_TOKEN('a', 'u', 't', 'h', 'e', 'n', 't', 'i'), 8);
	HP_COMMAND(HP_TOKEN('i', 'd', ' ', '(', 0, 0, 0, 0), 4);
	HP_COMMAND(HP_TOKEN('n', 'o', 'o', 'p', 0, 0, 0, 0), 4);
#undef HP_COMMAND
	return best;
}

/* An LDAP message (RFC 4511, 4.1.1): a sequence of a message id and an operation. Result likewise. */
static hp_always_inline __u32 hp_prefix_ldap(__u64 low, __u64 high, __u32 n)
{
	__u32 size = low >> 8 & 0xff, at = 2, id, operation;
	__u64 word;

	/* A length of more than 127 says how many bytes it takes (X.690, 8.1.3.5). */
	if (size & 0x80)
		at += size & 7;
	HP_FORGET(at);
	if (at > 6)
		return 0;
	if (n < at + 4)
		return 1;
	word = hp_word_at(low, high, at);
	id = word >> 8 & 0xff;
	if ((word & 0xff) != 2 || id == 0 || id > 4)
		return 0;
	if (n < at + 3 + id)
		return 1;
	operation = word >> (16 + (id & 7) * 8) & 0xff;
	return operation == 0x60 || operation == 0x61 || operation == 0x63 || operation == 0x64 ||
	       operation == 0x65 || operation == 0x77 || operation == 0x78 ? 2 : 0;
}

/*
 * The binary ones, told by their first bytes, of which n (at least 1) are known: bit 1 yes, bit 0
 * perhaps.
 */
static hp_always_inline __u32 hp_prefix_binary(const __u8 *head, __u64 low, __u64 high, __u32 n)
{
	__u64 known = hp_mask8(n);
	__u32 best;

	switch (head[0]) {
	case 0x00:	/* PostgreSQL's SSLRequest and GSSENCRequest; SOCKS4's answer */
		HP_FORGET(known);
		best = hp_begins(low, known, n, HP_TOKEN(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f), 8);
		best |= hp_begins(low, known, n, HP_TOKEN(0, 0, 0, 8, 4, 0xd2, 0x16, 0x30), 8);
		if (n > 1 && head[1] >= 0x5a && head[1] <= 0x5d)
			best = 2;
		return best;
	case 0x03:	/* RDP: TPKT with an X.224 connection request or confirm */
		if (n < 6)
			return n < 2 || head[1] == 0;
		return head[1] == 0 && head[2] < 2 && (head[5] == 0xe0 || head[5] == 0xd0) ? 2 : 0;
	case 0x04:	/* SOCKS4's request; the answer to TDS's pre-login */
		if (n < 2)
			return 1;
		return head[1] == 1 || head[1] == 2 ? 2 : 0;
	case 0x05:	/* SOCKS5's greeting or its answer; not DCE/RPC, whose version 5.0 is followed by a type */
		if (n < 2)
			return 1;
		if (head[1] == 0)
			return n < 3 || head[2] == 5 ? 2 : 0;
		return head[1] <= 16 || head[1] == 0xff ? 2 : 0;
	case 0x0d:	/* PROXY protocol version 2 */
		HP_FORGET(known);
		best = hp_begins(low, known, n, HP_TOKEN(0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 'Q'), 8);
		if (best == 2 && n < 12)
			return 1;
		return best == 2 && (__u32)high != 0x0a544955 ? 0 : best;
	case 0x12:	/* TDS's pre-login: one packet, or the first of several */
		if (n < 8)
			return n < 2 || head[1] <= 1;
		return head[1] <= 1 && head[4] == 0 && head[5] == 0 ? 2 : 0;
	case 'N':	/* PostgreSQL's answers, each a byte: no GSSAPI, but TLS */
		return n > 1 && head[1] == 'S' && (n < 3 || head[2] == 0x16) ? 2 : 0;
	case 'S':
		return n > 1 && head[1] == 0x16 ? 2 : 0;
	case 0x30:
		best = hp_prefix_ldap(low, high, n);
		HP_FORGET(best);
		return best;
	}
	return 0;
}

/* MySQL: the server's greeting (packet 0, version 10, a number) or the client's wish for TLS (packet 1). */
static hp_always_inline __u32 hp_prefix_mysql(const __u8 *head, __u32 n)
{
	if (n < 7)
		return (n > 2 || (head[0] == 32 && (n < 2 || head[1] == 0))) && (n < 3 || head[2] == 0) &&
		       (n < 4 || head[3] <= 1);
	if (head[2] != 0)
		return 0;
	if (head[3] == 0)
		return head[1] < 4 && head[4] == 10 && head[5] >= '0' && head[5] <= '9' ? 2 : 0;
	return head[0] == 32 && head[1] == 0 && head[3] == 1 && head[5] & 8 ? 2 : 0;
}

/*
 * The first n (1..16) bytes of a stream that hp_classify() does not know. Result: HP_CONTENT_PREFIX,
 * HP_CONTENT_UNDECIDED or HP_CONTENT_NONE.
 */
static hp_always_inline struct hp_verdict hp_classify_prefix(const __u8 *head, __u32 n,
							     const struct hp_policy *policy)
{
	struct hp_verdict v = { HP_CONTENT_NONE, 0, 0, 0 };
	__u64 low, high, known, lower;
	__u32 best;

	if (n == 0)
		return v;
	low = HP_LOAD64(head);
	high = HP_LOAD64(head + 8);
	best = hp_prefix_binary(head, low, high, n);
	HP_FORGET(best);
	HP_FORGET(n);
	HP_FORGET(low);
	HP_FORGET(high);
	if (best == 0) {
		known = hp_mask8(n);
		lower = low | 0x2020202020202020ULL;
		HP_FORGET(known);
		best = hp_prefix_line(lower, known, n);
		HP_FORGET(best);
	}
	if (best == 0) {
		best = hp_prefix_imap(low, high, n);
		HP_FORGET(best);
		HP_FORGET(n);
	}
	if (best == 0) {
		best = hp_prefix_mysql(head, n);
		HP_FORGET(best);
		HP_FORGET(n);
	}
	if (best == 0)
		return v;
	if (!(best & 2)) {
		v.content = HP_CONTENT_UNDECIDED;
		return v;
	}
	v.content = HP_CONTENT_PREFIX;
	v.limit = HP_PREFIX_LIMIT;
	/* Behind PROXY stands anything, and often in the same segment. */
	if (head[0] == 0x0d || head[0] == 'P')
		v.limit = policy->http_limit;
	if (policy->mode == HP_MODE_CERTIFICATES)
		v.limit = policy->certificate_limit;
	return v;
}

#endif
