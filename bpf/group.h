/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Groups of SAs: which member a packet goes to. */
#ifndef EROUTE_GROUP_H
#define EROUTE_GROUP_H

#include "abi.h"
#include "hash.h"
#include "kernel.h"
#include "maps.h"
#include "parse.h"

_Static_assert(sizeof(struct sa_group) == sizeof(struct sa) &&
		       __builtin_offsetof(struct sa_group, use) ==
			       __builtin_offsetof(struct sa, use),
	       "a group is in the slot of an SA");

#define NO_SLOT EROUTE_MAX_SAS

/* The slot in an element of eroute_members, or NO_SLOT. */
static __always_inline __u32 member_at(__u32 index)
{
	const __u32 *slot = bpf_map_lookup_elem(&eroute_members, &index);

	return slot ? *slot : NO_SLOT;
}

/* How well a member suits a packet. */
enum fitness {
	UNFIT,    /* it is set aside */
	UNUSABLE, /* its packets drop */
	RECENT,   /* it is too new: others are better */
	USABLE,
};

struct choice {
	__u32 member; /* the first of the best members; NO_SLOT: all are unfit */
	__u32 fitness;
	__u64 before; /* CLOCK_MONOTONIC, ns: later SAs are too new */
};

struct search {
	struct choice best;
	__u32 first; /* element of eroute_members */
};

/* Considers the SA of a slot. Returns whether no other member can be better. */
static __always_inline int consider(struct choice *best, __u32 slot)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	__u32 fitness = UNUSABLE;

	if (!sa || sa->aside)
		return 0;
	if (sa->use == SA_READY || sa->use == SA_TRANSPORT)
		fitness = sa->since <= best->before ? USABLE : RECENT;
	if (best->fitness < fitness) {
		best->member = slot;
		best->fitness = fitness;
	}
	return fitness == USABLE;
}

/*
 * A keyed hash of a packet's flow: addresses, protocol and ports. Of a fragment without ports, which only the first one
 * has: fragments of a packet have one hash.
 */
static __always_inline __u64 flow_hash(const struct packet *p, const struct table_meta *meta)
{
	const any32 *src = (const any32 *)p->src, *dst = (const any32 *)p->dst;
	__u32 ports = p->fragment ? 0 : p->sport | (__u32)p->dport << 16;
	__u64 sum = hash_pair(ports, p->proto, meta->keys + 8);

	sum += p->family == AF_INET
		       ? hash_pair(src[0], dst[0], meta->keys)
		       : hash_address6(p->src, meta->keys) + hash_address6(p->dst, meta->keys + 4);
	return spread(sum, meta->factors[0]);
}

/* Maximum cells that a flow tries. */
#define CELL_TRIES 8

/*
 * Considers the members that a flow selects: that of its first cell, then those of the next ones, so that flows of other
 * members stay where they are, and the flows of a member that ends are shared out. Returns whether it has found the best.
 */
static __always_inline int consider_cells(struct choice *best, const struct sa_group *g,
					  const struct packet *p, const struct table_meta *meta)
{
	__u64 hash = flow_hash(p, meta);

	for (int i = 0; i < CELL_TRIES; i++) {
		if (consider(best, member_at(g->first + g->members + below(hash, g->cells))))
			return 1;
		hash = spread(hash, meta->factors[1]);
	}
	return 0;
}

/* The time that was seconds ago; 0: before the boot. */
static __always_inline __u64 time_before(__u32 seconds)
{
	__u64 now = bpf_ktime_get_ns(), ago = seconds * 1000000000ULL;

	return now > ago ? now - ago : 0;
}

static long consider_next(__u64 i, struct search *s)
{
	return consider(&s->best, member_at(s->first + i));
}

/*
 * Gives the verdict of a packet whose eroute has a group the SA of a member. If packets can use none, the eroute is a
 * %trap, or the packet drops with the SA. A global function: the verifier verifies it once.
 */
__noinline int choose_member(const struct packet *p, struct verdict *v)
{
	struct search s = { .best = { .member = NO_SLOT, .before = ~0ULL } };
	const struct sa_group *g;
	struct table_meta *meta;
	__u32 slot, zero = 0;

	if (!p || !v || v->action != ACT_SA)
		return 0;
	slot = v->sa;
	g = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!g || g->use < SA_GROUP_FLOW)
		return 0;
	meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	s.first = g->first;
	if (g->return_after)
		s.best.before = time_before(g->return_after);
	if (!meta || (g->use == SA_GROUP_FLOW ? !consider_cells(&s.best, g, p, meta)
					      : !consider(&s.best, member_at(g->first))))
		bpf_loop(g->members, consider_next, &s, 0);
	if (s.best.fitness < RECENT && g->trap) {
		s.best.member = NO_SLOT;
		v->action = ACT_TRAP;
	}
	v->sa = s.best.member;
	return 0;
}

#endif
