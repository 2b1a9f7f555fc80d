/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Packets that arrive in clear at all times: ESP, AH and IKE to the gateway, and what the link itself needs. */
#ifndef EROUTE_INBOUND_EXEMPT_H
#define EROUTE_INBOUND_EXEMPT_H

#include "address.h"
#include "kernel.h"
#include "link_scope.h"
#include "parse.h"
#include "quoted.h"

static __always_inline int is_link_local6(const __u8 *addr)
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* Reports whether the packet is link-scope traffic that the kernel does not forward, whatever its destination. */
static __always_inline int stays_on_link(struct __sk_buff *skb, __u32 l3, const struct packet *p)
{
	if (p->family == AF_INET)
		return is_link_scope4(p);
	if (is_link_local6(p->src) || is_link_local6(p->dst))
		return 1;
	return p->dst[0] == 0xff && is_link_scope6(skb, HOOK_TC, l3, p);
}

/* Reports whether the packet is from a DHCP server to a client. */
static __always_inline int is_dhcp_reply(const struct packet *p)
{
	return p->proto == IPPROTO_UDP &&
	       (p->family == AF_INET ? p->sport == bpf_htons(67) && p->dport == bpf_htons(68)
				     : p->sport == bpf_htons(547) && p->dport == bpf_htons(546));
}

/*
 * Reports whether the packet arrives in clear if it is to an address of the gateway: ESP, AH, IKE with its later
 * fragments, which have no ports, unicast neighbor discovery, and DHCP. q is the packet with its ends exchanged.
 */
static __always_inline int is_clear_if_local(struct __sk_buff *skb, __u32 l3,
					     const struct packet *q)
{
	__u8 type;

	if (is_ike_or_ipsec(q) || (q->proto == IPPROTO_UDP && q->fragment == LATER_FRAGMENT))
		return 1;
	return q->family == AF_INET6 && q->proto == IPPROTO_ICMPV6 &&
	       !bpf_skb_load_bytes(skb, l3 + q->l4, &type, 1) && is_discovery(q, type);
}

static __always_inline int is_exempt_inbound(struct __sk_buff *skb, __u32 l3, struct packet *p)
{
	int exempt = is_dhcp_reply(p);

	if (stays_on_link(skb, l3, p))
		return 1;
	exchange_ends(p);
	exempt =
		(exempt || is_clear_if_local(skb, l3, p)) && is_local_address(skb, skb->ifindex, p);
	exchange_ends(p);
	return exempt;
}

#endif
