/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The destination of an SA, and of the members of a group. */
#ifndef EROUTE_EDST_H
#define EROUTE_EDST_H

#include "abi.h"
#include "group.h"
#include "kernel.h"
#include "maps.h"

struct edst {
	__u8 addr[16] ALIGNED;
};

static __always_inline int has_edst(const struct sa *sa, __u8 family, const void *addr)
{
	if (sa->family != family)
		return 0;
	if (family == AF_INET)
		return !__builtin_memcmp(sa->edst, addr, 4);
	return !__builtin_memcmp(sa->edst, addr, 16);
}

struct edst_search {
	struct edst edst;
	__u32 first; /* element of eroute_members */
	__u8 family;
	__u8 found;
};

static long search_member(__u64 i, struct edst_search *s)
{
	__u32 slot = member_at(s->first + i);
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);

	s->found = sa && has_edst(sa, s->family, s->edst.addr);
	return s->found;
}

/*
 * Reports whether the edst of a slot's SA, or of a member of its group, is or can be an address, of which IPv4 uses the
 * first four bytes. The verifier verifies a global function once.
 */
__noinline int is_edst(__u32 slot, __u8 family, const struct edst *edst)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	const struct sa_group *g = (const void *)sa;
	struct edst_search s = { .family = family };

	if (!sa || !edst)
		return 0;
	if (sa->use < SA_GROUP_FLOW)
		return has_edst(sa, family, edst->addr);
	if (g->trap) /* a key manager selects the peer */
		return 1;
	s.edst = *edst;
	s.first = g->first;
	bpf_loop(g->members, search_member, &s, 0);
	return s.found;
}

#endif
