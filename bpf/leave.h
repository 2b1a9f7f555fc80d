/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a packet leaves the programs: dropped, or out of the physical device. */
#ifndef EROUTE_LEAVE_H
#define EROUTE_LEAVE_H

#include "count.h"

static __always_inline int drop(__u32 reason, const struct amount *a)
{
	count_reason(reason, a);
	return TC_ACT_SHOT;
}

/*
 * The next hop of the best route through the physical device. Returns 0, -ENODEV if the device is
 * gone, or -1 if there is no such route, or its link-layer address is not known.
 */
static __noinline int next_hop(struct __sk_buff *skb, __u32 physical, const struct packet *p,
			       struct bpf_redir_neigh *to)
{
	struct fib_params fib = { .family = p->family, .ifindex = physical };
	long ret;

	__builtin_memcpy(fib.src, p->src, 16);
	__builtin_memcpy(fib.dst, p->dst, 16);
	ret = fib_lookup(skb, &fib, FIB_OUTPUT);
	if (ret == -ENODEV)
		return ret;
	if (ret != FIB_SUCCESS || fib.ifindex != physical)
		return -1;
	to->nh_family = fib.family;
	__builtin_memcpy(to->ipv6_nh, fib.dst, 16);
	return 0;
}

/*
 * As it is, out of the physical device. Without a next hop the kernel looks for a route
 * itself, and then lets policies of key managers act on the packet; with one it loses the
 * packets that wait for the link-layer address. It wants room for a header first.
 */
static __always_inline int send_out(struct __sk_buff *skb, const struct device *dev,
				    const struct packet *p)
{
	struct bpf_redir_neigh to = {};
	__u32 physical = dev->physical;
	int ret;

	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return TC_ACT_SHOT;
	ret = next_hop(skb, physical, p, &to);
	if (ret == -ENODEV) /* the kernel would only tell later, when the packet has been counted */
		return TC_ACT_SHOT;
	if (ret)
		return bpf_redirect_neigh(physical, NULL, 0, 0);
	return bpf_redirect_neigh(physical, &to, sizeof(to), 0);
}

#endif
