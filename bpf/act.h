/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What happens to a packet on the ipsec device: encrypted, sent in clear, answered or dropped. */
#ifndef EROUTE_ACT_H
#define EROUTE_ACT_H

#include "count.h"

/* Set by the loader. Without it the branch that calls the kfunc is pruned. */
volatile const __u8 have_xfrm_info;

static __always_inline int drop(__u32 reason, const struct amount *a)
{
	count_reason(reason, a);
	return TC_ACT_SHOT;
}

/*
 * The next hop of the best route through the physical device. Returns 0, or -1 if there
 * is none, or its link-layer address is not known.
 */
static __always_inline int next_hop(struct __sk_buff *skb, __u32 physical, const struct packet *p,
				    struct bpf_redir_neigh *to)
{
	struct fib_params fib = { .family = p->family, .ifindex = physical };
	long ret;

	__builtin_memcpy(fib.src, p->src, 16);
	__builtin_memcpy(fib.dst, p->dst, 16);
	ret = fib_lookup(skb, &fib, FIB_OUTPUT);
	if (ret != FIB_SUCCESS || fib.ifindex != physical)
		return -1;
	to->nh_family = fib.family;
	__builtin_memcpy(to->ipv6_nh, fib.dst, 16);
	return 0;
}

/*
 * In clear, out of the physical device. Without a next hop the kernel looks for a route
 * itself, and then lets policies of key managers act on the packet; with one it loses the
 * packets that wait for the link-layer address. It wants room for a header first.
 */
static __always_inline int send_in_clear(struct __sk_buff *skb, const struct device *dev,
					 const struct packet *p, __u32 reason,
					 const struct amount *a)
{
	struct bpf_redir_neigh to = {};
	__u32 physical = dev->physical;
	long ret;

	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return drop(REASON_ERROR, a);
	if (next_hop(skb, physical, p, &to))
		ret = bpf_redirect_neigh(physical, NULL, 0, 0);
	else
		ret = bpf_redirect_neigh(physical, &to, sizeof(to), 0);
	if (ret == TC_ACT_SHOT)
		return drop(REASON_ERROR, a);
	count_reason(reason, a);
	return ret;
}

/* The if_id of an eroute's SA; 0: it is not there. */
static __always_inline __u32 find_sa(__u32 slot)
{
	struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);

	return sa ? sa->if_id : 0;
}

/*
 * To XFRM: the if_id selects the one policy whose template pins the SA. The kernel
 * drops the packet when policy or SA are gone by then, and when the way to the peer
 * leads into the ipsec device again: it takes that for a loop, whatever info.link says.
 */
static __always_inline int encrypt(struct __sk_buff *skb, const struct device *dev, __u32 slot,
				   const struct amount *a)
{
	struct bpf_xfrm_info info = {};
	__u32 if_id;

	if (!have_xfrm_info || !dev->has_xfrm)
		return drop(REASON_NO_XFRM, a);
	if_id = find_sa(slot);
	if (!if_id)
		return drop(REASON_SA_MISSING, a);
	info.if_id = if_id;
	if (have_xfrm_info && bpf_skb_set_xfrm_info(skb, &info))
		return drop(REASON_ERROR, a);
	count_reason(REASON_SA, a);
	return TC_ACT_OK;
}

/*
 * The mark makes routing answer "prohibited": the kernel's own ICMP error, with its
 * source, limits and quotation. The packet comes in on the ipsec device for that.
 * The kernel would answer later fragments, too, if they are IPv6.
 */
static __always_inline int reject(struct __sk_buff *skb, const struct packet *p,
				  const struct amount *a)
{
	if (p->later_fragment)
		return drop(REASON_REJECT, a);
	count_reason(REASON_REJECT, a);
	skb->mark = REJECT_MARK;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

#endif
