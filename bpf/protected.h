/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which packets cannot leave in clear. */
#ifndef EROUTE_PROTECTED_H
#define EROUTE_PROTECTED_H

#include "abi.h"
#include "kernel.h"
#include "parse.h"
#include "table.h"

/* Reports whether a packet that matched an eroute cannot leave in clear. */
static __always_inline int is_protected(const struct verdict *v)
{
	return v->action && v->action != ACT_PASS;
}

/*
 * Looks up the eroute of another form of the packet, without flows: a flow's trap protects the packet as well.
 * The verifier verifies a global function once. Returns 0, or -1 if the table is missing or changes all the time.
 */
__noinline int other_verdict(const struct packet *p, struct verdict *v)
{
	__u32 generation;

	if (!p || !v)
		return -1;
	__builtin_memset(v, 0, sizeof(*v));
	return table_lookup(p, v, &generation) ? -1 : 0;
}

#endif
