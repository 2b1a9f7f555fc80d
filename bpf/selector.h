/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Selectors: which tuples a packet can match, and the keys of both families. A function with the
 * constant argument v6 is compiled once for each family.
 */
#ifndef EROUTE_SELECTOR_H
#define EROUTE_SELECTOR_H

#include "abi.h"
#include "kernel.h"
#include "parse.h"
#include "prune.h"

/* The larger member is first: an empty initialiser clears it. */
union eroute_key {
	struct eroute_key6 v6;
	struct eroute_key4 v4;
};

/* Aligns the IPv6 addresses in a key to 8 bytes, as mask_address() and copy_address() require. */
struct aligned_key {
	__u32 pad;
	union eroute_key key;
} ALIGNED;

static __always_inline __u32 address_bits(const bool v6)
{
	return v6 ? 128 : 32;
}

static __always_inline __u32 key_fixed_bits(const bool v6)
{
	return v6 ? KEY6_FIXED_BITS : KEY4_FIXED_BITS;
}

static __always_inline __u32 *key_prefixlen(union eroute_key *key)
{
	return &key->v4.prefixlen; /* the first member of both */
}

static __always_inline __u8 *key_src(union eroute_key *key, const bool v6)
{
	return v6 ? key->v6.src : key->v4.src;
}

static __always_inline __u8 *key_dst(union eroute_key *key, const bool v6)
{
	return v6 ? key->v6.dst : key->v4.dst;
}

static __always_inline __u8 *key_src_hostbits(union eroute_key *key, const bool v6)
{
	return v6 ? &key->v6.src_hostbits : &key->v4.src_hostbits;
}

/* Copies an address of the family. */
static __always_inline void copy_address(__u8 *to, const __u8 *from, const bool v6)
{
	if (v6)
		__builtin_memcpy(__builtin_assume_aligned(to, 8), from, 16);
	else
		__builtin_memcpy(to, from, 4);
}

/* Copies an address and clears its last hostbits bits. */
static __always_inline void mask_address(__u8 *to, const __u8 *from, __u32 hostbits, const bool v6)
{
	if (v6) {
		__u64 above = if_bit(hostbits, 6),
		      all = if_bit(hostbits, 7); /* 64 bits or more, 128 */
		__u64 mask = ~0ULL << (hostbits & 63), high, low;

		above |= all;
		to = __builtin_assume_aligned(to, 8);
		__builtin_memcpy(&high, from, 8);
		__builtin_memcpy(&low, from + 8, 8);
		high &= bpf_cpu_to_be64((mask | ~above) & ~all);
		low &= bpf_cpu_to_be64(mask & ~above);
		__builtin_memcpy(to, &high, 8);
		__builtin_memcpy(to + 8, &low, 8);
	} else {
		__u32 word;

		__builtin_memcpy(&word, from, 4);
		word &= bpf_htonl((__u32)(~0ULL << (hostbits & 63)));
		__builtin_memcpy(to, &word, 4);
	}
}

/* Sets of tuples. */
#define ALL_TUPLES ((1 << TUPLES) - 1)
#define TUPLES_WITH_SPORT (1 << TUPLE_SPORT_DPORT | 1 << TUPLE_SPORT)
#define TUPLES_WITH_DPORT (1 << TUPLE_SPORT_DPORT | 1 << TUPLE_DPORT)

/* The tuples of selectors that a packet can match. */
static __always_inline __u32 packet_tuples(const struct packet *p)
{
	__u32 lacking = p->proto ? 0 : ~(1 << TUPLE_ANY);

	lacking |= p->sport ? 0 : TUPLES_WITH_SPORT;
	lacking |= p->dport ? 0 : TUPLES_WITH_DPORT;
	return ALL_TUPLES & ~lacking;
}

static __always_inline void set_verdict(struct verdict *v, const struct eroute_value *entry,
					__u32 src_prefixlen, __u32 tuple)
{
	v->id = entry->id;
	v->sa = entry->sa;
	v->action = entry->action;
	v->src_prefixlen = src_prefixlen;
	v->dst_prefixlen = entry->dst_prefixlen;
	v->tuple = tuple;
}

/*
 * Sets the members of a key that the tuple names to the packet's protocol and ports, and the others
 * to 0.
 */
static __always_inline void set_key_tuple(union eroute_key *key, const struct packet *p,
					  __u32 tuple, const bool v6)
{
	__u8 proto = p->proto & if_bit(~(1 << TUPLE_ANY), tuple);
	__be16 sport = p->sport & if_bit(TUPLES_WITH_SPORT, tuple);
	__be16 dport = p->dport & if_bit(TUPLES_WITH_DPORT, tuple);

	if (v6) {
		key->v6.proto = proto;
		key->v6.sport = sport;
		key->v6.dport = dport;
	} else {
		key->v4.proto = proto;
		key->v4.sport = sport;
		key->v4.dport = dport;
	}
}

#endif
