/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the table said of the packets seen last, by all that selectors compare. Each CPU
 * has its own part, so that nothing else writes it meanwhile.
 *
 * A command raises table_meta.version before its first change and clears writing after
 * its last one. An answer is kept under the version read before it was looked for, and
 * neither used nor kept while a command writes: what has the version of now was found
 * in the table of now.
 */
#ifndef EROUTE_CACHE_H
#define EROUTE_CACHE_H

#include "maps.h"
#include "parse.h"

static __always_inline void make_cache_key(const struct packet *p, struct cache_key *key)
{
	__builtin_memcpy(key->src, p->src, sizeof(key->src));
	__builtin_memcpy(key->dst, p->dst, sizeof(key->dst));
	key->sport = p->sport;
	key->dport = p->dport;
	key->family = p->family;
	key->proto = p->proto;
	key->pad = 0;
}

static __always_inline int same_key(const struct cache_key *a, const struct cache_key *b)
{
	return a->src[0] == b->src[0] && a->dst[0] == b->dst[0] && a->rest == b->rest &&
	       a->src[1] == b->src[1] && a->dst[1] == b->dst[1];
}

static __always_inline __u64 mix(__u64 h, __u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

/* Where the packet's answer is kept. The seed is the table's secret: nobody can choose
 * packets that meet in one place. */
static __always_inline struct cache_set *find_set(const struct cache_key *key, __u64 seed)
{
	__u64 h = mix(mix(seed, key->src[0]), key->dst[0]);
	__u32 slot;

	if (key->family != AF_INET)
		h = mix(mix(h, key->src[1]), key->dst[1]);
	h = mix(h, key->rest);
	slot = bpf_get_smp_processor_id() * CACHE_SETS + (h & (CACHE_SETS - 1));
	return bpf_map_lookup_elem(&eroute_cache, &slot);
}

/* The version whose answers can be used and kept now; 0: none. */
static __always_inline __u64 cache_version(const struct table_meta *meta)
{
	__u64 version = *(volatile __u64 *)&meta->version;
	__u64 order = 0;

	/* A full barrier: neither writing nor the table is read before version. */
	__sync_fetch_and_add(&order, 1);
	return *(volatile __u32 *)&meta->writing ? 0 : version;
}

static __always_inline int recall(const struct cache_set *set, const struct cache_key *key,
				  __u64 version, struct verdict *v)
{
	for (int i = 0; i < CACHE_WAYS; i++) {
		if (set->way[i].version == version && same_key(&set->way[i].key, key)) {
			*v = set->way[i].verdict;
			return 1;
		}
	}
	return 0;
}

/* The newest answer goes first, the oldest is forgotten. */
static __always_inline void remember(struct cache_set *set, const struct cache_key *key,
				     __u64 version, const struct verdict *v)
{
	for (int i = CACHE_WAYS - 1; i > 0; i--)
		set->way[i] = set->way[i - 1];
	set->way[0].key = *key;
	set->way[0].version = version;
	set->way[0].verdict = *v;
}

#endif
