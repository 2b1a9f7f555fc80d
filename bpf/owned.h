/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Owned words: words in elements of hashes, whose memory can be reused for another element while a
 * program holds a pointer to it. The top 16 bits of a word identify its owner. Programs change it
 * by compare and swap only, so a word of another owner is never changed.
 *
 * 63          48 47                                   0
 * +-------------+-------------------------------------+
 * | owner 15:0  | value: a count, or a time           |
 * +-------------+-------------------------------------+
 */
#ifndef EROUTE_OWNED_H
#define EROUTE_OWNED_H

#include "kernel.h"
#include "barrier.h"

#define OWNER_AT 48
#define OWNED_MASK ((1ULL << OWNER_AT) - 1)

/* Times in owned words have units of 64 ns. */
#define TICK_SHIFT 6
#define TICKS_PER_SECOND (1000000000 >> TICK_SHIFT)

static __always_inline __u64 owned(__u64 owner, __u64 value)
{
	return owner << OWNER_AT | (value & OWNED_MASK);
}

static __always_inline int is_owned(__u64 word, __u64 owner)
{
	return word >> OWNER_AT == (owner & 0xffff);
}

/*
 * Adds to a word of the owner. Retries if another CPU changes the word. A global function: the
 * verifier verifies it once, on its own.
 */
__noinline int add_owned(__u64 *word, __u64 owner, __u64 n)
{
	if (!word)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		__u64 old = READ_ONCE(*word);

		if (!is_owned(old, owner) ||
		    __sync_val_compare_and_swap(word, old, owned(owner, old + n)) == old)
			break;
	}
	return 0;
}

/* Sets a word of the owner, unless another CPU changes it at the same time. */
static __always_inline void set_owned(__u64 *word, __u64 owner, __u64 value)
{
	__u64 old = READ_ONCE(*word);

	if (is_owned(old, owner))
		__sync_val_compare_and_swap(word, old, owned(owner, value));
}

#endif
