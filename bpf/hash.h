/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One step of a hash. It begins with the table's secret seed, so that nobody can choose what collides. */
#ifndef EROUTE_HASH_H
#define EROUTE_HASH_H

#include "kernel.h"

static __always_inline __u64 mix(__u64 h, __u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

#endif
