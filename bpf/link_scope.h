/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Traffic that a link itself needs, which eroutes for everything must not stop: neighbor and router discovery,
 * MLD, IGMP, link-local addresses and multicast, limited broadcast, DHCP. No router forwards it.
 */
#ifndef EROUTE_LINK_SCOPE_H
#define EROUTE_LINK_SCOPE_H

#include "kernel.h"
#include "load.h"
#include "origin.h"
#include "parse.h"

#define ICMPV6_MLD_QUERY 130
#define ICMPV6_MLD_DONE 132
#define ICMPV6_ROUTER_SOLICIT 133
#define ICMPV6_NEIGHBOR_REDIRECT 137
#define ICMPV6_MLD2_REPORT 143

/*
 * Reports whether the packet is from a privileged DHCP client: unicast renewals go to any address (RFC 2131
 * section 4.3.2, RFC 8415 section 18.2.4).
 */
static __always_inline int is_dhcp(struct __sk_buff *skb, const struct packet *p)
{
	__be16 client = p->family == AF_INET ? bpf_htons(68) : bpf_htons(546);
	__be16 server = p->family == AF_INET ? bpf_htons(67) : bpf_htons(547);

	return p->proto == IPPROTO_UDP && p->sport == client && p->dport == server &&
	       is_privileged(skb);
}

static __always_inline int is_link_scope4(const struct packet *p)
{
	if (p->dst[0] == 224 && !p->dst[1] && !p->dst[2])
		return 1;
	if (p->proto == IPPROTO_IGMP && p->dst[0] >> 4 == 14 && p->ttl == 1)
		return 1;
	return *(const __u32 *)p->dst == ~0U;
}

/* Reports whether the packet is of neighbor discovery, and has the hop limit that no router has lowered (RFC 4861). */
static __always_inline int is_discovery(const struct packet *p, __u8 type)
{
	return p->ttl == 255 && type >= ICMPV6_ROUTER_SOLICIT && type <= ICMPV6_NEIGHBOR_REDIRECT;
}

static __always_inline int is_mld(const struct packet *p, __u8 type)
{
	return p->ttl == 1 && p->dst[0] == 0xff &&
	       ((type >= ICMPV6_MLD_QUERY && type <= ICMPV6_MLD_DONE) ||
		type == ICMPV6_MLD2_REPORT);
}

static __always_inline int is_link_scope6(void *ctx, const enum hook hook, __u32 l3,
					  const struct packet *p)
{
	__u8 type;

	if (p->dst[0] == 0xff && (p->dst[1] & 15) <= 2)
		return 1;
	if (p->dst[0] == 0xfe && (p->dst[1] & 0xc0) == 0x80)
		return 1;
	if (p->proto != IPPROTO_ICMPV6 || load_bytes(ctx, hook, l3 + p->l4, &type, 1))
		return 0;
	return is_discovery(p, type) || is_mld(p, type);
}

/*
 * Reports whether a packet is link-scope traffic of this host. One that arrived on an interface is not, whatever
 * it looks like.
 */
static __always_inline int is_link_scope(struct __sk_buff *skb, __u32 l3, const struct packet *p)
{
	if (skb->ingress_ifindex)
		return 0;
	if (p->family == AF_INET ? is_link_scope4(p) : is_link_scope6(skb, HOOK_TC, l3, p))
		return 1;
	return is_dhcp(skb, p);
}

#endif
