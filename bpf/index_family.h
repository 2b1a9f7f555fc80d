/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What index.h says of one address family; included once for each. */

/* Whether a group's word says that no eroute has such a hash: mostly so, and find_slot need not be called. */
static __always_inline int FAMILY(no_slot)(__u32 number, __u64 h)
{
	const volatile struct index *head = (void *)line_at(number, 0);
	const union index_line *line;
	__u32 group;
	__u64 word;

	if (!head)
		return 0;
	group = below(h, head->slot_groups);
	line = line_at(number, head->slot_groups_at + group / 8);
	if (!line)
		return 0;
	word = line->words[group & 7];
	return !(same_tags(word, h) | word >> 56);
}

/* Whether two keys are the same; without choices, each of which the verifier would follow. */
static __always_inline int FAMILY(same_key)(const struct ROW_KEY *a, const struct ROW_KEY *b)
{
	const __u32 *x = (const void *)a, *y = (const void *)b;
	__u32 differ = 0;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*a) / sizeof(*x); i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/*
 * Finds an eroute by its hash and key, and copies what packets need of it. Not static: it
 * is verified once, by itself. Returns 0, or -1 if there is none.
 */
__noinline int
FAMILY(find_slot)(__u32 number, __u64 h, const struct ROW_KEY *key, struct verdict *v)
{
	/* volatile: to be read again costs less than the stack it would take to keep it. */
	const volatile struct index *head = (void *)line_at(number, 0);
	__u32 group;

	if (!head || !key || !v)
		return -1;
	group = below(h, head->slot_groups);
#pragma clang loop unroll(disable)
	for (int i = 0; i < INDEX_REACH; i++) {
		union index_line *line = line_at(number, head->slot_groups_at + group / 8);
		__u64 word, tags;

		if (!line)
			return -1;
		word = line->words[group & 7];
		tags = same_tags(word, h);
#pragma clang loop unroll(disable)
		for (int j = 0; j < INDEX_SLOTS && tags; j++) {
			const struct FAMILY(index_slot) *slot;
			__u32 n = group * INDEX_SLOTS + lowest_bit(tags) / 8;

			line = line_at(number, head->slots_at + n / SLOTS_A_LINE);
			if (!line)
				return -1;
			slot = &line->FAMILY(slots)[n & (SLOTS_A_LINE - 1)];
			if (FAMILY(same_key)(&slot->key, key)) {
				v->id = slot->value.id;
				v->sa = slot->value.sa;
				v->action = slot->value.action;
				return 0;
			}
			tags &= tags - 1;
		}
		if (!(word >> 56)) /* none had to go on */
			return -1;
		if (++group == head->slot_groups)
			group = 0;
		group = forget(group, h);
	}
	return -1;
}

/* How far a look has come. */
struct FAMILY(index_place) {
	__u64 srcs; /* lengths of sources not tried yet */
	__u64 fit; /* lengths that prefixes of the destination can have, the packet's shapes, its block */
	__u64 kinds;   /* of the source prefix in key; lengths not tried yet */
	__u64 src_sum; /* of the source prefix in key */
	__u32 number;  /* of the index */
	struct ROW_KEY key;
	struct hostbits src;
	struct hostbits dst;
	__u8 shapes; /* not tried yet of the prefixes in key */
	__u8 answer; /* enum index_answer */
};

struct FAMILY(index_look) {
	const struct packet *p;
	const struct table_meta *meta;
	struct verdict *v;
	struct FAMILY(index_place) at;
};

