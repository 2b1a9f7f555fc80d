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
static __always_inline const struct net_device *master_of(const struct net_device *dev)
{
	const struct list_head *first = dev->adj_list.upper.next;
	const struct netdev_adjacent *above;

	if (!first || first == &dev->adj_list.upper)
		return NULL;
	above = (const void *)first - bpf_core_field_offset(struct netdev_adjacent, list);
	above = bpf_rdonly_cast(above, bpf_core_type_id_kernel(struct netdev_adjacent));
	return above->master ? above->dev : NULL;
}

/* The ifindex of the VRF that the interface of the packet's route is in; 0: none. */
static __noinline int vrf_of_route(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	const struct dst_entry *dst = route_of(kernel);
	const struct net_device *dev;

	if (!dst)
		return 0;
	dev = dst->dev;
	if (!bpf_core_field_exists(dev->l3mdev_ops))
		return 0;
	for (int i = 0; i < 2 && dev; i++) { /* a route can lead to the VRF itself */
		if (dev->l3mdev_ops)
			return dev->ifindex;
		dev = master_of(dev);
	}
	return 0;
}

#endif
