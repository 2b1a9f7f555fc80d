/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The index says what the tries would, by a few cache lines instead of a walk.
 *
 *   filter  by the first bits of an address: how long prefixes are that can cover it; and,
 *           by a source prefix and the first bits of the destination, how long those are
 *           that it has there
 *   nodes   source prefixes: how long the destinations of their eroutes are, and their shapes
 *   slots   eroutes, by their whole selector
 *
 * Nodes and slots are found by a hash of what they are for. Its tag is looked for in a
 * group's word first, so that what is not there mostly costs no more than that word.
 *
 * Only user space writes it, and only while table_meta.writing is set. Who uses it checks
 * afterwards that the version is still that from before: until then what it says may be
 * nonsense, but every look into it is bounded.
 */
#ifndef EROUTE_INDEX_H
#define EROUTE_INDEX_H

#include "maps.h"
#include "parse.h"
#include "hash.h"

#define EACH_BYTE 0x0101010101010101ULL
#define EACH_TAG_TOP 0x0080808080808080ULL

/* The number of the lowest bit set; de Bruijn's sequence, as BPF has no instruction for it. */
static const __u8 bit_numbers[64] = {
	0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,  34, 55, 48, 28, 62, 5,  39, 46, 44, 42,
	22, 9,  24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
	23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
};

static __always_inline __u32 lowest_bit(__u64 word)
{
	return bit_numbers[((word & -word) * 0x022fdd63cc95386dULL) >> 58];
}

/* Whether more than two bits are set. */
static __always_inline int are_many(__u64 word)
{
	word &= word - 1;
	return (word & (word - 1)) != 0;
}

/* A number below n, of a hash. */
static __always_inline __u32 below(__u64 h, __u32 n)
{
	return ((h & 0xffffffff) * n) >> 32;
}

/* A line of the index with a number. */
static __always_inline union index_line *line_at(__u32 number, __u32 n)
{
	__u32 sheet = number * INDEX_SHEETS + n / INDEX_SHEET_LINES;
	void *lines = bpf_map_lookup_elem(&eroute_index, &sheet);

	n %= INDEX_SHEET_LINES;
	return lines ? bpf_map_lookup_elem(lines, &n) : NULL;
}

/* The tags of a group that are those of a hash: the top bit of each such byte, and seldom of another. */
static __always_inline __u64 same_tags(__u64 group, __u64 h)
{
	__u64 other = group ^ ((h >> 57 | 0x80) * EACH_BYTE);

	return (other - EACH_BYTE) & ~other & EACH_TAG_TOP;
}

enum index_answer {
	INDEX_NONE,    /* no eroute matches */
	INDEX_NOWHERE, /* nor is any for such addresses: not worth remembering */
	INDEX_FOUND,   /* the verdict is set */
	INDEX_UNSURE,  /* it is for the tries to say */
};

/* The host bits of prefixes not tried yet, of one bit of a set of lengths. */
struct hostbits {
	__u8 next;
	__u8 end; /* next == end: none is left */
};

#define BITS 32
#define LENS_A_BIT 1
#define SLOTS_A_LINE 2
#define BLOCK_BITS INDEX_BLOCK4
#define WIDE_LENS (~0ULL << (BITS - BLOCK_BITS + 1)) /* those too short for a cell */
#define SRC_KEY src_key4
#define ROW_KEY row_key4
#define ROW_FIXED_BITS ROW4_FIXED_BITS
#define FAMILY(name) name##4
#include "index_family.h"

#define BITS 128
#define LENS_A_BIT 2
#define SLOTS_A_LINE 1
#define BLOCK_BITS INDEX_BLOCK6
#define WIDE_LENS (~0ULL << (BITS - BLOCK_BITS) / LENS_A_BIT)
#define SRC_KEY src_key6
#define ROW_KEY row_key6
#define ROW_FIXED_BITS ROW6_FIXED_BITS
#define FAMILY(name) name##6
#include "index_family.h"

#endif
