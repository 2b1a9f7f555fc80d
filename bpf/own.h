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

/* Whether an SA's edst is the packet's destination. */
static __always_inline int is_to_peer(__u32 slot, const struct packet *p)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);

	if (!sa || sa->family != p->family)
		return 0;
	if (p->family == AF_INET)
		return !__builtin_memcmp(sa->edst, p->dst, 4);
	return !__builtin_memcmp(sa->edst, p->dst, 16);
}

/*
 * Whether the key exchange goes before what the table says: always, but for %drop and
 * for an SA that leads elsewhere than to the packet's destination.
 */
static __always_inline int yields_to_key_exchange(const struct verdict *v, const struct packet *p)
{
	return v->action != ACT_DROP && (v->action != ACT_SA || is_to_peer(v->sa, p));
}

/*
 * Whether a packet is the gateway's own key exchange and goes before what the table says. One that
 * came in on an interface is forwarded, whatever source it claims.
 */
static __always_inline int is_exempt(struct __sk_buff *skb, const struct packet *p,
				     const struct verdict *v)
{
	return is_key_exchange(p) && !skb->ingress_ifindex && yields_to_key_exchange(v, p) &&
	       is_own_address(skb, p);
}

#endif
