/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which addresses are the gateway's. */
#ifndef EROUTE_ADDRESS_H
#define EROUTE_ADDRESS_H

#include "kernel.h"
#include "parse.h"

/*
 * Whether a packet's source may be the gateway's own address: whether routing would keep its answer,
 * come in on this interface, or at least forward it nowhere. All rules are asked, in their order, so that the
 * place of the rule for local addresses, and VRFs, make no difference. (A table asked by its id gives the
 * same result for a local address as for none.) Where the interface does not forward the kernel does not say.
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
