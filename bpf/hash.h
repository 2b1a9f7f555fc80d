/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Keyed hashes. NH (of UMAC, RFC 4418) adds a secret key to each 32-bit word, multiplies pairs of
 * words, and adds the products. Two inputs collide for one in 2^32 choices of the keys, even if an
 * attacker chooses the inputs. Multiplication by a secret odd factor (multiply-shift) then spreads
 * the sums: the high n bits of two different sums are equal for two in 2^n factors. Hash tables use
 * the high bits.
 */
#ifndef EROUTE_HASH_H
#define EROUTE_HASH_H

#include "kernel.h"

/* Words of an object of another type. */
typedef __u32 __attribute__((may_alias)) any32;
typedef __u64 __attribute__((may_alias)) any64;

static __always_inline __u64 hash_pair(__u32 a, __u32 b, const __u32 *keys)
{
	return (__u64)(a + keys[0]) * (__u32)(b + keys[1]);
}

/* Two pairs: 16 bytes, aligned to 4. */
static __always_inline __u64 hash_address6(const __u8 *address, const __u32 *keys)
{
	const any32 *words = (const any32 *)address;

	return hash_pair(words[0], words[1], keys) + hash_pair(words[2], words[3], keys + 2);
}

static __always_inline __u64 spread(__u64 sum, __u64 factor)
{
	return (sum ^ sum >> 32) * factor;
}

/* Maps a hash's high bits to a number below n. */
static __always_inline __u32 below(__u64 h, __u32 n)
{
	return ((h >> 32) * n) >> 32;
}

#endif
