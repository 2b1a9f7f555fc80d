/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Keyed hashes. NH (from UMAC, RFC 4418): each pair of 32-bit words, with a secret key added to each, is
 * multiplied, and the products are added. Two inputs have the same sum for one in 2^32 choices of the keys,
 * whoever chooses the inputs. A multiplication by a secret odd factor then spreads the sums (multiply-shift):
 * two different sums have the same highest n bits for two in 2^n factors. A place in a table is taken from the
 * highest bits.
 */
#ifndef EROUTE_HASH_H
#define EROUTE_HASH_H

#include "kernel.h"

/* Words of something that is written as another type. */
typedef __u32 __attribute__((may_alias)) any32;
typedef __u64 __attribute__((may_alias)) any64;

static __always_inline __u64 hash_pair(__u32 a, __u32 b, const __u32 *keys)
{
	return (__u64)(a + keys[0]) * (__u32)(b + keys[1]);
}

/* Two pairs, of 16 bytes that are aligned as words. */
static __always_inline __u64 hash_address6(const __u8 *address, const __u32 *keys)
{
	const any32 *words = (const any32 *)address;

	return hash_pair(words[0], words[1], keys) + hash_pair(words[2], words[3], keys + 2);
}

static __always_inline __u64 spread(__u64 sum, __u64 factor)
{
	return (sum ^ sum >> 32) * factor;
}

#endif
