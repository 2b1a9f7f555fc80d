/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The index gives the same result as the tries, from a few cache lines, which index_lines.h reads.
 *
 * filter     by the first bits of an address: the lengths of prefixes that can cover it
 * summaries  by source prefix, and by source prefix and block of destinations: the prefix
 *            lengths and tuples of the destinations of its eroutes
 * slots      eroutes, by their whole selector
 *
 * A lookup goes through the source prefixes that the filter allows, longest first, then through the
 * destination prefixes and tuples in the source's summary, and probes the slots for each.
 *
 * Only user space writes the index, and only while table_meta.writing is set. An index result is
 * valid only if the version did not change during the lookup. Until that is checked it can be
 * wrong, but every access is bounded.
 */
#ifndef EROUTE_INDEX_H
#define EROUTE_INDEX_H

#include "abi.h"
#include "bits.h"
#include "hash.h"
#include "index_lines.h"
#include "kernel.h"
#include "maps.h"
#include "parse.h"
#include "prefix_lengths.h"
#include "prune.h"
#include "selector.h"

enum index_result {
	INDEX_NO_MATCH,  /* no eroute matches */
	INDEX_NO_PREFIX, /* no eroute's prefixes cover the addresses: not worth caching */
	INDEX_MATCH,     /* the verdict is set */
	INDEX_FALLBACK,  /* use the tries */
};

/* Results of next_source(). */
enum next_source {
	SOURCE_FOUND,
	SOURCE_MORE,
	SOURCE_NONE,
	SOURCE_FALLBACK, /* as INDEX_FALLBACK */
};

/* Sources tried in one call, and slots in one step of the loop. */
#define SOURCES_AT_ONCE 8
#define SLOTS_AT_ONCE 2

/* The state of a search. */
struct index_cursor {
	__u64 srcs; /* lengths of source prefixes not tried yet */
	__u64 fit; /* summary bits that can match: lengths of destination prefixes, the packet's tuples, its block */
	__u64 summary; /* of the source prefix in key; lengths not tried yet */
	__u64 src_sum; /* hash sum of the source prefix in key */
	struct hostbits src;
	struct hostbits dst;
	__u8 number; /* of the index: 2 * generation, + 1 for IPv6 */
	__u8 tuples; /* tuples not tried yet with the prefixes in key */
	__u8 result; /* enum index_result */
};

struct index_search {
	const struct packet *p;
	const struct table_meta *meta;
	struct verdict *v;
	struct index_cursor at;
};

/*
 * With the key of the eroute to find. One struct for each family, as the stack has no room for the
 * larger key in both.
 */
struct index_search4 {
	struct index_search search;
	struct eroute_key4 key;
};

struct index_search6 {
	struct index_search search;
	__u32 pad; /* see struct aligned_key */
	struct eroute_key6 key;
};

/*
 * Sums for hash.h, each with its own keys. Added to the sum of a source prefix are that of a block
 * of destinations for a summary, and that of the rest of the selector for a slot.
 */
static __always_inline __u64 source_sum(const struct table_meta *meta, const __u8 *address,
					__u32 hostbits, const bool v6)
{
	if (v6)
		return hash_address6(address, meta->keys) + hash_pair(hostbits, 0, meta->keys + 4);
	return hash_pair(*(const any32 *)address, hostbits, meta->keys);
}

/* The sum of the first bits of an address. */
static __always_inline __u64 block_sum(const struct table_meta *meta, const __u8 *address,
				       __u32 bits, const bool v6)
{
	if (v6) {
		__u64 block;

		__builtin_memcpy(&block, address, 8);
		block &= bpf_cpu_to_be64(~0ULL << (64 - bits));
		return hash_pair(block, block >> 32, meta->keys + 6) +
		       hash_pair(bits, 0, meta->keys + 8);
	} else {
		__u32 block;

		__builtin_memcpy(&block, address, 4);
		block &= bpf_htonl(~0U << (32 - bits));
		return hash_pair(block, bits, meta->keys + 6);
	}
}

/*
 * Removes from a source's summary the lengths and tuples that it does not have near the
 * destination: the summaries of blocks have those of prefixes within the block but not within a
 * smaller one. All blocks are read: the verifier would follow each branch. Returns 0, or -1 for
 * SOURCE_FALLBACK.
 */
