/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The gateway's own IKE, ESP and AH, which an eroute must not encrypt or drop. */
#ifndef EROUTE_IKE_H
#define EROUTE_IKE_H

#include "abi.h"
#include "address.h"
#include "edst.h"
#include "kernel.h"
#include "output.h"
#include "maps.h"
#include "origin.h"
#include "parse.h"

/*
 * Reports whether local IKE takes precedence over a verdict: always, except over %drop and an SA to another
 * peer.
 */
static __always_inline int yields_to_ike(const struct verdict *v, const struct packet *p)
{
	return v->action != ACT_DROP &&
	       (v->action != ACT_SA || is_edst(v->sa, p->family, (const void *)p->dst));
}

/*
 * Reports whether a packet is local IKE, ESP or AH and takes precedence over the table. Later fragments of
 * UDP have no ports: their origin decides. by_xfrm: whether XFRM can have made it.
 */
static __always_inline int is_local_ike(struct __sk_buff *skb, const struct device *dev,
					const struct packet *p, const struct verdict *v,
					const bool by_xfrm)
{
	if (!is_ike_or_ipsec(p) && !(p->proto == IPPROTO_UDP && p->fragment == LATER_FRAGMENT))
		return 0;
	if (!yields_to_ike(v, p))
		return 0;
	if (!is_from_key_manager(skb, p) &&
	    (!by_xfrm || !is_made_by_xfrm(bpf_cast_to_kern_ctx(skb), skb->protocol)))
		return 0;
	return is_local_address(skb, dev->physical, p);
}

#endif
