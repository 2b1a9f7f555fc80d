/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From a packet to its eroute: longest source, then longest destination, then
 * protocol, source port and destination port set over unset.
 *
 * The source trie gives the longest source prefix that has eroutes at all, and of
 * which shapes. Each shape has its rows in the same trie, so one longest-prefix
 * lookup a shape finds its longest destination. No row there: the next shorter
 * source prefix is a lookup with prefixlen one less than the one found.
 */
#ifndef EROUTE_CLASSIFY_H
#define EROUTE_CLASSIFY_H

#include "cache.h"

/* What a flow is, as read_flow() has copied it. */
struct flow_facts {
	struct row_value row;
	__u32 device;
	__u32 trap;
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 pad;
	__u64 serial;
	__u64 kept_until;
};

struct match {
	struct verdict v;
	struct flow *flow;   /* whose it is; NULL: the table's. Only its owned words are read */
	struct flow_key key; /* of the flow */
	/* Of the flow, as read_flow() has copied it. */
	__u32 trap;
	__u64 serial;
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 is_kept; /* kept_until has not passed */
};

/* Whether a packet can match selectors of this shape at all. */
static __always_inline int has_shape(const struct packet *p, __u32 shape)
{
	if (shape == SHAPE_ANY)
		return 1;
	if (!p->proto)
		return 0;
	if ((shape == SHAPE_SPORT_DPORT || shape == SHAPE_SPORT) && !p->sport)
		return 0;
	if ((shape == SHAPE_SPORT_DPORT || shape == SHAPE_DPORT) && !p->dport)
		return 0;
	return 1;
}

static __always_inline int names_sport(__u32 shape)
{
	return shape == SHAPE_SPORT_DPORT || shape == SHAPE_SPORT;
}

static __always_inline int names_dport(__u32 shape)
{
	return shape == SHAPE_SPORT_DPORT || shape == SHAPE_DPORT;
}

/* Copies the first prefixlen bits of an address; the others become 0. */
static __always_inline void mask_address(__u8 *to, const __u8 *from, __u32 bytes, __u32 prefixlen)
{
	for (__u32 i = 0; i < bytes; i++) {
		__u32 bits = prefixlen > 8 ? 8 : prefixlen;

		to[i] = from[i] & (0xff00 >> bits);
		prefixlen -= bits;
	}
}

static __always_inline void set_verdict(struct verdict *v, const struct row_value *row,
					__u32 src_prefixlen, __u32 shape)
{
	v->id = row->id;
	v->sa = row->sa;
	v->action = row->action;
	v->src_prefixlen = src_prefixlen;
	v->dst_prefixlen = row->dst_prefixlen;
	v->shape = shape;
}

#define BITS 32
#define BYTES 4
#define SRC_KEY src_key4
#define ROW_KEY row_key4
#define ROW_FIXED_BITS ROW4_FIXED_BITS
#define SRC_TRIES eroute_src4
#define ROW_TRIES eroute_row4
#define FAMILY(name) name##4
#include "classify_family.h"

#define BITS 128
#define BYTES 16
#define SRC_KEY src_key6
#define ROW_KEY row_key6
#define ROW_FIXED_BITS ROW6_FIXED_BITS
#define SRC_TRIES eroute_src6
#define ROW_TRIES eroute_row6
#define FAMILY(name) name##6
#include "classify_family.h"

#include "index.h"
#include "flow.h"

/* Asks the index, if the table has one, under the version of now. */
static __always_inline enum index_answer ask_index(const struct packet *p,
						   const struct table_meta *meta, __u32 generation,
						   __u64 version, struct verdict *v)
{
	__u32 number = 2 * generation + (p->family != AF_INET);
	enum index_answer answer;

	answer = p->family == AF_INET ? ask_index4(p, number, meta, v)
				      : ask_index6(p, number, meta, v);
	read_barrier();
	return cache_version(meta) == version ? answer : INDEX_UNSURE;
}

/*
 * What the table says of a packet, without flows: as remembered, else by its index, else by
 * the tries of the generation that it tells. Returns 0, or -1 if the table is not there. Not
 * static: it is verified once, by itself, and callers for whatever it may answer.
 */
__noinline int ask_table(const struct packet *p, struct verdict *v, __u32 *generation)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	enum index_answer answer;
	__u64 version, remembered;
	__u32 *vain;
	int err;

	if (!meta || !p || !v || !generation)
		return -1;
	version = cache_version(meta);
	*generation = meta->generation;
	vain = unanswered(OF_TABLE, p->family);
	remembered = may_be_answered(vain) ? version : 0;
	if (remembered && note_answered(vain, recall_verdict(p, meta, version, v)))
		return 0;
	remembered = forget(remembered, version);
	answer = version ? ask_index(p, meta, *generation, version, v) : INDEX_UNSURE;
	if (answer == INDEX_NOWHERE)
		return 0;
	if (answer == INDEX_UNSURE) {
		__builtin_memset(v, 0, sizeof(*v));
		err = p->family == AF_INET ? classify4(p, *generation, v)
					   : classify6(p, *generation, v);
		if (err)
			return err;
	}
	if (remembered)
		remember_verdict(p, meta, remembered, v);
	return 0;
}

/*
 * Finds the eroute of a packet in the table of this moment, flows of traps included.
 * Returns 0, or -1 if the table is not there or cannot be read: the caller drops the packet.
 */
static __always_inline int classify(const struct packet *p, struct match *m)
{
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);

	__builtin_memset(&m->v, 0, sizeof(m->v));
	m->flow = NULL;
	m->key.generation = 0;
	if (!relay || ask_table(p, &m->v, &m->key.generation))
		return -1;
	return relay->flow_shapes ? find_flow(p, relay->flow_shapes, m) : 0;
}

#endif
