/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Bit operations that BPF has no instructions for. */
#ifndef EROUTE_BITS_H
#define EROUTE_BITS_H

#include "kernel.h"

/* The number of the lowest set bit, by a de Bruijn sequence. */
static const __u8 bit_numbers[64] = {
	0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,  34, 55, 48, 28, 62, 5,  39, 46, 44, 42,
	22, 9,  24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
	23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
};

static __always_inline __u32 lowest_bit(__u64 word)
{
	return bit_numbers[((word & -word) * 0x022fdd63cc95386dULL) >> 58];
}

/* Reports whether more than two bits are set. */
static __always_inline int are_many(__u64 word)
{
	word &= word - 1;
	return (word & (word - 1)) != 0;
}

#endif
