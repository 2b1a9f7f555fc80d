/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What to do with a packet where it comes in: does its eroute end it, and would the kernel
 * route it into an ipsec device? The answer is remembered for the epoch. "Don't know" is a
 * good answer to either question: the packet goes on and meets the table at the ipsec device.
 */
#ifndef EROUTE_EARLY_H
#define EROUTE_EARLY_H

#include "abi.h"
#include "cache.h"
#include "epoch.h"
#include "flow.h"
#include "kernel.h"
#include "load.h"
#include "maps.h"
#include "parse.h"
#include "table.h"

#define ANY_LENGTH 0xffff

enum way {
	WAY_UNSURE,
	WAY_IPSEC, /* into an ipsec device */
	WAY_ELSEWHERE,
};

/* Where routing sends a packet that came in on ifindex. */
static __noinline enum way ask_routing(void *ctx, __u32 ifindex, __u32 mark, const struct packet *p)
{
	struct fib_params fib = { .family = p->family, .ifindex = ifindex };
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
	if (mark) {
		fib.mark = mark;
		flags |= FIB_MARK;
	}
	ret = fib_lookup(ctx, &fib, flags);
	if (ret < 0 || ret == FIB_FRAG_NEEDED) /* a shorter one may have a way */
		return WAY_UNSURE;
	if (ret != FIB_SUCCESS && ret != FIB_NO_NEIGH)
		return WAY_ELSEWHERE;
	return bpf_map_lookup_elem(&eroute_devices, &fib.ifindex) ? WAY_IPSEC : WAY_ELSEWHERE;
}

/* What becomes of a packet by this verdict, if it is bound for an ipsec device. */
static __always_inline enum early early_end(const struct packet *p, const struct verdict *v)
{
	switch (v->action) {
	case 0:
		return EARLY_NO_EROUTE;
	case ACT_DROP:
		return EARLY_DROP;
	case ACT_REJECT:
		return p->later_fragment ? EARLY_REJECT : EARLY_ANSWER; /* as at the ipsec device */
	}
	return EARLY_GO_ON;
}

/* Asks the table, without flows, and routing. Returns whether the answer can be kept. */
static __noinline int decide_early(void *ctx, __u32 mark, const struct packet *p,
				   struct early_answer *a)
{
	enum way way = WAY_IPSEC;
	struct verdict v = {};
	__u32 generation;

	a->what = EARLY_GO_ON;
	if (ask_table(p, &v, &generation))
		return 0;
	a->id = v.id;
	a->what = early_end(p, &v);
	if (a->what != EARLY_GO_ON)
		way = ask_routing(ctx, a->ifindex, mark, p);
	if (way != WAY_IPSEC)
		a->what = EARLY_GO_ON;
	if (a->what == EARLY_GO_ON)
		a->len = ANY_LENGTH;
	return way != WAY_UNSURE && p->len <= ANY_LENGTH;
}

static __noinline int has_flow(const struct packet *p, __u32 generation, __u32 tuples)
{
	struct match m = { .key.generation = generation };

	return find_flow(p, tuples, &m) || m.flow;
}

/* Whether the packet may belong to the flow of a trap, which is for the ipsec device. */
static __always_inline int may_have_flow(const struct packet *p, const struct table_meta *meta)
{
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);

	if (!relay)
		return 1;
	return relay->flow_tuples && has_flow(p, meta->generation, relay->flow_tuples);
}

static __noinline void fastpath_cache_insert(const struct packet *p, const struct table_meta *meta,
					     __u64 epoch, const struct early_answer *a)
{
	struct cache_data n = {
		.result = a->id | (__u64)a->tos << 24 |
			  (__u64)a->ifindex << 32, /* an id is less than EROUTE_MAX */
		.more = a->len | (__u32)a->what << 16,
	};

	if (p->family == AF_INET)
		cache_insert(&eroute_early4, p, cache_key_l4(p, p->later_fragment), meta, epoch, &n,
			     false);
	else
		cache_insert(&eroute_early6, p, cache_key_l4(p, p->later_fragment), meta, epoch, &n,
			     true);
}

static __always_inline int fastpath_cache_lookup(__u32 ifindex, const struct packet *p,
						 const struct table_meta *meta, __u64 epoch,
						 struct early_answer *a)
{
	__u64 key_l4 = cache_key_l4(p, p->later_fragment);
	struct cache_data n;

	if (p->family == AF_INET ? !cache_lookup(&eroute_early4, p, key_l4, meta, epoch, &n, false)
				 : !cache_lookup(&eroute_early6, p, key_l4, meta, epoch, &n, true))
		return 0;
	a->id = n.result & 0xffffff;
	a->tos = n.result >> 24;
	a->ifindex = n.result >> 32;
	a->len = n.more;
	a->what = n.more >> 16;
	return a->ifindex == ifindex && a->tos == p->tos && a->len >= p->len;
}

/* What to do with the packet, come in on ifindex. */
static __always_inline void answer_early(void *ctx, const enum hook hook, __u32 ifindex, __u32 mark,
					 const struct packet *p, struct early_answer *a)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	__u32 *miss_streak = cache_miss_streak(CACHE_FASTPATH, p->family);
	__u64 epoch = 0;

	a->what = EARLY_GO_ON;
	if (!meta)
		return;
	if (!mark && cache_should_probe(miss_streak))
		epoch = epoch_now(ctx, hook, meta, p->family);
	if (!epoch ||
	    !cache_note_result(miss_streak, fastpath_cache_lookup(ifindex, p, meta, epoch, a))) {
		a->ifindex = ifindex;
		a->len = p->len;
		a->tos = p->tos;
		if (decide_early(ctx, mark, p, a) && epoch)
			fastpath_cache_insert(p, meta, epoch, a);
	}
	if (a->what != EARLY_GO_ON && may_have_flow(p, meta))
		a->what = EARLY_GO_ON;
}

#endif
