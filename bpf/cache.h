/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A cache of results by addresses, protocol and ports, in buckets of CACHE_WAYS entries: verdicts
 * of the table, and results of the fast path (fastpath.h). struct cache_words (abi_cache.h) has the
 * layout of an entry.
 *
 * chunk (by the hash's top bits)
 *   bucket      | way 0 | way 1 | ... | way 7 |    searched from way "first" on
 *   bucket        |
 *   ...           +- addresses | key_l4, seq | version | result
 *
 * A result is inserted under the version that was read before its lookup, and is valid only under
 * the same version. A command raises table_meta.version before its first change of the active table
 * and clears writing after the last one. Until then the cache is not used.
 *
 * One-off packets (a flood of random flows) never hit and are not worth caching: a probe and an
 * insert cost as much as an index lookup. So a CPU that has had CACHE_PATIENCE misses in a row
 * probes the cache for one packet in CACHE_SAMPLE, until it hits.
 *
 * All CPUs share the cache. Entries are small so that the CPU's own caches hold many.
 */
#ifndef EROUTE_CACHE_H
#define EROUTE_CACHE_H

#include "abi.h"
#include "hash.h"
#include "kernel.h"
#include "maps.h"
#include "barrier.h"
#include "parse.h"

/* Positions of the parts of struct cache_words. */
#define CACHE_MORE_AT 41
#define CACHE_SEQ_AT 48
#define VERSION_BITS 48
#define VERSION_MASK ((1ULL << VERSION_BITS) - 1)
#define KEY_L4_MASK ((1ULL << CACHE_MORE_AT) - 1)
#define SEQ_ONE (1ULL << CACHE_SEQ_AT)
#define SEQ_MASK (~(SEQ_ONE - 1))
#define MORE_MASK ((1ULL << (CACHE_SEQ_AT - CACHE_MORE_AT)) - 1)

_Static_assert(EROUTE_MAX <= 1 << 24 && EROUTE_MAX_SAS <= 1 << 24,
	       "a cache entry has 24 bits for them");

/* The cached data of a packet. */
struct cache_data {
	__u64 result;
	__u32 more; /* 23 bits */
};

/* The key apart from addresses. */
static __always_inline __u64 cache_key_l4(const struct packet *p, __u8 later_fragment)
{
	return p->sport | (__u64)p->dport << 16 | (__u64)p->proto << 32 |
	       (__u64)later_fragment << 40;
}

/* The cached result. */
enum cache_kind {
	CACHE_TABLE,
	CACHE_FASTPATH,
};

/* The number of misses in a row on this CPU, for a family. */
static __always_inline __u32 *cache_miss_streak(enum cache_kind of, __u8 family)
{
	__u32 which = 2 * of + (family != AF_INET);

	return bpf_map_lookup_elem(&eroute_misses, &which);
}

/* Reports whether to probe the cache for a packet, and to insert its result. */
static __always_inline int cache_should_probe(__u32 *streak)
{
	if (!streak)
		return 0;
	return *streak < CACHE_PATIENCE || !(++*streak % CACHE_SAMPLE);
}

/* Records whether a probe hit. Returns hit. */
static __always_inline int cache_note_result(__u32 *streak, int hit)
{
	if (!hit && *streak < CACHE_PATIENCE)
		++*streak;
	if (hit && *streak)
		*streak = 0;
	return hit;
}

/* The version under which results can be cached now; 0: none. */
static __always_inline __u64 cache_version(const struct table_meta *meta)
{
	__u64 version = READ_ONCE(meta->version);

	read_barrier();
	return READ_ONCE(meta->writing) == WRITING_TABLE ? 0 : version;
}

static __always_inline void *bucket_entry(void *bucket, __u32 way, const bool v6)
{
	return v6 ? (void *)&((struct cache_bucket6 *)bucket)->way[way]
		  : (void *)&((struct cache_bucket4 *)bucket)->way[way];
}

static __always_inline struct cache_words *entry_words(void *there, const bool v6)
{
	return v6 ? &((struct cache_entry6 *)there)->words : &((struct cache_entry4 *)there)->words;
}

static __always_inline int same_addresses(const void *there, const struct packet *p, const bool v6)
{
	if (v6) {
		const volatile struct cache_entry6 *a = there;
		const __u64 *src = (const __u64 *)p->src, *dst = (const __u64 *)p->dst;

		return a->src[0] == src[0] && a->dst[0] == dst[0] && a->src[1] == src[1] &&
		       a->dst[1] == dst[1];
	} else {
		const volatile struct cache_entry4 *a = there;

		return a->src == *(const __u32 *)p->src && a->dst == *(const __u32 *)p->dst;
	}
}

static __always_inline void copy_addresses(void *there, const struct packet *p, const bool v6)
{
	if (v6) {
		struct cache_entry6 *a = there;

		__builtin_memcpy(a->src, p->src, sizeof(a->src));
		__builtin_memcpy(a->dst, p->dst, sizeof(a->dst));
	} else {
		struct cache_entry4 *a = there;

		__builtin_memcpy(&a->src, p->src, sizeof(a->src));
		__builtin_memcpy(&a->dst, p->dst, sizeof(a->dst));
	}
}

/*
 * The hash that selects the bucket, by its high bits. It is multiplied by two factors: after one,
 * an unlucky one, addresses and ports that count up would collide.
 */
static __always_inline __u64 cache_hash(const struct packet *p, __u64 key_l4,
					const struct table_meta *meta, const bool v6)
{
	__u64 sum = hash_pair(key_l4, key_l4 >> 32, meta->keys + 8);

	if (v6)
		sum += hash_address6(p->src, meta->keys) + hash_address6(p->dst, meta->keys + 4);
	else
		sum += hash_pair(*(const __u32 *)p->src, *(const __u32 *)p->dst, meta->keys);
	return spread(spread(sum, meta->factors[0]), meta->factors[1]);
}

/*
 * A packet's bucket, and the way that a search begins with. Were that the same in all buckets, most
 * hits would be at addresses that compete for few sets of the CPU's caches.
 */
static __always_inline void *find_bucket(void *chunks, const struct packet *p, __u64 key_l4,
					 const struct table_meta *meta, __u32 *first, const bool v6)
{
	__u64 h = cache_hash(p, key_l4, meta, v6);
	__u32 bits = meta->cache_bits[v6], bucket = h >> (64 - bits);
	__u32 chunk_bits = v6 ? CACHE_CHUNK_BITS6 : CACHE_CHUNK_BITS4;
	__u32 chunk = bucket >> chunk_bits, in_chunk = bucket & ((1 << chunk_bits) - 1);
	void *buckets = bpf_map_lookup_elem(chunks, &chunk);

	*first = (h << bits >> 32) % CACHE_WAYS;
	return buckets ? bpf_map_lookup_elem(buckets, &in_chunk) : NULL;
}

/* Looks a packet up. Returns whether it is a hit. */
static __always_inline int cache_lookup(void *chunks, const struct packet *p, __u64 key_l4,
					const struct table_meta *meta, __u64 version,
					struct cache_data *n, const bool v6)
{
	__u32 first;
	void *bucket = find_bucket(chunks, p, key_l4, meta, &first, v6);

	for (__u32 i = 0; bucket && i < CACHE_WAYS; i++) {
		void *there = bucket_entry(bucket, (first ^ i) % CACHE_WAYS, v6);
		const struct cache_words *a = entry_words(there, v6);
		__u64 before = READ_ONCE(a->key_l4), stamp;

		read_barrier();
		stamp = READ_ONCE(a->version);
		if (((before ^ key_l4) & KEY_L4_MASK) || ((stamp ^ version) & VERSION_MASK) ||
		    !same_addresses(there, p, v6))
			continue;
		n->result = READ_ONCE(a->result);
		n->more = stamp >> VERSION_BITS | (before >> CACHE_MORE_AT & MORE_MASK) << 16;
		read_barrier();
		return !(before >> CACHE_SEQ_AT & 1) && before == READ_ONCE(a->key_l4);
	}
	return 0;
}

/*
 * Inserts a result. It replaces an entry of another version or of the same packet; if there is none
 * it evicts a random one, but only one time in four: one-off flows do not evict the frequent ones.
 */
static __always_inline void cache_insert(void *chunks, const struct packet *p, __u64 key_l4,
					 const struct table_meta *meta, __u64 version,
					 const struct cache_data *n, const bool v6)
{
	__u32 first, way = CACHE_WAYS;
	void *bucket = find_bucket(chunks, p, key_l4, meta, &first, v6), *there;
	struct cache_words *a;
	__u64 before;

	if (!bucket)
		return;
	for (int i = CACHE_WAYS - 1; i >= 0; i--) { /* the last one searched first */
		there = bucket_entry(bucket, (first ^ i) % CACHE_WAYS, v6);
		a = entry_words(there, v6);
		if (((a->version ^ version) & VERSION_MASK) ||
		    (!((a->key_l4 ^ key_l4) & KEY_L4_MASK) && same_addresses(there, p, v6)))
			way = first ^ i;
	}
	if (way == CACHE_WAYS) {
		way = bpf_get_prandom_u32();
		if (way / CACHE_WAYS % 4)
			return;
	}
	there = bucket_entry(bucket, way & (CACHE_WAYS - 1), v6);
	a = entry_words(there, v6);
	before = READ_ONCE(a->key_l4);
	if ((before & SEQ_ONE) ||
	    __sync_val_compare_and_swap(&a->key_l4, before, before + SEQ_ONE) != before)
		return; /* another CPU is writing */
	copy_addresses(there, p, v6);
	a->version = (version & VERSION_MASK) | (__u64)n->more << VERSION_BITS;
	a->result = n->result;
	key_l4 |= (__u64)(n->more >> 16) << CACHE_MORE_AT;
	__sync_lock_test_and_set(&a->key_l4, key_l4 | ((before & SEQ_MASK) + 2 * SEQ_ONE));
}

#endif
