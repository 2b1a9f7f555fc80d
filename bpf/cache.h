/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Answers to the packets seen last, by all that selectors compare: what the table said, and
 * what the fast path did (early.h).
 *
 * An answer is kept under the version that was read before it was looked for, and used
 * only under the same. A command raises table_meta.version before its first change of the
 * table that packets meet and clears writing after its last one: until then nothing is used or kept.
 *
 * Packets that come once, as somebody may send who wants the gateway to be busy, find no answer and need
 * none kept: to ask and keep costs as much as the index does. So a CPU that has asked in vain for long
 * enough asks for a few packets only, until it finds an answer.
 *
 * All CPUs share the answers: seq is odd while one is written, and has changed after. What they say
 * is packed into few bits: how many answers the CPU's caches hold is what traffic of many flows costs.
 */
#ifndef EROUTE_CACHE_H
#define EROUTE_CACHE_H

#include "abi.h"
#include "hash.h"
#include "kernel.h"
#include "maps.h"
#include "order.h"
#include "parse.h"

/* Where parts of struct answer's words begin, and end. */
#define ANSWER_MORE_AT 41
#define ANSWER_SEQ_AT 48
#define VERSION_BITS 48
#define VERSION_MASK ((1ULL << VERSION_BITS) - 1)
#define REST_MASK ((1ULL << ANSWER_MORE_AT) - 1)
#define SEQ_ONE (1ULL << ANSWER_SEQ_AT)
#define SEQ_MASK (~(SEQ_ONE - 1))
#define MORE_MASK ((1ULL << (ANSWER_SEQ_AT - ANSWER_MORE_AT)) - 1)

_Static_assert(EROUTE_MAX <= 1 << 24 && EROUTE_MAX_SAS <= 1 << 24,
	       "an answer has 24 bits for them");

/* An answer, packed. */
struct noted {
	__u64 what;
	__u32 more; /* 23 bits */
};

/* What of a packet is compared beside its addresses. */
static __always_inline __u64 rest_of(const struct packet *p, __u8 later_fragment)
{
	return p->sport | (__u64)p->dport << 16 | (__u64)p->proto << 32 |
	       (__u64)later_fragment << 40;
}

/* Whose answers: of the table, of the fast path. */
enum answers_of {
	OF_TABLE,
	OF_FAST_PATH,
};

/* How many packets of a family in a entry had no answer on this CPU. */
static __always_inline __u32 *unanswered(enum answers_of of, __u8 family)
{
	__u32 which = 2 * of + (family != AF_INET);

	return bpf_map_lookup_elem(&eroute_unanswered, &which);
}

/* Whether to look for a packet's answer, and to keep one. */
static __always_inline int may_be_answered(__u32 *unanswered)
{
	if (!unanswered)
		return 0;
	return *unanswered < CACHE_PATIENCE || !(++*unanswered % CACHE_SAMPLE);
}

/* Notes whether a packet had an answer. Returns found. */
static __always_inline int note_answered(__u32 *unanswered, int found)
{
	if (!found && *unanswered < CACHE_PATIENCE)
		++*unanswered;
	if (found && *unanswered)
		*unanswered = 0;
	return found;
}

/* The version whose answers can be used and kept now; 0: none. */
static __always_inline __u64 cache_version(const struct table_meta *meta)
{
	__u64 version = READ_ONCE(meta->version);

	read_barrier();
	return READ_ONCE(meta->writing) == WRITING_TABLE ? 0 : version;
}

static __always_inline void *answer_at(void *set, __u32 way, const bool v6)
{
	return v6 ? (void *)&((struct answer_set6 *)set)->way[way]
		  : (void *)&((struct answer_set4 *)set)->way[way];
}

static __always_inline struct answer *answer_of(void *there, const bool v6)
{
	return v6 ? &((struct answer6 *)there)->answer : &((struct answer4 *)there)->answer;
}

static __always_inline int same_addresses(const void *there, const struct packet *p, const bool v6)
{
	if (v6) {
		const volatile struct answer6 *a = there;
		const __u64 *src = (const __u64 *)p->src, *dst = (const __u64 *)p->dst;

		return a->src[0] == src[0] && a->dst[0] == dst[0] && a->src[1] == src[1] &&
		       a->dst[1] == dst[1];
	} else {
		const volatile struct answer4 *a = there;

		return a->src == *(const __u32 *)p->src && a->dst == *(const __u32 *)p->dst;
	}
}

static __always_inline void copy_addresses(void *there, const struct packet *p, const bool v6)
{
	if (v6) {
		struct answer6 *a = there;

		__builtin_memcpy(a->src, p->src, sizeof(a->src));
		__builtin_memcpy(a->dst, p->dst, sizeof(a->dst));
	} else {
		struct answer4 *a = there;

		__builtin_memcpy(&a->src, p->src, sizeof(a->src));
		__builtin_memcpy(&a->dst, p->dst, sizeof(a->dst));
	}
}

