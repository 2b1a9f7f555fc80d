/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What index.h says of one address family; included once for each. */

#define FIND FAMILY(find_node)
#define KEY SRC_KEY
#define VALUE index_kinds
#define MEMBER FAMILY(nodes)
#define A_LINE 2
#define AT nodes_at
#define GROUPS_AT node_groups_at
#define GROUPS node_groups
#include "index_find.h"

#define FIND FAMILY(find_slot)
#define KEY ROW_KEY
#define VALUE index_row
#define MEMBER FAMILY(slots)
#define A_LINE SLOTS_A_LINE
#define AT slots_at
#define GROUPS_AT slot_groups_at
#define GROUPS slot_groups
#include "index_find.h"

struct FAMILY(index_look) {
	const struct packet *p;
	struct verdict *v;
	__u64 seed;
	__u64 srcs; /* lengths of sources not tried yet */
	__u64 dsts; /* lengths that prefixes of the destination can have */
	__u64 lens; /* those of the node's eroutes not tried yet */
	__u64 h_node;
	__u32 number; /* of the index */
	struct index_kinds node;
	struct ROW_KEY key;
	struct hostbits src;
	struct hostbits dst;
	__u8 packet_shapes;
	__u8 shapes; /* not tried yet of the prefixes in key */
	__u8 answer; /* enum index_answer */
};

/* Goes on to the next number of host bits, the longest prefix first. Returns it, or -1 if none is left. */
static __always_inline int FAMILY(next_hostbits)(struct hostbits *h, __u64 *lens)
{
	if (h->next == h->end) {
		__u32 bit = lowest_bit(*lens);

		if (!*lens)
			return -1;
		*lens &= *lens - 1;
		h->next = bit * LENS_A_BIT;
		h->end = LENS_A_BIT == 1 || bit < 63 ? h->next + LENS_A_BIT : BITS + 1;
	}
	return h->next++;
}

static __always_inline void FAMILY(mask)(__u8 *to, const __u8 *from, __u32 hostbits)
{
#if BITS == 32
	__u32 word;

	__builtin_memcpy(&word, from, 4);
	word &= bpf_htonl((__u32)(~0ULL << (hostbits & 63)));
	__builtin_memcpy(to, &word, 4);
#else
	__u64 high, low;

	__builtin_memcpy(&high, from, 8);
	__builtin_memcpy(&low, from + 8, 8);
	if (hostbits >= 64) {
		low = 0;
		high = hostbits == 128 ? 0 : high & bpf_cpu_to_be64(~0ULL << (hostbits & 63));
	} else {
		low &= bpf_cpu_to_be64(~0ULL << hostbits);
	}
	__builtin_memcpy(to, &high, 8);
	__builtin_memcpy(to + 8, &low, 8);
#endif
}

static __always_inline __u64 FAMILY(mix_address)(__u64 h, const __u8 *address)
{
#if BITS == 32
	__u32 word;

	__builtin_memcpy(&word, address, 4);
	return mix(h, word);
#else
	__u64 high, low;

	__builtin_memcpy(&high, address, 8);
	__builtin_memcpy(&low, address + 8, 8);
	return mix(mix(h, high), low);
#endif
}

/* The filter cell of an address; for those of pairs, seed is the hash of the source prefix. */
static __always_inline __u32 FAMILY(cell)(const __u8 *address, __u64 seed, __u32 cells)
{
	__u64 block = 0;

	__builtin_memcpy(&block, address, BLOCK_BITS / 8);
	return below(mix(seed, block), cells);
}

/*
 * Leaves of the lengths to try those that the node's eroutes have near the destination. It
 * costs a cache line, as a look for one of them may.
 */
static __always_inline void FAMILY(sift)(struct FAMILY(index_look) *l)
{
	const struct index *head = (void *)line_at(l->number, 0);
	union index_line *line;
	__u32 cell;

	if (!head)
		return;
	cell = FAMILY(cell)(l->p->dst, l->h_node, head->pairs);
	line = line_at(l->number, head->pairs_at + cell / 8);
	if (line)
		l->lens &= line->words[cell & 7] | WIDE_LENS;
}

/* Goes on to the next source prefix that there may be. Returns 1 if none is left. */
static __always_inline long FAMILY(next_node)(struct FAMILY(index_look) *l)
{
	int hostbits = FAMILY(next_hostbits)(&l->src, &l->srcs);
	struct SRC_KEY key;

	if (hostbits < 0)
		return 1;
	key.prefixlen = BITS - hostbits;
	FAMILY(mask)(key.addr, l->p->src, hostbits);
	l->h_node = mix(FAMILY(mix_address)(l->seed, key.addr), key.prefixlen);
	if (FAMILY(find_node)(l->number, l->h_node, &key, &l->node))
		return 0;
	l->node.shapes &= l->packet_shapes;
	if (!l->node.shapes)
		return 0;
	l->lens = (l->node.lens[0] | (__u64)l->node.lens[1] << 32) & l->dsts;
	if (are_many(l->lens))
		FAMILY(sift)(l);
	__builtin_memcpy(l->key.src, key.addr, sizeof(key.addr));
	l->key.src_hostbits = hostbits;
	return 0;
}

