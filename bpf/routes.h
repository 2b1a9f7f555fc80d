/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A number that changes whenever routes or rules of the packet's network namespace do. */
#ifndef EROUTE_ROUTES_H
#define EROUTE_ROUTES_H

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
};

struct netns_ipv6 {
	struct rt6_statistics *rt6_stats;
	struct fib_rules_ops *fib6_rules_ops;
	atomic_t fib6_sernum;
};

struct net {
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
};

struct xdp_rxq_info {
	struct net_device *dev;
};

struct xdp_buff {
	struct xdp_rxq_info *rxq;
};

#pragma clang attribute pop

/* The network namespace of a hook's packet; a hook defines one of them before it includes this. */
#ifdef HOOK_XDP
static __always_inline struct net *net_of(void *ctx)
{
	struct xdp_buff *xdp = bpf_cast_to_kern_ctx(ctx);

	return xdp->rxq->dev->nd_net.net;
}
#else
static __always_inline struct net *net_of(void *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);

	return skb->dev->nd_net.net;
}
#endif

/*
 * 0: this kernel does not tell. IPv4's rt_genid is raised by every change of routes, rules,
 * addresses and links (rt_cache_flush in net/ipv4), IPv6's fib6_sernum by every route that is
 * added or changed (net/ipv6/ip6_fib.c); one that is deleted, and rules, show in the others.
 */
static __always_inline __u64 routes_version(void *ctx, __u8 family)
{
	struct net *net = net_of(ctx);
	__u32 routes, others;

	if (family == AF_INET) {
		if (!bpf_core_field_exists(net->ipv4.rt_genid) ||
		    !bpf_core_field_exists(net->ipv4.rules_ops->fib_rules_seq))
			return 0;
		routes = net->ipv4.rt_genid.counter;
		others = net->ipv4.rules_ops->fib_rules_seq;
	} else {
		if (!bpf_core_field_exists(net->ipv6.fib6_sernum) ||
		    !bpf_core_field_exists(net->ipv6.fib6_rules_ops->fib_rules_seq) ||
		    !bpf_core_field_exists(net->ipv6.rt6_stats->fib_rt_entries))
			return 0;
		routes = net->ipv6.fib6_sernum.counter;
		others = net->ipv6.fib6_rules_ops->fib_rules_seq +
			 net->ipv6.rt6_stats->fib_rt_entries;
	}
	/* The top bit is always set, so that it is never 0. */
	return 1ULL << 63 | (__u64)others << 32 | routes;
}

#endif
