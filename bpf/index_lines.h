/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reads the lines of an index: summaries and slots, each found by a hash. struct index (abi_index.h) has their layout.
 *
 * Tags are 7-bit hashes: a summary with an equal tag is a false positive, which costs a probe. For
 * slots the group word is read first, so that a miss mostly costs no more than that word.
 */
#ifndef EROUTE_INDEX_LINES_H
#define EROUTE_INDEX_LINES_H

#include "abi.h"
#include "bits.h"
#include "hash.h"
#include "kernel.h"
#include "maps.h"
#include "prune.h"
#include "selector.h"

#define EACH_BYTE 0x0101010101010101ULL
#define EACH_TAG_TOP 0x0080808080808080ULL

/* The prefix lengths in a summary. */
#define LENS ((1ULL << INDEX_TUPLES_AT) - 1)
#define TUPLES_MASK (((1ULL << TUPLES) - 1) << INDEX_TUPLES_AT)

/* The tag of a hash, from other bits than below(). */
static __always_inline __u64 tag_of(__u64 h)
{
	return (h >> 24 & 0x7f) | 0x80;
}

/* A line of the index with a number. */
static __always_inline union index_line *line_at(__u32 number, __u32 n)
{
	__u32 chunk = number * INDEX_CHUNKS + n / INDEX_CHUNK_LINES;
	void *lines = bpf_map_lookup_elem(&eroute_index, &chunk);

	n %= INDEX_CHUNK_LINES;
	return lines ? bpf_map_lookup_elem(lines, &n) : NULL;
}

/*
 * Finds the tags of a hash in a word: the top bit of each equal byte. The byte above an equal one
 * can be a false positive.
 */
static __always_inline __u64 same_tags(__u64 word, __u64 h)
{
	__u64 other = word ^ (tag_of(h) * EACH_BYTE);

	return (other - EACH_BYTE) & ~other & EACH_TAG_TOP;
}

/* The summary of a hash in a summary line: of the word with its tag, and of the shared word. */
static __always_inline __u64 matching_summary(const union index_line *line, __u64 h)
{
	__u64 word = line->words[INDEX_SUMMARIES], tags = same_tags(word, h);
	__u32 which = hide_from_verifier(lowest_bit(tags) / 8,
					 h); /* keeps clang from removing the bound */

	return (line->words[which & INDEX_SUMMARIES] & if_set(tags)) |
	       (line->words[INDEX_SUMMARIES - 1] & if_set(word >> 56));
}

/* Adds the summary of a hash to *summary. Returns 0, or -1 if there is no such line. */
static __always_inline int add_summary(__u32 number, const volatile struct index *head, __u64 h,
				       __u64 *summary)
{
	const union index_line *line;

	line = line_at(number, head->summaries_at + below(h, head->summary_lines));
	if (!line)
		return -1;
	*summary |= matching_summary(line, h);
	return 0;
}

/*
 * Reports whether a group word rules out all eroutes with a hash. Mostly it does, and find_slot() is not
 * called.
 */
static __always_inline int no_slot(__u32 number, __u64 h)
{
	const volatile struct index *head = (void *)line_at(number, 0);
	const union index_line *line;
	__u32 group;
	__u64 word;

	if (!head)
		return 1;
	group = below(h, head->slot_groups);
	line = line_at(number, head->slot_groups_at + group / 8);
	if (!line)
		return 1;
	word = line->words[group & 7];
	return !(same_tags(word, h) | word >> 56);
}

/* Compares two keys without branches, which the verifier would follow both ways. */
static __always_inline int same_key(const void *a, const void *b, const bool v6)
{
	const any32 *x = a, *y = b;
	__u32 differ = 0;

#pragma unroll
	for (__u32 i = 0;
	     i < (v6 ? sizeof(struct eroute_key6) : sizeof(struct eroute_key4)) / sizeof(*x); i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/*
 * An eroute that was found, in one word: 0 if none was, as no action is 0. Cheaper for the verifier
 * and on the stack than a pointer to a verdict.
 */
static __always_inline __u64 pack_entry(const struct index_entry *entry)
{
	return entry->id | (__u64)entry->sa << 32 | (__u64)entry->action << 56;
}

static __always_inline void unpack_entry(struct verdict *v, __u64 packed)
{
	v->id = packed;
	v->sa = packed >> 32 & 0xffffff;
	v->action = packed >> 56;
}

/*
 * Finds the entry with a key among the slots of a group whose tags match; first is the number of
 * the group's first slot, counted from the first line of the index. Returns 0 if there is none.
 */
static __always_inline __u64 match_slots(__u32 number, __u32 first, __u64 tags,
					 const union eroute_key *key, const bool v6)
{
	if (!key)
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < INDEX_SLOTS && tags; i++) {
		__u32 n = first + lowest_bit(tags) / 8;
		const union index_line *line = line_at(number, v6 ? n : n / 2);

		if (!line)
			return 0;
		if (v6 && same_key(&line->slots6[0].key, key, true))
			return pack_entry(&line->slots6[0].value);
		if (!v6 && same_key(&line->slots4[n & 1].key, key, false))
			return pack_entry(&line->slots4[n & 1].value);
		tags &= tags - 1;
	}
	return 0;
}

/* Global functions: the verifier verifies each once, on its own. */
__noinline __u64 match_slots4(__u32 number, __u32 first, __u64 tags, const struct eroute_key4 *key)
{
	return match_slots(number, first, tags, (const union eroute_key *)key, false);
}

__noinline __u64 match_slots6(__u32 number, __u32 first, __u64 tags, const struct eroute_key6 *key)
{
	return match_slots(number, first, tags, (const union eroute_key *)key, true);
}

/* Finds an eroute by hash and key. Returns its entry, or 0 if there is none. */
static __always_inline __u64 find_slot(__u32 number, __u64 h, const union eroute_key *key,
				       const bool v6)
{
	/* volatile: reading it again takes less stack than keeping it. */
	const volatile struct index *head = (void *)line_at(number, 0);
	__u32 group;

	if (!head || !key)
		return 0;
	group = below(h, head->slot_groups);
#pragma clang loop unroll(disable)
	for (int i = 0; i < INDEX_MAX_PROBES; i++) {
		union index_line *line = line_at(number, head->slot_groups_at + group / 8);
		__u64 word, tags, entry;
		__u32 first;

		if (!line)
			return 0;
		word = line->words[group & 7];
		tags = same_tags(word, h);
		first = head->slots_at * (v6 ? 1 : 2) + group * INDEX_SLOTS;
		entry = !tags ? 0
			: v6  ? match_slots6(number, first, tags, &key->v6)
			      : match_slots4(number, first, tags, &key->v4);
		if (entry || !(word >> 56)) /* no entry went on to the next group */
			return entry;
		if (++group == head->slot_groups)
			group = 0;
		group = hide_from_verifier(group, h);
	}
	return 0;
}

__noinline __u64 find_slot4(__u32 number, __u64 h, const struct eroute_key4 *key)
{
	return find_slot(number, h, (const union eroute_key *)key, false);
}

__noinline __u64 find_slot6(__u32 number, __u64 h, const struct eroute_key6 *key)
{
	return find_slot(number, h, (const union eroute_key *)key, true);
}

#endif