static __always_inline int narrow_to_blocks(const struct index_cursor *at,
					    const struct table_meta *meta,
					    const volatile struct index *head,
					    const struct packet *p, __u64 *summary, const bool v6)
{
	__u64 wide = shorter_than(block_bits(v6), v6);
	__u64 near = hide_from_verifier(if_set(*summary & LENS & wide), at->src_sum) & wide;
	__u32 least = v6 ? INDEX_SMALLEST6 : INDEX_SMALLEST4, step = v6 ? INDEX_STEP6 : INDEX_STEP4;

#pragma clang loop unroll(disable)
	for (__u32 bits = block_bits(v6); bits <= least; bits += step)
		if (add_summary(at->number, head,
				spread(at->src_sum + block_sum(meta, p->dst, bits, v6),
				       meta->factors[0]),
				&near))
			return -1;
	*summary &= near;
	return 0;
}

/*
 * Finds the next source prefix with eroutes near the destination. It tries several, as a call costs
 * as much as a try.
 */
static __always_inline int next_source(struct index_cursor *at, union eroute_key *key,
				       const struct packet *p, const bool v6)
{
	const volatile struct index *head = at ? (void *)line_at(at->number, 0) : NULL;
	__u32 zero = 0;
	const struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);

	if (!head || !key || !p || !meta)
		return SOURCE_FALLBACK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < SOURCES_AT_ONCE; i++) {
		int hostbits = next_hostbits(&at->src, &at->srcs, v6);
		__u64 summary = 0;

		if (hostbits < 0)
			return SOURCE_NONE;
		*key_src_hostbits(key, v6) = hostbits;
		mask_address(key_src(key, v6), p->src, hostbits, v6);
		at->src_sum = source_sum(meta, key_src(key, v6), hostbits, v6);
		if (add_summary(at->number, head, spread(at->src_sum, meta->factors[0]), &summary))
			return SOURCE_FALLBACK;
		summary &= at->fit;
		if (!(summary >> INDEX_BLOCKS_AT))
			continue;
		if (are_many(summary & LENS) && narrow_to_blocks(at, meta, head, p, &summary, v6))
			return SOURCE_FALLBACK;
		if (summary & TUPLES_MASK && summary & LENS) {
			at->summary = summary;
			return SOURCE_FOUND;
		}
	}
	return SOURCE_MORE;
}

/* Global functions, as find_slot4(). */
__noinline int next_source4(struct index_cursor *at, struct eroute_key4 *key,
			    const struct packet *p)
{
	return next_source(at, (union eroute_key *)key, p, false);
}

__noinline int next_source6(struct index_cursor *at, struct eroute_key6 *key,
			    const struct packet *p)
{
	return next_source(at, (union eroute_key *)key, p, true);
}

/* Takes the next destination prefix of the source. Returns 0 if none is left. */
static __always_inline int next_length(struct index_cursor *at, union eroute_key *key,
				       const struct packet *p, const bool v6)
{
	__u64 lens = at->summary & LENS;
	int hostbits = next_hostbits(&at->dst, &lens, v6);

	if (hostbits < 0)
		return 0;
	at->tuples = (at->summary & TUPLES_MASK) >> INDEX_TUPLES_AT;
	at->summary = (at->summary & ~LENS) | lens;
	*key_prefixlen(key) = key_fixed_bits(v6) + address_bits(v6) - hostbits;
	mask_address(key_dst(key, v6), p->dst, hostbits, v6);
	return 1;
}

/* The hash of the eroute in key; sum is that of its source prefix. */
static __always_inline __u64 slot_hash(const struct table_meta *meta, __u64 sum,
				       const union eroute_key *key, const bool v6)
{
	__u32 proto = v6 ? key->v6.proto : key->v4.proto;
	__u32 kind = key->v4.prefixlen << 8 | proto;
	__u32 sport = v6 ? key->v6.sport : key->v4.sport,
	      dport = v6 ? key->v6.dport : key->v4.dport;
	__u32 ports = sport | dport << 16;

	if (v6)
		sum += hash_address6(key->v6.dst, meta->keys + 10) +
		       hash_pair(kind, ports, meta->keys + 14);
	else
		sum += hash_pair(*(const any32 *)key->v4.dst, kind, meta->keys + 10) +
		       hash_pair(ports, 0, meta->keys + 12);
	return spread(sum, meta->factors[0]);
}

/* Not inlined: inlined they would need more stack. */
static __noinline __u64 slot_hash4(const struct table_meta *meta, __u64 sum,
				   const struct eroute_key4 *key)
{
	return slot_hash(meta, sum, (const union eroute_key *)key, false);
}

static __noinline __u64 slot_hash6(const struct table_meta *meta, __u64 sum,
				   const struct eroute_key6 *key)
{
	return slot_hash(meta, sum, (const union eroute_key *)key, true);
}