/* Goes on to the next number of host bits, the longest prefix first. Returns it, or -1 if none is left. */
static __always_inline int FAMILY(next_hostbits)(struct hostbits *h, __u64 *lens)
{
	if (h->next == h->end) {
		__u32 bit = lowest_bit(*lens);

		if (!*lens)
			return -1;
		*lens &= *lens - 1;
		h->next = FAMILY(first_hostbits)(bit);
		h->end = FAMILY(first_hostbits)(bit + 1);
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

/*
 * The sums of hash.h, of which keys each has its own: of a source prefix, to which are added that of a block of
 * destinations, for kinds, or that of the rest of a selector, for slots.
 */
static __always_inline __u64 FAMILY(source_sum)(const struct table_meta *meta, const __u8 *address,
					__u32 hostbits)
{
#if BITS == 32
	return hash_pair(*(const any32 *)address, hostbits, meta->keys);
#else
	return hash_address6(address, meta->keys) + hash_pair(hostbits, 0, meta->keys + 4);
#endif
}

/* Of a block of so many bits of an address. */
static __always_inline __u64 FAMILY(block_sum)(const struct table_meta *meta, const __u8 *address,
				       __u32 bits)
{
#if BITS == 32
	__u32 block;

	__builtin_memcpy(&block, address, 4);
	block &= bpf_htonl(~0U << (32 - bits));
	return hash_pair(block, bits, meta->keys + 6);
#else
	__u64 block;

	__builtin_memcpy(&block, address, 8);
	block &= bpf_cpu_to_be64(~0ULL << (64 - bits));
	return hash_pair(block, block >> 32, meta->keys + 6) + hash_pair(bits, 0, meta->keys + 8);
#endif
}

/*
 * Leaves of a source's kinds those that it has near the destination: a block's are of prefixes that lie
 * within it, and not within a smaller one. It costs cache lines, as looks for slots may. No
 * block is left out: the verifier would follow each choice.
 */
static __always_inline int
FAMILY(sift)(const struct FAMILY(index_place) *at, const struct table_meta *meta,
				const volatile struct index *head, const struct packet *p,
				__u64 *kinds)
{
	__u64 wide = FAMILY(SHORTER_THAN)(BLOCK_BITS), near = *kinds & LENS & wide ? wide : 0;

#pragma clang loop unroll(disable)
	for (__u32 bits = BLOCK_BITS; bits <= LEAST_BITS; bits += STEP_BITS)
		if (add_kinds(at->number, head,
			      spread(at->src_sum + FAMILY(block_sum)(meta, p->dst, bits), meta->factors[0]),
			      &near))
			return -1;
	*kinds &= near;
	return 0;
}

/*
 * Goes on to the next source prefix that has eroutes near the destination. It tries some at once, as
 * a call costs as much as a try. Not static, as find_slot.
 */
__noinline int FAMILY(next_source)(struct FAMILY(index_place) *at, const struct packet *p)
{
	const volatile struct index *head = at ? (void *)line_at(at->number, 0) : NULL;
	__u32 zero = 0;
	const struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);

	if (!head || !p || !meta)
		return SOURCE_UNSURE;
#pragma clang loop unroll(disable)
	for (int i = 0; i < SOURCES_AT_ONCE; i++) {
		int hostbits = FAMILY(next_hostbits)(&at->src, &at->srcs);
		__u64 kinds = 0;

		if (hostbits < 0)
			return SOURCE_NONE;
		at->key.src_hostbits = hostbits;
		FAMILY(mask)(at->key.src, p->src, hostbits);
		at->src_sum = FAMILY(source_sum)(meta, at->key.src, hostbits);
		if (add_kinds(at->number, head, spread(at->src_sum, meta->factors[0]), &kinds))
			return SOURCE_UNSURE;
		kinds &= at->fit;
		if (!(kinds >> INDEX_BLOCKS_AT))
			continue;
		if (are_many(kinds & LENS) && FAMILY(sift)(at, meta, head, p, &kinds))
			return SOURCE_UNSURE;
		if (kinds & SHAPES_MASK && kinds & LENS) {
			at->kinds = kinds;
			return SOURCE_FOUND;
		}
	}
	return SOURCE_NOT_YET;
}

/* Goes on to the next destination prefix that the source may have. Returns 0 if none is left. */
static __always_inline int
FAMILY(next_length)(struct FAMILY(index_place) *at, const struct packet *p)
{
	__u64 lens = at->kinds & LENS;
	int hostbits = FAMILY(next_hostbits)(&at->dst, &lens);

	if (hostbits < 0)
		return 0;
	at->shapes = (at->kinds & SHAPES_MASK) >> INDEX_SHAPES_AT;
	at->kinds = (at->kinds & ~LENS) | lens;
	at->key.prefixlen = ROW_FIXED_BITS + BITS - hostbits;
	FAMILY(mask)(at->key.dst, p->dst, hostbits);
	return 1;
}

/* The hash of the eroute in key. Not inlined: it takes registers that would lie on the stack else. */
static __noinline __u64
FAMILY(slot_hash)(const struct table_meta *meta, const struct FAMILY(index_place) *at)
{
	const struct ROW_KEY *key = &at->key;
	__u64 sum = at->src_sum;
	__u32 kind = key->prefixlen << 8 | key->proto, ports = key->sport | (__u32)key->dport << 16;

#if BITS == 32
	sum += hash_pair(*(const any32 *)key->dst, kind, meta->keys + 10) +
	       hash_pair(ports, 0, meta->keys + 12);
#else
	sum += hash_address6(key->dst, meta->keys + 10) + hash_pair(kind, ports, meta->keys + 14);
#endif
	return spread(sum, meta->factors[0]);
}

/*
 * Looks for some eroutes that there may be; they come in the order in which they go before each
 * other. Returns 1 at the end.
 */
static long FAMILY(next_slots)(__u32 n, struct FAMILY(index_look) *l)
{
	struct FAMILY(index_place) *at = &l->at;

#pragma clang loop unroll(disable)
	for (int i = 0; i < SLOTS_AT_ONCE; i++) {
		__u32 shape;
		__u64 h;

		if (!at->shapes && !FAMILY(next_length)(at, l->p)) {
			int next = FAMILY(next_source)(at, l->p);

			if (next == SOURCE_UNSURE)
				l->at.answer = INDEX_UNSURE;
			if (next >= SOURCE_NONE)
				return 1;
			continue;
		}
		shape = lowest_bit(at->shapes);
		at->shapes &= at->shapes - 1;
		at->key.proto = shape == SHAPE_ANY ? 0 : l->p->proto;
		at->key.sport = names_sport(shape) ? l->p->sport : 0;
		at->key.dport = names_dport(shape) ? l->p->dport : 0;
		h = FAMILY(slot_hash)(l->meta, at);
		if (FAMILY(no_slot)(at->number, h) ||
		    FAMILY(find_slot)(at->number, h, &at->key, l->v))
			continue;
		l->at.answer = INDEX_FOUND;
		l->v->src_prefixlen = BITS - at->key.src_hostbits;
		l->v->dst_prefixlen = at->key.prefixlen - ROW_FIXED_BITS;
		l->v->shape = shape;
		return 1;
	}
	return 0;
}

/* No packet takes more: every shape of every destination of every source. */
#define MOST_STEPS ((BITS + 2) * (BITS + 2) * SHAPES)

/*
 * Begins with what the filter says of the packet's addresses. INDEX_FOUND: there can be an
 * eroute for them.
 */
static __noinline enum index_answer FAMILY(begin)(struct FAMILY(index_look) *l)
{
	const struct index *head = (void *)line_at(l->at.number, 0);
	union index_line *line;
	__u64 block;
	__u32 cell;

	if (!head)
		return INDEX_UNSURE;
	block = spread(FAMILY(block_sum)(l->meta, l->p->dst, BLOCK_BITS), l->meta->factors[0]);
	cell = head->cells + below(block, head->cells);
	line = line_at(l->at.number, 1 + cell / 8);
	if (!line)
		return INDEX_UNSURE;
	l->at.fit = line->words[cell & 7] | head->wide_dst;
	if (!l->at.fit)
		return INDEX_NOWHERE;
	cell = below(spread(FAMILY(block_sum)(l->meta, l->p->src, BLOCK_BITS), l->meta->factors[0]),
		     head->cells);
	line = line_at(l->at.number, 1 + cell / 8);
	if (!line)
		return INDEX_UNSURE;
	l->at.srcs = line->words[cell & 7] | head->wide_src;
	if (!l->at.srcs)
		return INDEX_NOWHERE;
	for (__u32 shape = 0; shape < SHAPES; shape++)
		l->at.fit |= (__u64)has_shape(l->p, shape) << (INDEX_SHAPES_AT + shape);
	l->at.fit |= 1ULL << (INDEX_BLOCKS_AT + (block >> 60));
	l->at.fit = forget(l->at.fit, block);
	return INDEX_FOUND;
}

/* Asks the index with a number. */
static __noinline enum index_answer
FAMILY(ask_index)(const struct packet *p, __u32 number,
					      const struct table_meta *meta, struct verdict *v)
{
	struct FAMILY(index_look) l = { .p = p, .meta = meta, .v = v, .at = { .number = number } };

	l.at.answer = FAMILY(begin)(&l);
	if (l.at.answer != INDEX_FOUND)
		return l.at.answer;
	l.at.answer = INDEX_NONE;
	bpf_loop(MOST_STEPS, FAMILY(next_slots), &l, 0);
	return l.at.answer;
}

#undef MOST_STEPS
#undef BITS
#undef SLOTS_A_LINE
#undef BLOCK_BITS
#undef LEAST_BITS
#undef STEP_BITS
#undef ROW_KEY
#undef ROW_FIXED_BITS
#undef FAMILY
