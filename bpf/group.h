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

/* The slot in an element of eroute_members, or NO_SLOT. */
static __always_inline __u32 member_at(__u32 index)
{
	const __u32 *slot = bpf_map_lookup_elem(&eroute_members, &index);

	return slot ? *slot : NO_SLOT;
}

/* How well a member suits a packet: the greater, the better. fitness_of() adds 1 for the CPU of the packet. */
enum fitness {
	UNFIT,      /* it is set aside, or of another CPU */
	UNUSABLE,   /* its packets drop */
	RECENT,     /* it is too new: others are better */
	RECENT_CPU, /* the same, of the packet's CPU */
	USABLE,
	USABLE_CPU,
};

/* No CPU: a packet of a group that is not by CPU. */
#define NO_CPU (~0U)

/*
 * The fitness of a member. before: CLOCK_MONOTONIC in ns; later SAs are too new. cpu: of the packet, or NO_CPU. The verifier
 * verifies a global function once.
 */
__noinline int fitness_of(__u32 slot, __u64 before, __u32 cpu)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	__u32 own;

	if (!sa || sa->aside)
		return UNFIT;
	own = sa->use == SA_CPU || sa->use == SA_CPU_TRANSPORT;
	if (own && sa->cpu != cpu)
		return UNFIT;
	if (!own && sa->use != SA_READY && sa->use != SA_TRANSPORT)
		return UNUSABLE;
	return (sa->since <= before ? USABLE : RECENT) + own;
}

/* The time from which the SAs of a group are too new. */
static __always_inline __u64 newest_of(const struct sa_group *g)
{
	__u64 now, after = g->return_after * 1000000000ULL;

	if (!after)
		return ~0ULL;
	now = bpf_ktime_get_ns();
	return now > after ? now - after : 0;
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

/* The member of the cell that a hash selects. */
static __always_inline __u32 cell_member(const struct sa_group *g, __u64 hash)
{
	return member_at(g->first + g->members + below(hash, g->cells));
}

/*
 * Gives the verdict of a packet whose eroute has a group the SA of the member that is its first choice, if packets can
 * use it. Returns 0 if choose_best() has to choose. A global function: the verifier verifies it once.
 */
__noinline int choose_first(const struct packet *p, struct verdict *v)
{
	const struct sa_group *g;
	struct table_meta *meta;
	__u32 slot, member, zero = 0;

	if (!p || !v || v->action != ACT_SA)
		return 1;
	slot = v->sa;
	g = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!g || g->use < SA_CPU)
		return 1;
	switch (g->use) {
	case SA_GROUP_FLOW:
		meta = bpf_map_lookup_elem(&eroute_meta, &zero);
		if (!meta)
			return 0;
		member = cell_member(g, flow_hash(p, meta));
		break;
	case SA_GROUP_FAILOVER:
		member = member_at(g->first);
		break;
	case SA_GROUP_CPU:
		return 0;
	default: /* an SA of one CPU without a group by CPU: XFRM would refuse its packets on other CPUs */
		v->sa = NO_SLOT;
		return 1;
	}
	if (fitness_of(member, newest_of(g), NO_CPU) != USABLE)
		return 0;
	v->sa = member;
	return 1;
}

struct search {
	__u32 best; /* the first of the best members; NO_SLOT: all are unfit */
	__u32 fitness;
	__u64 before; /* see fitness_of() */
	__u32 first;  /* element of eroute_members */
	__u32 cpu;    /* see fitness_of() */
	__u32 most;   /* the best fitness that a member can have */
};

/* Considers the SA of a slot. Returns whether no other member can be better. */
static __always_inline int consider(struct search *s, __u32 slot)
{
	enum fitness fitness = fitness_of(slot, s->before, s->cpu);

	if (s->fitness < fitness) {
		s->best = slot;
		s->fitness = fitness;
	}
	return fitness == s->most;
}

static long consider_next(__u64 i, struct search *s)
{
	return consider(s, member_at(s->first + i));
}

/* Maximum cells that a flow tries. */
#define CELL_TRIES 8

/*
 * Considers the members of the cells that a flow selects one after the other, so that flows of other members stay where
 * they are, and the flows of a member that ends are shared out. Returns whether it has found the best.
 */
static __always_inline int consider_cells(struct search *s, const struct sa_group *g,
					  const struct packet *p, const struct table_meta *meta)
{
	__u64 hash = flow_hash(p, meta);

	for (int i = 0; i < CELL_TRIES; i++) {
		if (consider(s, cell_member(g, hash)))
			return 1;
		hash = spread(hash, meta->factors[1]);
	}
	return 0;
}

/*
 * Gives the verdict of a packet whose eroute has a group the SA of the best member. If packets can use none, the eroute
 * is a %trap, or the packet drops with the SA. cpu: that of the packet.
 */
__noinline int choose_best(const struct packet *p, struct verdict *v, __u32 cpu)
{
	struct search s = { .best = NO_SLOT, .cpu = NO_CPU, .most = USABLE };
	const struct sa_group *g;
	struct table_meta *meta;
	__u32 slot, zero = 0;

	if (!p || !v)
		return 0;
	slot = v->sa;
	g = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!g)
		return 0;
	s.before = newest_of(g);
	s.first = g->first;
	if (g->use == SA_GROUP_CPU) {
		s.cpu = cpu;
		s.most = USABLE_CPU;
	}
	meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	if (!meta || g->use != SA_GROUP_FLOW || !consider_cells(&s, g, p, meta))
		bpf_loop(g->members, consider_next, &s, 0);
	if (s.fitness < RECENT && g->trap) {
		s.best = NO_SLOT;
		v->action = ACT_TRAP;
	}
	v->sa = s.best;
	return 0;
}

/* Chooses the SA of a packet whose eroute has a group, on the CPU that XFRM will look the SA up on: this one. */
static __always_inline void choose_member(const struct packet *p, struct verdict *v)
{
	if (!choose_first(p, v))
		choose_best(p, v, bpf_get_smp_processor_id());
}

#endif