/* Goes on to the next destination prefix that the node may have. Returns 0 if none is left. */
static __always_inline int FAMILY(next_length)(struct FAMILY(index_look) *l)
{
	int hostbits = FAMILY(next_hostbits)(&l->dst, &l->lens);

	if (hostbits < 0)
		return 0;
	l->shapes = l->node.shapes;
	l->key.prefixlen = ROW_FIXED_BITS + BITS - hostbits;
	FAMILY(mask)(l->key.dst, l->p->dst, hostbits);
	return 1;
}

/* Looks for one eroute that there may be; they come in the order in which they go before each other. */
static long FAMILY(next_slot)(__u32 i, struct FAMILY(index_look) *l)
{
	struct index_row row;
	__u64 h;
	__u32 shape;

	if (!l->shapes && !FAMILY(next_length)(l))
		return FAMILY(next_node)(l);
	shape = lowest_bit(l->shapes);
	l->shapes &= l->shapes - 1;
	l->key.proto = shape == SHAPE_ANY ? 0 : l->p->proto;
	l->key.sport = names_sport(shape) ? l->p->sport : 0;
	l->key.dport = names_dport(shape) ? l->p->dport : 0;
	h = mix(FAMILY(mix_address)(l->h_node, l->key.dst),
		(__u64)l->key.prefixlen << 40 | (__u64)l->key.proto << 32 |
			(__u32)l->key.sport << 16 | l->key.dport);
	if (FAMILY(find_slot)(l->number, h, &l->key, &row))
		return 0;
	l->answer = row.near_peer && is_key_exchange(l->p) ? INDEX_UNSURE : INDEX_FOUND;
	l->v->id = row.id;
	l->v->sa = row.sa;
	l->v->action = row.action;
	l->v->src_prefixlen = BITS - l->key.src_hostbits;
	l->v->dst_prefixlen = l->key.prefixlen - ROW_FIXED_BITS;
	l->v->shape = shape;
	l->v->to_peer = 0;
	return 1;
}

/* No packet takes more: every shape of every destination of every source. */
#define MOST_STEPS ((BITS + 2) * (BITS + 2) * SHAPES)

/*
 * Begins with what the filter says of the packet's addresses. INDEX_FOUND: there can be an
 * eroute for them.
 */
static __noinline enum index_answer FAMILY(begin)(struct FAMILY(index_look) *l)
{
	const struct index *head = (void *)line_at(l->number, 0);
	union index_line *line;
	__u32 cell;

	if (!head)
		return INDEX_UNSURE;
	cell = head->cells + FAMILY(cell)(l->p->dst, l->seed, head->cells);
	line = line_at(l->number, 1 + cell / 8);
	if (!line)
		return INDEX_UNSURE;
	l->dsts = line->words[cell & 7] | head->wide_dst;
	if (!l->dsts)
		return INDEX_NOWHERE;
	cell = FAMILY(cell)(l->p->src, l->seed, head->cells);
	line = line_at(l->number, 1 + cell / 8);
	if (!line)
		return INDEX_UNSURE;
	l->srcs = line->words[cell & 7] | head->wide_src;
	if (!l->srcs)
		return INDEX_NOWHERE;
	for (__u32 shape = 0; shape < SHAPES; shape++)
		l->packet_shapes |= has_shape(l->p, shape) << shape;
	return INDEX_FOUND;
}

/* Asks the index with a number, whose seed is the table's. */
static __noinline enum index_answer
FAMILY(ask_index)(const struct packet *p, __u32 number, __u64 seed,
					      struct verdict *v)
{
	struct FAMILY(index_look) l = { .p = p, .v = v, .seed = seed, .number = number };

	l.answer = FAMILY(begin)(&l);
	if (l.answer != INDEX_FOUND)
		return l.answer;
	l.answer = INDEX_NONE;
	bpf_loop(MOST_STEPS, FAMILY(next_slot), &l, 0);
	return l.answer;
}

#undef MOST_STEPS
#undef BITS
#undef LENS_A_BIT
#undef SLOTS_A_LINE
#undef BLOCK_BITS
#undef WIDE_LENS
#undef SRC_KEY
#undef ROW_KEY
#undef ROW_FIXED_BITS
#undef FAMILY
