/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The index of eroutes, see index.h. */
#ifndef EROUTE_ABI_INDEX_H
#define EROUTE_ABI_INDEX_H

#include <linux/types.h>

#include "abi_table.h"

/*
 * The index of one family and generation, an array of cache lines (64 bytes):
 *
 * line 0             struct index
 * line 1             filter: 2 * cells words, sources, then destinations
 * summaries_at       summary lines, found by hash
 * slot_groups_at     group words, 8 in a line, found by hash
 * slots_at           slots, INDEX_SLOTS for each group word
 *
 * A filter cell is a word: the prefix lengths of sources (or destinations) in its block.
 *
 * A summary line has INDEX_SUMMARIES summaries, and a word with a tag for each of them:
 *
 * word 0 ... word 6  summaries
 * word 7             | shared | tag 6 | tag 5 | ... | tag 0 |   8 bits each, tag 0: free
 *
 * Where shared is not 0, word 6 is the union of summaries that had no room, for any hash. A summary
 * is a word. It describes the destinations of eroutes with one source prefix, or with one source
 * prefix and one block of destinations:
 *
 * 63         48 47    42 41                                  0
 * +------------+--------+------------------------------------+
 * | blocks     | tuples | prefix lengths of destinations     |
 * +------------+--------+------------------------------------+
 *
 * blocks has a bit for each 4-bit hash of a block with destinations (of a source only).
 *
 * A group word has a tag for each of its slots, and how many entries went on to the next group:
 *
 * 63   56 55 48                                     7    0
 * +-------+-----+-----+-----+-----+-----+-----+-----+
 * | moved | tag | tag | tag | tag | tag | tag | tag |   0: the slot is free
 * +-------+-----+-----+-----+-----+-----+-----+-----+
 */
struct index {
	__u32 cells;        /* filter cells of sources; as many for destinations follow */
	__u32 summaries_at; /* this and all *_at are line numbers */
	__u32 summary_lines;
	__u32 slot_groups_at;
	__u32 slots_at;
	__u32 slot_groups;
	__u32 summaries; /* used */
	__u32 slots;     /* used */
	__u32 stale;     /* eroutes deleted since the index was built */
	__u32 pad[3];
	/* Prefix lengths too short for a filter cell, of sources and of destinations. */
	__u64 wide_src;
	__u64 wide_dst;
};

/* The value of an eroute in the index. */
struct index_entry {
	__u32 id;
	__u32 sa;
	__u8 action;
	__u8 pad[3];
};

struct index_slot4 {
	struct eroute_key4 key;
	struct index_entry value;
};

struct index_slot6 {
	struct eroute_key6 key;
	struct index_entry value;
	__u32 pad[2];
};

union index_line {
	__u64 words[8];
	struct index_slot4 slots4[2];
	struct index_slot6 slots6[1];
};

#endif
