/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Words in elements of hashes, whose memory may become another element while a program holds a pointer to it.
 * The highest bits of such a word say whose it is, and programs change it by compare and swap only: if it has
 * become another's, the change does not happen.
 */
#ifndef EROUTE_OWNED_H
#define EROUTE_OWNED_H

#include "kernel.h"
#include "barrier.h"

#define OWNER_AT 48
#define OWNED_MASK ((1ULL << OWNER_AT) - 1)

/* Times in owned words are in ticks of 64 ns. */
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

/* Adds to a word, if it is the owner's. Others that add at the same time make it try again. */
static __always_inline void add_owned(__u64 *word, __u64 owner, __u64 n)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		__u64 old = READ_ONCE(*word);

		if (!is_owned(old, owner) ||
		    __sync_val_compare_and_swap(word, old, owned(owner, old + n)) == old)
			return;
	}
}

/* Sets a word, if it is the owner's and nobody else sets it at the same time. */
static __always_inline void set_owned(__u64 *word, __u64 owner, __u64 value)
{
	__u64 old = READ_ONCE(*word);

	if (is_owned(old, owner))
		__sync_val_compare_and_swap(word, old, owned(owner, value));
}

#endif
