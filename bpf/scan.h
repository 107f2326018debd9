/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The second look, over the copied bytes: where does the header block or the key exchange end? Eight
 * bytes at a time and without branches on data, because the verifier walks every iteration. The
 * buffer must be readable up to the next multiple of eight behind len (bytes behind len are masked).
 */
#ifndef HP_SCAN_H
#define HP_SCAN_H

#include "bpf/window.h"

#define HP_SCAN_WORDS 1024	/* HP_MAX_HTTP / 8 */
#define HP_BANNER_WORDS 64

#define HP_LINE_LF 0x01		/* the last byte was LF */
#define HP_LINE_CR 0x02		/* the last byte was CR */
#define HP_LINE_LF_CR 0x04	/* the last two bytes were LF CR */
#define HP_LINE_LOST 0x80	/* bytes were seen out of order: the end cannot be told any more */

/* 0x80 in each byte of x that equals the byte repeated in `pattern`, exactly. */
static hp_always_inline __u64 hp_bytes_equal(__u64 x, __u64 pattern)
{
	const __u64 low = 0x7f7f7f7f7f7f7f7fULL;

	x ^= pattern;
	return ~(((x & low) + low) | x | low);
}

/* Index (0..7) of the lowest byte that is marked by 0x80; mask must not be 0. */
static hp_always_inline __u32 hp_first_marked(__u64 mask)
{
	/* The marks below the lowest one, counted: each byte of ones adds up in the top byte. */
	mask = ((mask & (0 - mask)) - 1) >> 7 & 0x0101010101010101ULL;
	return (__u32)(mask * 0x0101010101010101ULL >> 56);
}

/*
 * Looks for the empty line that ends a header block (LF LF or LF CR LF; RFC 9112, 2.2 allows a bare
 * LF) in data[0..len). *line_end carries what the bytes before ended with, and is updated. Result:
 * bytes up to and with the empty line, or 0 if it is not in here. room: what data holds at least, a
 * constant of the caller and at least len; only old verifiers need it: they follow the comparison with
 * len, which they do not know, both ways, and end the loop by its constant alone.
 */
static hp_always_inline __u32 hp_scan_headers(const __u8 *data, __u32 len, __u8 *line_end, const __u32 room)
{
	/* As if the bytes before data stood in the top of a word: LF at -1, CR at -1, LF CR at -2. */
	__u64 lf_before = (*line_end & HP_LINE_LF ? 0x80ULL << 56 : 0) |
			  (*line_end & HP_LINE_LF_CR ? 0x80ULL << 48 : 0);
	__u64 cr_before = *line_end & (HP_LINE_CR | HP_LINE_LF_CR) ? 0x80ULL << 56 : 0;
	__u64 word, lf, cr, end;
	__u64 i, at;
	__u32 left;

	HP_FORGET(lf_before);
	HP_FORGET(cr_before);
	for (i = 0; i < HP_SCAN_WORDS && i < room / 8; i++) {
		HP_OPAQUE(i);
		if (i * 8 + 8 > len)
			break;
		word = HP_LOAD64(data + i * 8);
		lf = hp_bytes_equal(word, 0x0a0a0a0a0a0a0a0aULL);
		cr = hp_bytes_equal(word, 0x0d0d0d0d0d0d0d0dULL);
		end = lf & ((lf << 8 | lf_before >> 56) |
			    ((cr << 8 | cr_before >> 56) & (lf << 16 | lf_before >> 48)));
		if (end) {
			at = i * 8;
			HP_FORGET(at);
			return (__u32)at + hp_first_marked(end) + 1;
		}
		lf_before = lf;
		cr_before = cr;
	}
	at = i * 8;
	HP_FORGET(at);
	left = len - (__u32)at;
	if (at < HP_SCAN_WORDS * 8 && at < room && at < len && left < 8) {
		word = HP_LOAD64(data + at) & ((1ULL << (left * 8)) - 1);
		lf = hp_bytes_equal(word, 0x0a0a0a0a0a0a0a0aULL);
		cr = hp_bytes_equal(word, 0x0d0d0d0d0d0d0d0dULL);
		end = lf & ((lf << 8 | lf_before >> 56) |
			    ((cr << 8 | cr_before >> 56) & (lf << 16 | lf_before >> 48)));
		if (end)
			return (__u32)at + hp_first_marked(end) + 1;
		/* Shift the short word up, so that its last byte stands on top. */
		lf_before = lf << (64 - left * 8) | lf_before >> (left * 8);
		cr_before = cr << (64 - left * 8) | cr_before >> (left * 8);
	}
	*line_end = (__u8)((lf_before >> 63 ? HP_LINE_LF : 0) | (cr_before >> 63 ? HP_LINE_CR : 0) |
			   (cr_before >> 63 && (lf_before >> 55 & 1) ? HP_LINE_LF_CR : 0));
	return 0;
}

/* Looks for the LF that ends an SSH banner (RFC 4253, 4.2). Result: bytes up to and with it, or 0. */
static hp_always_inline __u32 hp_scan_banner(const __u8 *data, __u32 len)
{
	__u64 word, lf, i, at;

	for (i = 0; i < HP_BANNER_WORDS; i++) {
		HP_OPAQUE(i);
		if (i * 8 >= len)
			break;
		word = HP_LOAD64(data + i * 8);
		lf = hp_bytes_equal(word, 0x0a0a0a0a0a0a0a0aULL);
		if (lf) {
			at = i * 8;
			HP_FORGET(at);
			at += hp_first_marked(lf) + 1;
			return at <= len ? (__u32)at : 0;
		}
	}
	return 0;
}

/*
 * Checksum of a copy (hp_packet.checksum): not for security, only to notice that bytes changed between
 * the load and the reader. Reads to the next multiple of eight; bytes behind len do not count. room as
 * in hp_scan_headers().
 */
static hp_always_inline __u32 hp_checksum_room(const __u8 *data, __u32 len, const __u32 room)
{
	__u64 sum = 0x9e3779b97f4a7c15ULL ^ len;
	__u64 i, at;
	__u32 left;

	for (i = 0; i < room / 8; i++) {
		if (i * 8 + 8 > len)
			break;
		sum = (sum ^ HP_LOAD64(data + i * 8)) * 0xff51afd7ed558ccdULL;
		sum ^= sum >> 29;
	}
	at = i * 8;
	HP_FORGET(at);
	left = len - (__u32)at;
	if (at < room && at < len && left < 8) {
		sum = (sum ^ (HP_LOAD64(data + at) & ((1ULL << (left * 8)) - 1))) * 0xff51afd7ed558ccdULL;
		sum ^= sum >> 29;
	}
	return (__u32)(sum >> 32) ^ (__u32)sum;
}

static hp_always_inline __u32 hp_checksum(const __u8 *data, __u32 len)
{
	return hp_checksum_room(data, len, HP_MAX_COPY);
}

#endif
