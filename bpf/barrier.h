/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The order in which a CPU reads what others write meanwhile. */
#ifndef EROUTE_BARRIER_H
#define EROUTE_BARRIER_H

#include "kernel.h"

/* Reads what others may write meanwhile, once, here. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

/* Set by the loader where the CPU reads in the program's order anyway, as x86 does. */
volatile const __u8 reads_in_order;

/* Nothing after it is read before what is before it. */
static __always_inline void read_barrier(void)
{
	__u64 order = 0;

	if (reads_in_order)
		asm volatile("" ::: "memory");
	else
		__sync_lock_test_and_set(&order, 1); /* an exchange is a full barrier */
}

#endif
