/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Kernel structs of a packet's device and network namespace, read by CO-RE. */
#ifndef EROUTE_NET_H
#define EROUTE_NET_H

#include "kernel.h"
#include "load.h"
#include "skb.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct fib_rules_ops {
	unsigned int fib_rules_seq;
};

struct rt6_statistics {
	__u32 fib_rt_entries;
};

struct netns_ipv4 {
	struct fib_rules_ops *rules_ops;
	atomic_t rt_genid;
	int sysctl_icmp_ratelimit;
	int sysctl_icmp_ratemask;
};

struct netns_sysctl_ipv6 {
	int icmpv6_time;
	unsigned long icmpv6_ratemask[4];
};

struct netns_ipv6 {
	struct netns_sysctl_ipv6 sysctl;
	struct rt6_statistics *rt6_stats;
	struct fib_rules_ops *fib6_rules_ops;
	atomic_t fib6_sernum;
};

struct net {
	__u64 net_cookie;
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
};

struct xdp_rxq_info {
	struct net_device *dev;
};

struct xdp_buff {
	struct xdp_rxq_info *rxq;
};

enum skb_ext_id {
	SKB_EXT_SEC_PATH = 1, /* relocated */
};

#pragma clang attribute pop

/* The device of a hook's packet. */
static __always_inline struct net_device *device_of(void *ctx, const enum hook hook)
{
	if (hook == HOOK_XDP) {
		struct xdp_buff *xdp = bpf_cast_to_kern_ctx(ctx);

		return xdp->rxq->dev;
	} else {
		struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);

		return skb->dev;
	}
}

/* The network namespace of a hook's packet. */
static __always_inline struct net *net_of(void *ctx, const enum hook hook)
{
	return device_of(ctx, hook)->nd_net.net;
}

/* Set by the loader: the network namespace of the table. */
volatile const __u64 netns_cookie;

/*
 * Reports whether a packet is in the table's network namespace. An interface that moves to another
 * namespace takes its programs along, and ifindexes have another meaning there.
 */
static __always_inline int in_own_netns(void *ctx, const enum hook hook)
{
	return net_of(ctx, hook)->net_cookie == netns_cookie;
}

#endif
