/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Local addresses. */
#ifndef EROUTE_ADDRESS_H
#define EROUTE_ADDRESS_H

#include "kernel.h"
#include "parse.h"

/*
 * Reports whether a packet's source may be a local address: a reply that arrived on this interface would be
 * delivered locally, or at least not forwarded. The lookup goes through all rules in order, so the
 * position of the rule for local addresses, and VRFs, do not matter. (A lookup in a table given by
 * id has the same result for a local address and for no route.) If the interface does not forward,
 * the kernel does not say.
 */
static __noinline int is_local_address(struct __sk_buff *skb, __u32 ifindex, const struct packet *p)
{
	struct fib_params fib = { .family = p->family, .ifindex = ifindex };
	long ret;

	__builtin_memcpy(fib.src, p->dst, 16);
	__builtin_memcpy(fib.dst, p->src, 16);
	ret = fib_lookup(skb, &fib, FIB_SKIP_NEIGH);
	return ret < 0 || ret == FIB_NOT_FWDED || ret == FIB_FWD_DISABLED;
}

#endif
