/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Answers to the packets seen last, by all that selectors compare: what the table said, and
 * what the fast path did (early.h).
 *
 * An answer is kept under the version that was read before it was looked for, and used
 * only under the same. A command raises table_meta.version before its first change of the
 * table that packets meet and clears writing after its last one: until then nothing is used or kept.
 *
 * All CPUs share the answers: seq is odd while one is written, and has changed after.
 */
#ifndef EROUTE_CACHE_H
#define EROUTE_CACHE_H

#include "maps.h"
#include "parse.h"
#include "hash.h"
#include "order.h"

/* Nothing is read wider than it was written: a CPU would have to wait for it. */
static __always_inline void make_cache_key(const struct packet *p, struct cache_key *key)
{
	if (p->family == AF_INET) {
		key->src[0] = *(const __u32 *)p->src;
		key->dst[0] = *(const __u32 *)p->dst;
		key->src[1] = key->dst[1] = 0;
	} else {
		__builtin_memcpy(key->src, p->src, sizeof(key->src));
		__builtin_memcpy(key->dst, p->dst, sizeof(key->dst));
	}
	key->rest =
		p->sport | (__u64)p->dport << 16 | (__u64)p->family << 32 | (__u64)p->proto << 40;
}

static __always_inline int same_key(const struct cache_key *a, const struct cache_key *b)
{
	const volatile struct cache_key *there = a;

	return there->src[0] == b->src[0] && there->dst[0] == b->dst[0] && there->rest == b->rest &&
	       there->src[1] == b->src[1] && there->dst[1] == b->dst[1];
}

/* Secrets of the table; as factors they are odd. */
static __always_inline __u64 secret(__u64 seed, __u64 n)
{
	return mix(seed, n) | 1;
}

/*
 * Says where the packet's answer is kept, by the highest bits. The secrets see to it that nobody can choose
 * packets that meet in one place. Products wait for each other only where they must:
 * source and destination may count up together, and in a mere sum of them that got lost.
 */
static __always_inline __u64 cache_hash(const struct cache_key *key, __u64 seed)
{
	__u64 h;

	if ((__u8)(key->rest >> 32) == AF_INET)
		h = key->src[0] | key->dst[0] << 32;
	else
		h = mix(mix(secret(seed, 2), key->src[0]), key->dst[0]) +
		    mix(mix(secret(seed, 3), key->src[1]), key->dst[1]);
	return h * secret(seed, 1) + key->rest * secret(seed, 0);
}

/* Where answers to packets with such a key are kept, in eroute_cache or eroute_early. */
static __always_inline struct cache_set *cache_set(void *sheets, const struct cache_key *key,
						   const struct table_meta *meta)
{
	__u64 slot = cache_hash(key, meta->seed) >> (64 - meta->cache_bits);
	__u32 sheet = slot >> CACHE_SHEET_BITS;
	void *sets = bpf_map_lookup_elem(sheets, &sheet);
	__u32 set = slot & ((1 << CACHE_SHEET_BITS) - 1);

	return sets ? bpf_map_lookup_elem(sets, &set) : NULL;
}

/* The version whose answers can be used and kept now; 0: none. */
static __always_inline __u64 cache_version(const struct table_meta *meta)
{
	__u64 version = *(volatile __u64 *)&meta->version;

	read_barrier();
	return *(volatile __u32 *)&meta->writing == WRITING_TABLE ? 0 : version;
}

static __always_inline __u32 read_seq(const struct cached *c)
{
	return *(volatile __u32 *)&c->seq;
}

static __always_inline int is_answer(const struct cached *c, const struct cache_key *key,
				     __u64 version)
{
	return *(volatile __u64 *)&c->version == version && same_key(&c->key, key);
}

/* Copies the answer, if it is in the set. Returns whether it is. */
static __always_inline int recall(const struct cache_set *set, const struct cache_key *key,
				  __u64 version, void *what, __u32 size)
{
	for (int i = 0; i < CACHE_WAYS; i++) {
		const struct cached *c = &set->way[i];
		__u32 seq = read_seq(c);

		read_barrier();
		if (!is_answer(c, key, version))
			continue;
		__builtin_memcpy(what, &c->verdict, size);
		read_barrier();
		return !(seq & 1) && seq == read_seq(c);
	}
	return 0;
}

/*
 * Keeps an answer in the place of one of another version, or of the same packet. If there is
 * none, in that of any, but only once in four times: flows that come once do not put out
 * those that come often.
 */
static __always_inline void remember(struct cache_set *set, const struct cache_key *key,
				     __u64 version, const void *what, __u32 size)
{
	__u32 random = bpf_get_prandom_u32(), way = CACHE_WAYS, seq;
	struct cached *c;

	for (int i = CACHE_WAYS - 1; i >= 0; i--) /* the first way is looked at first */
		if (set->way[i].version != version || same_key(&set->way[i].key, key))
			way = i;
	if (way == CACHE_WAYS) {
		if (random & 12)
			return;
		way = random;
	}
	c = &set->way[way & (CACHE_WAYS - 1)];
	seq = read_seq(c);
	if ((seq & 1) || __sync_val_compare_and_swap(&c->seq, seq, seq + 1) != seq)
		return; /* another CPU writes it */
	c->key = *key;
	c->version = version;
	__builtin_memcpy(&c->verdict, what, size);
	__sync_lock_test_and_set(&c->seq, seq + 2);
}

static __noinline int recall_verdict(const struct packet *p, const struct table_meta *meta,
				     __u64 version, struct verdict *v)
{
	struct cache_key key;
	struct cache_set *set;

	make_cache_key(p, &key);
	set = cache_set(&eroute_cache, &key, meta);
	return set && recall(set, &key, version, v, sizeof(*v));
}

static __noinline void remember_verdict(const struct packet *p, const struct table_meta *meta,
					__u64 version, const struct verdict *v)
{
	struct cache_key key;
	struct cache_set *set;

	make_cache_key(p, &key);
	set = cache_set(&eroute_cache, &key, meta);
	if (set)
		remember(set, &key, version, v, sizeof(*v));
}

#endif
