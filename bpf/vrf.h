/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The VRF of a packet's route, in whose routing table XFRM must look up the peer. */
#ifndef EROUTE_VRF_H
#define EROUTE_VRF_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "origin.h"
#include "skb.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netdev_adjacent {
	struct net_device *dev;
	bool master;
	struct list_head list;
};

#pragma clang attribute pop

/* The master of an interface, which is the first one above it (netdev_master_upper_dev_get_rcu in net/core/dev.c). */
static __always_inline struct net_device *master_of(struct net_device *dev)
{
	struct list_head *head = (void *)dev + bpf_core_field_offset(dev->adj_list.upper);
	struct list_head *first = BPF_CORE_READ(dev, adj_list.upper.next);
	struct netdev_adjacent *above = NULL;

	if (!first || first == head)
		return NULL;
	above = (void *)first - bpf_core_field_offset(above->list);
	return BPF_CORE_READ(above, master) ? BPF_CORE_READ(above, dev) : NULL;
}

/* The ifindex of the VRF that the interface of the packet's route is in; 0: none. */
static __noinline int vrf_of_route(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	struct dst_entry *dst;
	struct net_device *dev = kernel->dev;

	if (!bpf_core_field_exists(kernel->_skb_refdst) || !bpf_core_field_exists(dev->l3mdev_ops))
		return 0;
	dst = (void *)(kernel->_skb_refdst & ~SKB_DST_NOREF);
	if (!dst)
		return 0;
	dev = BPF_CORE_READ(dst, dev);
	for (int i = 0; i < 2 && dev; i++) { /* a route can lead to the VRF itself */
		if (BPF_CORE_READ(dev, l3mdev_ops))
			return BPF_CORE_READ(dev, ifindex);
		dev = master_of(dev);
	}
	return 0;
}

#endif
