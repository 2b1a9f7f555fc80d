/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Output of a packet: drop it, or send it through the physical device. */
#ifndef EROUTE_OUTPUT_H
#define EROUTE_OUTPUT_H

#include "abi.h"
#include "count.h"
#include "kernel.h"
#include "maps.h"
#include "barrier.h"
#include "parse.h"
#include "token.h"
#include "watched.h"

/* Maximum lookups of a device that changes while it is read. */
#define DEVICE_TRIES 3

/* An ipsec device. */
struct device {
	__u32 physical; /* ifindex */
	__u32 has_xfrm; /* 0: a plain device, packets of SAs drop */
	__u32 detour;   /* ifindex of the detour device */
};

/*
 * Copies an ipsec device. Each word has the device's ifindex, as the memory can be reused for
 * another device after the lookup. Returns 0, or -1 if there is none or it keeps changing.
 */
static __always_inline int find_device(__u32 ifindex, struct device *dev)
{
	for (int i = 0; i < DEVICE_TRIES; i++) {
		const struct device_words *w = bpf_map_lookup_elem(&eroute_devices, &ifindex);
		__u64 physical, has_xfrm, detour;

		if (!w)
			return -1;
		physical = READ_ONCE(w->physical);
		has_xfrm = READ_ONCE(w->has_xfrm);
		detour = READ_ONCE(w->detour);
		if (((physical >> 32) ^ ifindex) | ((has_xfrm >> 32) ^ ifindex) |
		    ((detour >> 32) ^ ifindex))
			continue;
		dev->physical = physical;
		dev->has_xfrm = has_xfrm;
		dev->detour = detour;
		return 0;
	}
	return -1;
}

static __always_inline int drop(__u32 reason, const struct packet_count *a)
{
	count_reason(reason, a);
	return TC_ACT_SHOT;
}

/*
 * Looks up the next hop of the best route through the physical device. Returns 0, -ENODEV if the
 * device is gone, or -1 if there is no such route or its link-layer address is unknown.
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
 * Sends the packet unchanged through the physical device. Without a next hop the kernel does the
 * route lookup itself, and then applies key managers' policies to the packet. With a next hop it
 * loses packets that wait for the link-layer address. It needs room for a link-layer header.
 */
static __always_inline int send_out(struct __sk_buff *skb, const struct device *dev,
				    const struct packet *p)
{
	struct bpf_redir_neigh to = {};
	__u32 physical = dev->physical;
	int ret;

	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return TC_ACT_SHOT;
	if (watched(physical))
		token_set_clear(skb);
	ret = next_hop(skb, physical, p, &to);
	if (ret == -ENODEV) /* else the kernel drops it after it was counted */
		return TC_ACT_SHOT;
	if (ret)
		return bpf_redirect_neigh(physical, NULL, 0, 0);
	return bpf_redirect_neigh(physical, &to, sizeof(to), 0);
}

#endif
