/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The version of the routes and rules of a network namespace. */
#ifndef EROUTE_ROUTES_H
#define EROUTE_ROUTES_H

#include "kernel.h"
#include "load.h"
#include "net.h"

/*
 * Returns a number that changes with each change of routes or rules; 0: this kernel has none.
 * IPv4's rt_genid is raised by each change of routes, rules, addresses and links (rt_cache_flush in
 * net/ipv4). IPv6's fib6_sernum is raised by each added or changed route (net/ipv6/ip6_fib.c);
 * deleted routes, and rules, change the other counters.
 */
static __always_inline __u64 routes_version(void *ctx, const enum hook hook, __u8 family)
{
	struct net *net = net_of(ctx, hook);
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
	/* The top bit makes it nonzero. */
	return 1ULL << 63 | (__u64)others << 32 | routes;
}

#endif
