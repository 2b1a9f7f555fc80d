/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether routing leads a packet into an ipsec device, asked where it comes in. A yes is
 * remembered until routes or rules change.
 */
#ifndef EROUTE_ROUTED_H
#define EROUTE_ROUTED_H

#include "cache.h"
#include "routes.h"

static __noinline int ask_routing(void *ctx, const struct routed *in, const struct packet *p)
{
	struct fib_params fib = { .family = p->family, .ifindex = in->ifindex };
	__u32 flags = FIB_SKIP_NEIGH;
	long ret;

	fib.l4_protocol = p->proto;
	fib.sport = p->sport;
	fib.dport = p->dport;
	fib.tot_len = p->len;
	if (p->family == AF_INET)
		fib.tos = p->tos;
	else
		fib.flowinfo = bpf_htonl((__u32)p->tos << 20);
	__builtin_memcpy(fib.src, p->src, 16);
	__builtin_memcpy(fib.dst, p->dst, 16);
	if (in->mark) {
		fib.mark = in->mark;
		flags |= FIB_MARK;
	}
	ret = fib_lookup(ctx, &fib, flags);
	if (ret != FIB_SUCCESS && ret != FIB_NO_NEIGH)
		return 0;
	return bpf_map_lookup_elem(&eroute_devices, &fib.ifindex) != NULL;
}

/* Whether routing sends the packet, come in on ifindex, into an ipsec device. */
static __noinline int is_for_ipsec(void *ctx, __u32 ifindex, __u32 mark, const struct packet *p)
{
	struct routed in = { .ifindex = ifindex, .mark = mark, .len = p->len, .tos = p->tos };
	__u64 routes = routes_version(ctx, p->family);
	__u32 zero = 0, slot;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	struct routed before;
	struct cache_key key;
	struct cache_set *set;

	if (!routes || !meta)
		return ask_routing(ctx, &in, p);
	make_cache_key(p, &key);
	slot = cache_slot(&key, meta->seed, ROUTED_SETS);
	set = bpf_map_lookup_elem(&eroute_routed, &slot);
	if (!set)
		return 0;
	if (recall(set, &key, routes, &before, sizeof(before)) && before.ifindex == in.ifindex &&
	    before.mark == in.mark && before.tos == in.tos && before.len >= in.len)
		return 1;
	if (!ask_routing(ctx, &in, p))
		return 0;
	remember(set, &key, routes, &in, sizeof(in));
	return 1;
}

#endif
