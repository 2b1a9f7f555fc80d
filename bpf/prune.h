/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The verifier follows each branch, and the code after it again for each state of registers and
 * stack that it has not verified yet. These make the states equal, at the cost of one or two
 * instructions for a packet.
 */
#ifndef EROUTE_PRUNE_H
#define EROUTE_PRUNE_H

#include "kernel.h"

/*
 * Returns x with a value that is unknown to the verifier (as OPTIMIZER_HIDE_VAR is for a compiler):
 * else it would verify the following code for each value of x. unknown is any value that the
 * verifier does not know.
 */
static __always_inline __u64 hide_from_verifier(__u64 x, __u64 unknown)
{
	asm volatile("%0 ^= %1\n%0 ^= %1"
		     : "+&r"(x)
		     : "r"(unknown)); /* &: in different registers */
	return x;
}

/*
 * All ones if x is not 0. In assembler, so that clang makes no branch, which the verifier would
 * follow both ways.
 */
static __always_inline __u64 if_set(__u64 x)
{
	x |= -x;
	asm volatile("%0 s>>= 63" : "+r"(x));
	return x;
}

/*
 * All ones if bit n is set, n < 64; else 0. For a mask in place of a branch.
 */
static __always_inline __u64 if_bit(__u64 bits, __u32 n)
{
	bits <<= 63 - n;
	asm volatile("%0 s>>= 63" : "+r"(bits));
	return bits;
}

#endif
