/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Memory ordering between CPUs. */
#ifndef EROUTE_BARRIER_H
#define EROUTE_BARRIER_H

#include "kernel.h"

/* Reads once, here, what other CPUs can write at any time. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

/* Set by the loader on CPUs that do not reorder loads, such as x86. */
volatile const __u8 reads_in_order;

/* Load-load barrier. */
static __always_inline void read_barrier(void)
{
	__u64 order = 0;

	if (reads_in_order)
		asm volatile("" ::: "memory");
	else
		__sync_lock_test_and_set(&order, 1); /* an exchange is a full barrier */
}

#endif
