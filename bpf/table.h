/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Looks a packet up in the table: in the cache, else the index, else the tries. */
#ifndef EROUTE_TABLE_H
#define EROUTE_TABLE_H

#include "abi.h"
#include "cache.h"
#include "index.h"
#include "kernel.h"
#include "maps.h"
#include "barrier.h"
#include "parse.h"
#include "trie.h"

_Static_assert(ACTIONS <= 16 && TUPLES <= 8, "a result of the cache has 4 and 3 bits for them");

static __noinline int cache_lookup_verdict(const struct packet *p, const struct table_meta *meta,
					   __u64 version, struct verdict *v)
{
	struct cache_data n;

	if (p->family == AF_INET
		    ? !cache_lookup(&eroute_cache4, p, cache_key_l4(p, 0), meta, version, &n, false)
		    : !cache_lookup(&eroute_cache6, p, cache_key_l4(p, 0), meta, version, &n, true))
		return 0;
	v->id = n.result;
	v->sa = n.result >> 32 & 0xffffff;
	v->action = n.result >> 56 & 15;
	v->tuple = n.result >> 60 & 7;
	v->src_prefixlen = n.more;
	v->dst_prefixlen = n.more >> 8;
	return 1;
}

static __noinline void cache_insert_verdict(const struct packet *p, const struct table_meta *meta,
					    __u64 version, const struct verdict *v)
{
	struct cache_data n = {
		.result =
			v->id | (__u64)v->sa << 32 | (__u64)v->action << 56 | (__u64)v->tuple << 60,
		.more = v->src_prefixlen | (__u32)v->dst_prefixlen << 8,
	};

	if (p->family == AF_INET)
		cache_insert(&eroute_cache4, p, cache_key_l4(p, 0), meta, version, &n, false);
	else
		cache_insert(&eroute_cache6, p, cache_key_l4(p, 0), meta, version, &n, true);
}

/*
 * Looks a packet up in the index of its family. The result is valid only if the version did not
 * change meanwhile.
 */
static __always_inline enum index_result index_lookup(const struct packet *p,
						      const struct table_meta *meta,
						      __u32 generation, __u64 version,
						      struct verdict *v)
{
	__u32 number = 2 * generation + (p->family != AF_INET);
	enum index_result result;

	result = p->family == AF_INET ? index_lookup4(p, number, meta, v)
				      : index_lookup6(p, number, meta, v);
	read_barrier();
	return cache_version(meta) == version ? result : INDEX_FALLBACK;
}

/*
 * Looks a packet up in the active table, without flows. Sets the verdict, and the generation it is
 * from. Returns 0, or -1 if there is no table. A global function: the verifier verifies it once, on
 * its own, and its callers for any result.
 */
__noinline int table_lookup(const struct packet *p, struct verdict *v, __u32 *generation)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	enum index_result result;
	__u64 version, probed_version;
	__u32 *miss_streak;
	int err;

	if (!meta || !p || !v || !generation)
		return -1;
	version = cache_version(meta);
	*generation = meta->generation;
	miss_streak = cache_miss_streak(CACHE_TABLE, p->family);
	probed_version = cache_should_probe(miss_streak) ? version : 0;
	if (probed_version &&
	    cache_note_result(miss_streak, cache_lookup_verdict(p, meta, version, v)))
		return 0;
	probed_version = hide_from_verifier(probed_version, version);
	result = version ? index_lookup(p, meta, *generation, version, v) : INDEX_FALLBACK;
	if (result == INDEX_NO_PREFIX)
		return 0;
	if (result == INDEX_FALLBACK) {
		__builtin_memset(v, 0, sizeof(*v));
		err = p->family == AF_INET ? trie_lookup4(p, *generation, v)
					   : trie_lookup6(p, *generation, v);
		if (err)
			return err;
	}
	if (probed_version)
		cache_insert_verdict(p, meta, probed_version, v);
	return 0;
}

#endif
