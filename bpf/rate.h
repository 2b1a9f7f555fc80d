/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Rate limits by the generic cell rate algorithm. The state is one owned word (owned.h): the time
 * at which the next event would be due if events came evenly. Times can have any unit.
 */
#ifndef EROUTE_RATE_H
#define EROUTE_RATE_H

#include "barrier.h"
#include "kernel.h"
#include "owned.h"

/*
 * Returns how far the time in a word is ahead of now; 0: it has passed. It is never ahead by more than the
 * burst.
 */
static __always_inline __u64 rate_ahead(__u64 word, __u64 burst, __u64 now)
{
	__u64 ahead = (word - now) & OWNED_MASK;

	return ahead > burst ? 0 : ahead;
}

/*
 * Takes one event from the limit: one in each interval on average, and up to burst (a time) of them
 * at once. Returns whether it is allowed; not if the word has another owner. A global function, as
 * add_owned().
 */
__noinline int rate_allow(__u64 *word, __u64 owner, __u64 interval, __u64 burst, __u64 now)
{
	if (!word)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		__u64 old = READ_ONCE(*word);
		__u64 due = rate_ahead(old, burst, now) + interval;

		if (!is_owned(old, owner) || due > burst)
			return 0;
		if (__sync_val_compare_and_swap(word, old, owned(owner, now + due)) == old)
			return 1;
	}
	return 0;
}

#endif
