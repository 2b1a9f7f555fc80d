/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The index says what the tries would, by a few cache lines instead of a walk.
 *
 *   filter  by the first bits of an address: how long prefixes are that can cover it
 *   kinds   by a source prefix, and by a source prefix and a block of destinations: how long
 *           the destinations of its eroutes are there, and which shapes they have; a source's
 *           also say in which blocks its destinations can be at all
 *   slots   eroutes, by their whole selector
 *
 * Kinds and slots are found by a hash of what they are for. Kinds have a tag of it, and say
 * too much if another has the same. Of slots a tag is looked for in a
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

/*
 * Returns x, of which the verifier then knows nothing: else it would follow what comes after
 * once for each value that x may have. It does not know unknown.
 */
static __always_inline __u64 forget(__u64 x, __u64 unknown)
{
	asm volatile("%0 ^= %1\n%0 ^= %1"
		     : "+&r"(x)
		     : "r"(unknown)); /* &: not both in one register */
	return x;
}

/* A number below n, of a hash's highest bits. */
static __always_inline __u32 below(__u64 h, __u32 n)
{
	return ((h >> 32) * n) >> 32;
}

/* The tag of a hash: of other bits than a place's. */
static __always_inline __u64 tag_of(__u64 h)
{
	return (h >> 24 & 0x7f) | 0x80;
}

/* A line of the index with a number. */
static __always_inline union index_line *line_at(__u32 number, __u32 n)
{
	__u32 sheet = number * INDEX_SHEETS + n / INDEX_SHEET_LINES;
	void *lines = bpf_map_lookup_elem(&eroute_index, &sheet);

	n %= INDEX_SHEET_LINES;
	return lines ? bpf_map_lookup_elem(lines, &n) : NULL;
}

/* The tags in a word that are those of a hash: the top bit of each such byte, and seldom of one above it. */
static __always_inline __u64 same_tags(__u64 word, __u64 h)
{
	__u64 other = word ^ (tag_of(h) * EACH_BYTE);

	return (other - EACH_BYTE) & ~other & EACH_TAG_TOP;
}

/* All ones if x is not 0. In assembler, as clang would make a branch of it, and the verifier follow each. */
static __always_inline __u64 if_set(__u64 x)
{
	x |= -x;
	asm volatile("%0 s>>= 63" : "+r"(x));
	return x;
}

/*
 * What a line of kinds says of what has this hash. Its last word has a tag for each other, no two alike; the
 * highest byte says whether the word before it is everybody's.
 */
static __always_inline __u64 same_kinds(const union index_line *line, __u64 h)
{
	__u64 word = line->words[INDEX_KINDS], tags = same_tags(word, h);
	__u32 which = forget(lowest_bit(tags) / 8, h); /* or clang would leave out the bound */

	return (line->words[which & INDEX_KINDS] & if_set(tags)) |
	       (line->words[INDEX_KINDS - 1] & if_set(word >> 56));
}

/* Adds what the index with a number says of a hash to kinds. Returns -1 if it is not there. */
static __always_inline int add_kinds(__u32 number, const volatile struct index *head, __u64 h,
				     __u64 *kinds)
{
	const union index_line *line;

	line = line_at(number, head->kinds_at + below(h, head->kind_lines));
	if (!line)
		return -1;
	*kinds |= same_kinds(line, h);
	return 0;
}

enum index_answer {
	INDEX_NONE,    /* no eroute matches */
	INDEX_NOWHERE, /* nor is any for such addresses: not worth remembering */
	INDEX_FOUND,   /* the verdict is set */
	INDEX_UNSURE,  /* it is for the tries to say */
};

/* What next_source says. */
enum next_source {
	SOURCE_FOUND,
	SOURCE_NOT_YET,
	SOURCE_NONE,
	SOURCE_UNSURE, /* as INDEX_UNSURE */
};

/* How many sources and slots are tried in one call, and one step of a loop. */
#define SOURCES_AT_ONCE 8
#define SLOTS_AT_ONCE 2

/* The host bits of prefixes not tried yet, of one bit of a set of lengths. */
struct hostbits {
	__u8 next;
	__u8 end; /* next == end: none is left */
};

/* The lengths in a word of kinds. */
#define LENS ((1ULL << INDEX_SHAPES_AT) - 1)
#define SHAPES_MASK (((1ULL << SHAPES) - 1) << INDEX_SHAPES_AT)

/*
 * A set of lengths has a bit for each number of an address's host bits, the longest prefix's
 * lowest. For IPv6 that is so for the lengths from 48 to 64; of others some share a bit. That is
 * where the numbers of a bit begin; they end where those of the next bit do.
 */
static __always_inline __u32 first_hostbits4(__u32 bit)
{
	return bit;
}

static __always_inline __u32 first_hostbits6(__u32 bit)
{
	if (!bit)
		return 0;
	if (bit < 9)
		return 8 * bit - 7;
	if (bit < 26)
		return bit + 55;
	return 3 * bit + 3;
}

/* The bits of prefixes that do not lie within one block of so many bits of the address. */
#define SHORTER_THAN4(bits) (~0ULL << (33 - (bits)))
#define SHORTER_THAN6(bits) (~0ULL << (74 - (bits)))

#define BITS 32
#define SLOTS_A_LINE 2
#define BLOCK_BITS INDEX_BLOCK4
#define LEAST_BITS INDEX_LEAST4
#define STEP_BITS INDEX_STEP4
#define ROW_KEY row_key4
#define ROW_FIXED_BITS ROW4_FIXED_BITS
#define FAMILY(name) name##4
#include "index_family.h"

#define BITS 128
#define SLOTS_A_LINE 1
#define BLOCK_BITS INDEX_BLOCK6
#define LEAST_BITS INDEX_LEAST6
#define STEP_BITS INDEX_STEP6
#define ROW_KEY row_key6
#define ROW_FIXED_BITS ROW6_FIXED_BITS
#define FAMILY(name) name##6
#include "index_family.h"

#endif
