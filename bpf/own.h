/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The gateway's own key exchange, which an eroute must not swallow. */
#ifndef EROUTE_OWN_H
#define EROUTE_OWN_H

#include "maps.h"
#include "parse.h"

/*
 * Whether an address is the gateway's own. With the reject mark, routing knows only
 * local addresses and "prohibit", so what is not forwarded is local; kernels before
 * 6.10 refuse the flag, and there an address without a route counts as local too.
 */
static __noinline int is_own_address(struct __sk_buff *skb, const struct packet *p)
{
	struct fib_params fib = { .family = p->family, .ifindex = skb->ifindex };
	long ret;

	__builtin_memcpy(fib.src, p->src, 16);
	__builtin_memcpy(fib.dst, p->src, 16);
	fib.mark = REJECT_MARK;
	ret = fib_lookup(skb, &fib, FIB_SKIP_NEIGH | FIB_MARK);
	if (ret == -EINVAL) {
		fib.mark = 0;
		ret = fib_lookup(skb, &fib, FIB_SKIP_NEIGH);
	}
	return ret == FIB_NOT_FWDED;
}

/* A packet that came in on an interface is forwarded, whatever source it claims. */
static __always_inline int is_own_key_exchange(struct __sk_buff *skb, const struct packet *p)
{
	return is_key_exchange(p) && !skb->ingress_ifindex && is_own_address(skb, p);
}

/*
 * Whether the key exchange goes before what the table says: always, but for %drop and
 * for an SA that leads elsewhere than to the packet's destination.
 */
static __always_inline int yields_to_key_exchange(const struct verdict *v)
{
	return v->action != ACT_DROP && (v->action != ACT_SA || v->to_peer);
}

#endif
