/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Looks a packet up in the tries: longest source, then longest destination, then protocol, source
 * port and destination port set over unset. The source trie has the longest source prefix with
 * eroutes, and their tuples. The entry trie matches the whole selector but the destination exactly,
 * so one lookup for each tuple finds its longest destination. Without a match the next shorter
 * source prefix is tried: a lookup with a prefix length one less.
 */
#ifndef EROUTE_TRIE_H
#define EROUTE_TRIE_H

#include "abi.h"
#include "kernel.h"
#include "maps.h"
#include "parse.h"
#include "selector.h"

struct trie_walk {
	const struct packet *p;
	void *sources;
	void *entries;
	struct eroute_value *entry; /* the best match so far */
	__u32 tuple;
	__u32 src_prefixlen;
	__u32 prefixlen; /* maximum, of the next source lookup */
	__u32 tuples;    /* that the packet can match */
};

/* Looks one tuple up. A match replaces the best one if its destination is longer. */
static __always_inline void try_tuple(struct trie_walk *w, union eroute_key *key, __u32 tuple,
				      const bool v6)
{
	struct eroute_value *entry;

	set_key_tuple(key, w->p, tuple, v6);
	entry = bpf_map_lookup_elem(w->entries, key);
	if (!entry || (w->entry && entry->dst_prefixlen <= w->entry->dst_prefixlen))
		return;
	w->entry = entry;
	w->tuple = tuple;
}

/* The longest source prefix that covers the packet's source, up to w->prefixlen; NULL: none. */
static __always_inline struct src_value *find_source(struct trie_walk *w, const bool v6)
{
	struct src_key4 key4 = { .prefixlen = w->prefixlen };
	struct src_key6 key6 = { .prefixlen = w->prefixlen };

	__builtin_memcpy(key4.addr, w->p->src, sizeof(key4.addr));
	__builtin_memcpy(key6.addr, w->p->src, sizeof(key6.addr));
	return bpf_map_lookup_elem(w->sources, v6 ? (void *)&key6 : (void *)&key4);
}

/* Tries one source prefix. Returns 1 at a match, or if there is no shorter prefix. */
static __always_inline long trie_step(struct trie_walk *w, const bool v6)
{
	struct src_value *src = find_source(w, v6);
	__u32 hostbits;
	struct aligned_key aligned;
	union eroute_key *key = &aligned.key;

	if (!src)
		return 1;
	__builtin_memset(key, 0, v6 ? sizeof(key->v6) : sizeof(key->v4));
	*key_prefixlen(key) = key_fixed_bits(v6) + address_bits(v6);
	hostbits = address_bits(v6) - src->prefixlen;
	mask_address(key_src(key, v6), w->p->src, hostbits, v6);
	*key_src_hostbits(key, v6) = hostbits;
	copy_address(key_dst(key, v6), w->p->dst, v6);
	for (__u32 tuple = 0; tuple < TUPLES; tuple++)
		if ((src->refs[tuple][0] | src->refs[tuple][1] | src->refs[tuple][2]) &
		    if_bit(w->tuples, tuple))
			try_tuple(w, key, tuple, v6);
	w->src_prefixlen = src->prefixlen;
	if (w->entry || !src->prefixlen)
		return 1;
	w->prefixlen = src->prefixlen - 1;
	return 0;
}

static long trie_step4(__u32 i, struct trie_walk *w)
{
	return trie_step(w, false);
}

static long trie_step6(__u32 i, struct trie_walk *w)
{
	return trie_step(w, true);
}

/* Sets the verdict from the tries of a generation. Returns 0, or -1 if there are none. */
static __always_inline int trie_lookup(const struct packet *p, __u32 generation, struct verdict *v,
				       const bool v6)
{
	struct trie_walk w = {
		.p = p,
		.prefixlen = address_bits(v6),
		.tuples = hide_from_verifier(packet_tuples(p), generation),
	};

	w.sources = v6 ? bpf_map_lookup_elem(&eroute_src6, &generation)
		       : bpf_map_lookup_elem(&eroute_src4, &generation);
	w.entries = v6 ? bpf_map_lookup_elem(&eroute_entry6, &generation)
		       : bpf_map_lookup_elem(&eroute_entry4, &generation);
	if (!w.sources || !w.entries)
		return -1;
	/* Each prefix of a source is tried once, so the walk ends before this bound. */
	if (v6)
		bpf_loop(address_bits(true) + 1, trie_step6, &w, 0);
	else
		bpf_loop(address_bits(false) + 1, trie_step4, &w, 0);
	if (w.entry)
		set_verdict(v, w.entry, w.src_prefixlen, w.tuple);
	return 0;
}

static __noinline int trie_lookup4(const struct packet *p, __u32 generation, struct verdict *v)
{
	return trie_lookup(p, generation, v, false);
}

static __noinline int trie_lookup6(const struct packet *p, __u32 generation, struct verdict *v)
{
	return trie_lookup(p, generation, v, true);
}

#endif
