/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The walk of classify.h for one address family; included once for each. */

struct FAMILY(walk) {
	const struct packet *p;
	void *sources;
	void *rows;
	struct row_value *row; /* the best so far */
	__u32 shape;
	__u32 src_prefixlen;
	__u32 prefixlen; /* of the source lookup to do next */
};

/* Looks one shape up and keeps its row if its destination is longer than the best so far. */
static __always_inline void
FAMILY(try_shape)(struct FAMILY(walk) *w, struct ROW_KEY *key, __u32 shape)
{
	struct row_value *row;

	if (!has_shape(w->p, shape))
		return;
	key->proto = shape == SHAPE_ANY ? 0 : w->p->proto;
	key->sport = names_sport(shape) ? w->p->sport : 0;
	key->dport = names_dport(shape) ? w->p->dport : 0;
	row = bpf_map_lookup_elem(w->rows, key);
	if (!row || (w->row && row->dst_prefixlen <= w->row->dst_prefixlen))
		return;
	w->row = row;
	w->shape = shape;
}

/* One source prefix; ends the walk when it has a matching row or no shorter one is left. */
static long FAMILY(step)(__u32 i, struct FAMILY(walk) *w)
{
	struct SRC_KEY src_key = { .prefixlen = w->prefixlen };
	struct ROW_KEY key = { .prefixlen = ROW_FIXED_BITS + BITS };
	struct src_value *src;

	__builtin_memcpy(src_key.addr, w->p->src, BYTES);
	src = bpf_map_lookup_elem(w->sources, &src_key);
	if (!src)
		return 1;
	mask_address(key.src, w->p->src, BYTES, src->prefixlen);
	key.src_hostbits = BITS - src->prefixlen;
	__builtin_memcpy(key.dst, w->p->dst, BYTES);
	for (__u32 shape = 0; shape < SHAPES; shape++)
		if (src->refs[shape][0] | src->refs[shape][1] | src->refs[shape][2])
			FAMILY(try_shape)(w, &key, shape);
	w->src_prefixlen = src->prefixlen;
	if (w->row || !src->prefixlen)
		return 1;
	w->prefixlen = src->prefixlen - 1;
	return 0;
}

static __noinline int FAMILY(classify)(const struct packet *p, __u32 generation, struct verdict *v)
{
	struct FAMILY(walk) w = { .p = p, .prefixlen = BITS };

	w.sources = bpf_map_lookup_elem(&SRC_TRIES, &generation);
	w.rows = bpf_map_lookup_elem(&ROW_TRIES, &generation);
	if (!w.sources || !w.rows)
		return -1;
	/* A source has at most BITS + 1 prefixes, each visited once: the bound is never what ends it. */
	bpf_loop(BITS + 1, FAMILY(step), &w, 0);
	if (w.row)
		set_verdict(v, w.row, w.src_prefixlen, w.shape);
	return 0;
}

#undef BITS
#undef BYTES
#undef SRC_KEY
#undef ROW_KEY
#undef ROW_FIXED_BITS
#undef SRC_TRIES
#undef ROW_TRIES
#undef FAMILY