/* Probes the slots of some candidate eroutes, in the order of precedence. Returns 1 at the end. */
static __always_inline long next_slots(struct index_search *l, union eroute_key *key, const bool v6)
{
	struct index_cursor *at = &l->at;

#pragma clang loop unroll(disable)
	for (int i = 0; i < SLOTS_AT_ONCE; i++) {
		__u64 h, entry;
		__u32 tuple;

		if (!at->tuples && !next_length(at, key, l->p, v6)) {
			int next = v6 ? next_source6(at, &key->v6, l->p)
				      : next_source4(at, &key->v4, l->p);

			if (next == SOURCE_FALLBACK)
				l->at.result = INDEX_FALLBACK;
			if (next >= SOURCE_NONE)
				return 1;
			continue;
		}
		tuple = lowest_bit(at->tuples);
		at->tuples &= at->tuples - 1;
		set_key_tuple(key, l->p, tuple, v6);
		h = v6 ? slot_hash6(l->meta, at->src_sum, &key->v6)
		       : slot_hash4(l->meta, at->src_sum, &key->v4);
		if (no_slot(at->number, h))
			continue;
		entry = v6 ? find_slot6(at->number, h, &key->v6)
			   : find_slot4(at->number, h, &key->v4);
		if (!entry)
			continue;
		l->at.result = INDEX_MATCH;
		unpack_entry(l->v, entry);
		l->v->src_prefixlen = address_bits(v6) - *key_src_hostbits(key, v6);
		l->v->dst_prefixlen = *key_prefixlen(key) - key_fixed_bits(v6);
		l->v->tuple = tuple;
		return 1;
	}
	return 0;
}

static long next_slots4(__u32 i, struct index_search4 *l)
{
	return next_slots(&l->search, (union eroute_key *)&l->key, false);
}

static long next_slots6(__u32 i, struct index_search6 *l)
{
	return next_slots(&l->search, (union eroute_key *)&l->key, true);
}

/* Starts a search from the filter. INDEX_MATCH: an eroute can match. */
static __always_inline enum index_result index_begin(struct index_search *l, const bool v6)
{
	const struct index *head = (void *)line_at(l->at.number, 0);
	const __u64 factor = l->meta->factors[0];
	union index_line *line;
	__u64 block;
	__u32 cell;

	if (!head)
		return INDEX_FALLBACK;
	block = spread(block_sum(l->meta, l->p->dst, block_bits(v6), v6), factor);
	cell = head->cells + below(block, head->cells);
	line = line_at(l->at.number, 1 + cell / 8);
	if (!line)
		return INDEX_FALLBACK;
	l->at.fit = line->words[cell & 7] | head->wide_dst;
	if (!l->at.fit)
		return INDEX_NO_PREFIX;
	cell = below(spread(block_sum(l->meta, l->p->src, block_bits(v6), v6), factor),
		     head->cells);
	line = line_at(l->at.number, 1 + cell / 8);
	if (!line)
		return INDEX_FALLBACK;
	l->at.srcs = line->words[cell & 7] | head->wide_src;
	if (!l->at.srcs)
		return INDEX_NO_PREFIX;
	l->at.fit |= (__u64)packet_tuples(l->p) << INDEX_TUPLES_AT;
	l->at.fit |= 1ULL << (INDEX_BLOCKS_AT + (block >> 60));
	l->at.fit = hide_from_verifier(l->at.fit, block);
	return INDEX_MATCH;
}

static __noinline enum index_result index_begin4(struct index_search *l)
{
	return index_begin(l, false);
}

static __noinline enum index_result index_begin6(struct index_search *l)
{
	return index_begin(l, true);
}

/* Looks a packet up in the index with a number. */
static __noinline enum index_result index_lookup4(const struct packet *p, __u32 number,
						  const struct table_meta *meta, struct verdict *v)
{
	struct index_search4 l = {
		.search = { .p = p, .meta = meta, .v = v, .at = { .number = number } }
	};
	struct index_cursor *at = &l.search.at;

	at->result = index_begin4(&l.search);
	if (at->result != INDEX_MATCH)
		return at->result;
	at->result = INDEX_NO_MATCH;
	if (bpf_loop(INDEX_STEPS, next_slots4, &l, 0) == INDEX_STEPS)
		return INDEX_FALLBACK;
	return at->result;
}

static __noinline enum index_result index_lookup6(const struct packet *p, __u32 number,
						  const struct table_meta *meta, struct verdict *v)
{
	struct index_search6 l = {
		.search = { .p = p, .meta = meta, .v = v, .at = { .number = number } }
	};
	struct index_cursor *at = &l.search.at;

	at->result = index_begin6(&l.search);
	if (at->result != INDEX_MATCH)
		return at->result;
	at->result = INDEX_NO_MATCH;
	if (bpf_loop(INDEX_STEPS, next_slots6, &l, 0) == INDEX_STEPS)
		return INDEX_FALLBACK;
	return at->result;
}

#endif
