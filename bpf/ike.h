/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The gateway's own key exchange, which an eroute must not swallow. */
#ifndef EROUTE_IKE_H
#define EROUTE_IKE_H

#include "abi.h"
#include "address.h"
#include "kernel.h"
#include "output.h"
#include "maps.h"
#include "origin.h"
#include "parse.h"

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
static __always_inline int yields_to_ike(const struct verdict *v, const struct packet *p)
{
	return v->action != ACT_DROP && (v->action != ACT_SA || is_to_peer(v->sa, p));
}

/*
 * Whether a packet is key exchange that the gateway itself has made, and goes before what the table says.
 * Later fragments of UDP show no ports: their origin tells.
 */
static __always_inline int is_local_ike(struct __sk_buff *skb, const struct device *dev,
					const struct packet *p, const struct verdict *v)
{
	if (!is_ike_or_ipsec(p) && !(p->proto == IPPROTO_UDP && p->later_fragment))
		return 0;
	if (!yields_to_ike(v, p))
		return 0;
	if (!is_from_key_manager(skb, p) && !is_made_by_xfrm(skb, p))
		return 0;
	return is_local_address(skb, dev->physical, p);
}

#endif
