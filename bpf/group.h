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

/* Reports whether packets can go to the SA of a slot. */
static __always_inline int is_usable(__u32 slot)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);

	return sa && (sa->use == SA_READY || sa->use == SA_TRANSPORT);
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
 * The member that a flow selects among those that packets can use: that of its first cell, else of the next ones, so
 * that flows of other members stay where they are, and the flows of a member that ends are shared out. Returns NO_SLOT if
 * it finds none.
 */
static __always_inline __u32 flow_member(const struct sa_group *g, const struct packet *p,
					 const struct table_meta *meta)
{
	__u64 hash = flow_hash(p, meta);

	for (int i = 0; i < CELL_TRIES; i++) {
		__u32 member = member_at(g->first + g->members + below(hash, g->cells));

		if (is_usable(member))
			return member;
		hash = spread(hash, meta->factors[1]);
	}
	return NO_SLOT;
}

/* The first member that packets can use, or NO_SLOT. */
static __always_inline __u32 first_member(const struct sa_group *g)
{
	for (__u32 i = 0; i < GROUP_MAX_MEMBERS && i < g->members; i++) {
		__u32 member = member_at(g->first + i);

		if (is_usable(member))
			return member;
	}
	return NO_SLOT;
}

/*
 * Gives the verdict of a packet whose eroute has a group the SA of a member. If packets can use none, the eroute is a
 * %trap, or the SA is that of the first member. A global function: the verifier verifies it once.
 */
__noinline int choose_member(const struct packet *p, struct verdict *v)
{
	__u32 zero = 0, member = NO_SLOT;
	const struct sa_group *g;
	struct table_meta *meta;
	__u32 slot;

	if (!p || !v || v->action != ACT_SA)
		return 0;
	slot = v->sa;
	g = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!g || g->use < SA_GROUP_FLOW)
		return 0;
	meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	if (meta && g->use == SA_GROUP_FLOW)
		member = flow_member(g, p, meta);
	if (member == NO_SLOT)
		member = first_member(g);
	if (member == NO_SLOT && g->trap)
		v->action = ACT_TRAP;
	else if (member == NO_SLOT)
		member = member_at(g->first);
	v->sa = member;
	return 0;
}

#endif
