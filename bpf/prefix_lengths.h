/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sets of prefix lengths, in the index. A set has a bit for each number of host bits, the longest prefix in bit 0.
 * For IPv6 that is exact from /48 to /64; other bits stand for several lengths.
 */
#ifndef EROUTE_PREFIX_LENGTHS_H
#define EROUTE_PREFIX_LENGTHS_H

#include "abi.h"
#include "barrier.h"
#include "bits.h"
#include "kernel.h"
#include "prune.h"

/* The first number of host bits of a bit; the last one is before that of the next bit. */
static const __u8 first_hostbits6[65] = { 0,   1,   9,   17,  25,  33,  41,  49,  57,  64,  65,
					  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,
					  77,  78,  79,  80,  81,  84,  87,  90,  93,  96,  99,
					  102, 105, 108, 111, 114, 117, 120, 123, 126, 129, 132,
					  135, 138, 141, 144, 147, 150, 153, 156, 159, 162, 165,
					  168, 171, 174, 177, 180, 183, 186, 189, 192, 195 };

static __always_inline __u32 first_hostbits(__u32 bit, const bool v6)
{
	return v6 ? first_hostbits6[bit] : bit;
}

/* The prefix lengths that are not within one block of this many bits. */
static __always_inline __u64 shorter_than(__u32 bits, const bool v6)
{
	return ~0ULL << ((v6 ? 74 : 33) - bits);
}

static __always_inline __u32 block_bits(const bool v6)
{
	return v6 ? INDEX_BLOCK6 : INDEX_BLOCK4;
}

/* Numbers of host bits not tried yet, of one bit of a set of prefix lengths. */
struct hostbits {
	__u8 next;
	__u8 end; /* next == end: none left */
};

/*
 * Takes the next number of host bits, the longest prefix first. Returns it, or -1 if none is left.
 */
static __always_inline int next_hostbits(struct hostbits *h, __u64 *lens, const bool v6)
{
	__u32 bit;

	if (h->next == h->end) {
		bit = hide_from_verifier(lowest_bit(*lens), *lens) & 63;

		if (!*lens)
			return -1;
		*lens &= *lens - 1;
		h->next = first_hostbits(bit, v6);
		h->end = first_hostbits(bit + 1, v6);
	}
	bit = READ_ONCE(h->next); /* a load makes it unknown to the verifier on both paths */
	h->next = bit + 1;
	return bit;
}

#endif
