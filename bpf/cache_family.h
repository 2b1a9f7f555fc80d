/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where answers of one address family are, and how they are read and written; included once for each. */

static __always_inline int
FAMILY(same_addresses)(const struct FAMILY(answer) *a, const struct packet *p)
{
	const volatile struct FAMILY(answer) *there = a;

#if BITS == 32
	return there->src == *(const __u32 *)p->src && there->dst == *(const __u32 *)p->dst;
#else
	const __u64 *src = (const __u64 *)p->src, *dst = (const __u64 *)p->dst;

	return there->src[0] == src[0] && there->dst[0] == dst[0] && there->src[1] == src[1] &&
	       there->dst[1] == dst[1];
#endif
}

static __always_inline void FAMILY(copy_addresses)(struct FAMILY(answer) *a, const struct packet *p)
{
	__builtin_memcpy(&a->src, p->src, sizeof(a->src));
	__builtin_memcpy(&a->dst, p->dst, sizeof(a->dst));
}

/*
 * Says where a packet's answer is kept, by the highest bits. Addresses and ports that count up are still in
 * step after one factor, which an unlucky one would let meet; hence another.
 */
static __always_inline __u64 FAMILY(answer_hash)(const struct packet *p, __u64 rest,
					 const struct table_meta *meta)
{
#if BITS == 32
	__u64 sum = hash_pair(*(const __u32 *)p->src, *(const __u32 *)p->dst, meta->keys);
#else
	__u64 sum = hash_address6(p->src, meta->keys) + hash_address6(p->dst, meta->keys + 4);
#endif
	sum += hash_pair(rest, rest >> 32, meta->keys + 8);
	return spread(spread(sum, meta->factors[0]), meta->factors[1]);
}

/*
 * A packet's set, and the way that it is looked for in first. Were that the same in all sets, most answers
 * would lie at addresses that few sets of the CPU's caches are for.
 */
static __always_inline struct FAMILY(answer_set) *
	FAMILY(answer_set)(void *sheets, const struct packet *p,
						     __u64 rest, const struct table_meta *meta,
						     __u32 *first)
{
	__u64 h = FAMILY(answer_hash)(p, rest, meta);
	__u32 bits = meta->cache_bits[BITS != 32], set = h >> (64 - bits);
	__u32 sheet = set >> SHEET_BITS, in_sheet = set & ((1 << SHEET_BITS) - 1);
	void *sets = bpf_map_lookup_elem(sheets, &sheet);

	*first = (h << bits >> 32) % CACHE_WAYS;
	return sets ? bpf_map_lookup_elem(sets, &in_sheet) : NULL;
}

/* Reads the packet's answer, if it is there. Returns whether it is. */
static __always_inline int
FAMILY(recall)(void *sheets, const struct packet *p, __u64 rest,
				  const struct table_meta *meta, __u64 version, struct noted *n)
{
	__u32 first;
	const struct FAMILY(answer_set) *set = FAMILY(answer_set)(sheets, p, rest, meta, &first);

	for (__u32 i = 0; set && i < CACHE_WAYS; i++) {
		const struct FAMILY(answer) *a = &set->way[(first ^ i) % CACHE_WAYS];
		__u64 before = READ_ONCE(a->answer.rest), stamp;

		read_barrier();
		stamp = READ_ONCE(a->answer.version);
		if (((before ^ rest) & REST_MASK) || ((stamp ^ version) & VERSION_MASK) ||
		    !FAMILY(same_addresses)(a, p))
			continue;
		n->what = READ_ONCE(a->answer.what);
		n->more = stamp >> VERSION_BITS | (before >> ANSWER_MORE_AT & MORE_MASK) << 16;
		read_barrier();
		return !(before >> ANSWER_SEQ_AT & 1) && before == READ_ONCE(a->answer.rest);
	}
	return 0;
}

/*
 * Keeps an answer in the place of one of another version, or of the same packet. If there is
 * none, in that of any, but only once in four times: flows that come once do not put out
 * those that come often.
 */
static __always_inline void FAMILY(remember)(void *sheets, const struct packet *p, __u64 rest,
				     const struct table_meta *meta, __u64 version,
				     const struct noted *n)
{
	__u32 first, way = CACHE_WAYS;
	struct FAMILY(answer_set) *set = FAMILY(answer_set)(sheets, p, rest, meta, &first);
	struct FAMILY(answer) *a;
	__u64 before;

	if (!set)
		return;
	for (int i = CACHE_WAYS - 1; i >= 0; i--) { /* as they are looked at, the last first */
		a = &set->way[(first ^ i) % CACHE_WAYS];
		if (((a->answer.version ^ version) & VERSION_MASK) ||
		    (!((a->answer.rest ^ rest) & REST_MASK) && FAMILY(same_addresses)(a, p)))
			way = first ^ i;
	}
	if (way == CACHE_WAYS) {
		way = bpf_get_prandom_u32();
		if (way / CACHE_WAYS % 4)
			return;
	}
	a = &set->way[way & (CACHE_WAYS - 1)];
	before = READ_ONCE(a->answer.rest);
	if ((before & SEQ_ONE) ||
	    __sync_val_compare_and_swap(&a->answer.rest, before, before + SEQ_ONE) != before)
		return; /* another CPU writes it */
	FAMILY(copy_addresses)(a, p);
	a->answer.version = (version & VERSION_MASK) | (__u64)n->more << VERSION_BITS;
	a->answer.what = n->what;
	rest |= (__u64)(n->more >> 16) << ANSWER_MORE_AT;
	__sync_lock_test_and_set(&a->answer.rest, rest | ((before & SEQ_MASK) + 2 * SEQ_ONE));
}

#undef BITS
#undef SHEET_BITS
#undef FAMILY
