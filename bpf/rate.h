/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How often something may be done. */
#ifndef EROUTE_RATE_H
#define EROUTE_RATE_H

#include "kernel.h"
#include "barrier.h"

/*
 * Whether it may be done now: once in an interval, and burst times at once. next is when the
 * one after this would be due if they came evenly (the generic cell rate algorithm).
 */
static __always_inline int take_turn(__u64 *next, __u64 interval, __u64 burst, __u64 now)
{
	for (int i = 0; i < 8; i++) {
		__u64 old = READ_ONCE(*next);
		__u64 due = old > now ? old : now;

		if (due + interval > now + burst * interval)
			return 0;
		if (__sync_val_compare_and_swap(next, old, due + interval) == old)
			return 1;
	}
	return 0;
}

#endif