/*
 * Says where a packet's answer is kept, by the highest bits. Addresses and ports that count up are still in
 * step after one factor, which an unlucky one would let meet; hence another.
 */
static __always_inline __u64 answer_hash(const struct packet *p, __u64 rest,
					 const struct table_meta *meta, const bool v6)
{
	__u64 sum = hash_pair(rest, rest >> 32, meta->keys + 8);

	if (v6)
		sum += hash_address6(p->src, meta->keys) + hash_address6(p->dst, meta->keys + 4);
	else
		sum += hash_pair(*(const __u32 *)p->src, *(const __u32 *)p->dst, meta->keys);
	return spread(spread(sum, meta->factors[0]), meta->factors[1]);
}

/*
 * A packet's set, and the way that it is looked for in first. Were that the same in all sets, most answers
 * would lie at addresses that few sets of the CPU's caches are for.
 */
static __always_inline void *answer_set(void *chunks, const struct packet *p, __u64 rest,
					const struct table_meta *meta, __u32 *first, const bool v6)
{
	__u64 h = answer_hash(p, rest, meta, v6);
	__u32 bits = meta->cache_bits[v6], set = h >> (64 - bits);
	__u32 chunk_bits = v6 ? CACHE_CHUNK_BITS6 : CACHE_CHUNK_BITS4;
	__u32 chunk = set >> chunk_bits, in_chunk = set & ((1 << chunk_bits) - 1);
	void *sets = bpf_map_lookup_elem(chunks, &chunk);

	*first = (h << bits >> 32) % CACHE_WAYS;
	return sets ? bpf_map_lookup_elem(sets, &in_chunk) : NULL;
}

/* Reads the packet's answer, if it is there. Returns whether it is. */
static __always_inline int recall(void *chunks, const struct packet *p, __u64 rest,
				  const struct table_meta *meta, __u64 version, struct noted *n,
				  const bool v6)
{
	__u32 first;
	void *set = answer_set(chunks, p, rest, meta, &first, v6);

	for (__u32 i = 0; set && i < CACHE_WAYS; i++) {
		void *there = answer_at(set, (first ^ i) % CACHE_WAYS, v6);
		const struct answer *a = answer_of(there, v6);
		__u64 before = READ_ONCE(a->rest), stamp;

		read_barrier();
		stamp = READ_ONCE(a->version);
		if (((before ^ rest) & REST_MASK) || ((stamp ^ version) & VERSION_MASK) ||
		    !same_addresses(there, p, v6))
			continue;
		n->what = READ_ONCE(a->what);
		n->more = stamp >> VERSION_BITS | (before >> ANSWER_MORE_AT & MORE_MASK) << 16;
		read_barrier();
		return !(before >> ANSWER_SEQ_AT & 1) && before == READ_ONCE(a->rest);
	}
	return 0;
}

/*
 * Keeps an answer in the place of one of another version, or of the same packet. If there is
 * none, in that of any, but only once in four times: flows that come once do not put out
 * those that come often.
 */
static __always_inline void remember(void *chunks, const struct packet *p, __u64 rest,
				     const struct table_meta *meta, __u64 version,
				     const struct noted *n, const bool v6)
{
	__u32 first, way = CACHE_WAYS;
	void *set = answer_set(chunks, p, rest, meta, &first, v6), *there;
	struct answer *a;
	__u64 before;

	if (!set)
		return;
	for (int i = CACHE_WAYS - 1; i >= 0; i--) { /* as they are looked at, the last first */
		there = answer_at(set, (first ^ i) % CACHE_WAYS, v6);
		a = answer_of(there, v6);
		if (((a->version ^ version) & VERSION_MASK) ||
		    (!((a->rest ^ rest) & REST_MASK) && same_addresses(there, p, v6)))
			way = first ^ i;
	}
	if (way == CACHE_WAYS) {
		way = bpf_get_prandom_u32();
		if (way / CACHE_WAYS % 4)
			return;
	}
	there = answer_at(set, way & (CACHE_WAYS - 1), v6);
	a = answer_of(there, v6);
	before = READ_ONCE(a->rest);
	if ((before & SEQ_ONE) ||
	    __sync_val_compare_and_swap(&a->rest, before, before + SEQ_ONE) != before)
		return; /* another CPU writes it */
	copy_addresses(there, p, v6);
	a->version = (version & VERSION_MASK) | (__u64)n->more << VERSION_BITS;
	a->what = n->what;
	rest |= (__u64)(n->more >> 16) << ANSWER_MORE_AT;
	__sync_lock_test_and_set(&a->rest, rest | ((before & SEQ_MASK) + 2 * SEQ_ONE));
}

#endif
