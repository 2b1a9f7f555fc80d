/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flows of traps: eroutes from host to host, or with the selector of their trap. Few packets have a
 * flow, so flows are not in the tries but in a hash.
 */
#ifndef EROUTE_FLOW_H
#define EROUTE_FLOW_H

#include "abi.h"
#include "hash.h"
#include "kernel.h"
#include "maps.h"
#include "barrier.h"
#include "parse.h"
#include "selector.h"

/* The members of a flow before its seal, as copied by flow_read(). */
struct flow_data {
	struct eroute_value entry;
	__u32 device;
	__u32 trap;
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 pad;
	__u64 serial;
	__u64 relay_until;
};

struct match {
	struct verdict v;
	struct flow *flow;   /* NULL: an eroute of the table. Access only its owned words */
	struct flow_key key; /* of the flow */
	/* Of the flow, copied by flow_read(). */
	__u32 trap;
	__u64 serial;
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 uses_relay; /* before relay_until */
};

/* Maximum lookups of a flow that changes while it is read. */
#define FLOW_TRIES 8

_Static_assert(sizeof(struct flow_data) == __builtin_offsetof(struct flow, seal),
	       "a flow begins with its data");
_Static_assert(sizeof(struct flow_key) == 11 * 4 && sizeof(struct flow_data) == 10 * 4 &&
		       HASH_KEYS >= 22,
	       "what flow_seal reads");

/* A keyed hash of a flow's key and data. It does not match if they do not belong together. */
static __always_inline __u64 flow_seal(const struct table_meta *meta, const struct flow_key *key,
				       const struct flow_data *data)
{
	const any32 *k = (const any32 *)key, *f = (const any32 *)data;
	__u64 sum = hash_pair(k[10], f[0], meta->keys + 10);

#pragma unroll
	for (int i = 0; i < 10; i += 2)
		sum += hash_pair(k[i], k[i + 1], meta->keys + i);
#pragma unroll
	for (int i = 1; i < 9; i += 2)
		sum += hash_pair(f[i], f[i + 1], meta->keys + 11 + i);
	return sum + hash_pair(f[9], 0, meta->keys + 20);
}

/*
 * Copies a flow's data. Returns whether they are consistent and belong to this key: the memory can
 * become another flow's at any time. A global function: the verifier verifies it once, on its own.
 */
__noinline int flow_read(const struct flow_key *key, const struct flow *flow,
			 struct flow_data *data)
{
	__u32 zero = 0;
	const struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	const any64 *from = (const any64 *)flow;
	any64 *to = (any64 *)data;

	if (!meta || !key || !flow || !data)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < sizeof(*data) / sizeof(*to); i++)
		to[i] = READ_ONCE(from[i]);
	return READ_ONCE(flow->seal) == flow_seal(meta, key, data);
}

static __always_inline __u32 packet_address_bits(const struct packet *p)
{
	return p->family == AF_INET ? 32 : 128;
}

/* The first prefixlen bits of half an address, in network byte order. */
static __always_inline __be64 first_bits(const __u8 *from, __u32 prefixlen)
{
	__u64 half;

	__builtin_memcpy(&half, from, sizeof(half));
	if (!prefixlen)
		return 0;
	return half & bpf_cpu_to_be64(~0ULL << ((64 - prefixlen) & 63));
}

static __always_inline void copy_prefix(__u8 *to, const __u8 *from, __u32 prefixlen)
{
	__be64 high = first_bits(from, prefixlen > 64 ? 64 : prefixlen);
	__be64 low = first_bits(from + 8, prefixlen > 64 ? prefixlen - 64 : 0);

	__builtin_memcpy(to, &high, sizeof(high));
	__builtin_memcpy(to + 8, &low, sizeof(low));
}

static __always_inline void set_ports(const struct packet *p, __u32 tuple, struct flow_key *key)
{
	key->family = p->family;
	key->proto = p->proto & if_bit(~(1 << TUPLE_ANY), tuple);
	key->sport = p->sport & if_bit(TUPLES_WITH_SPORT, tuple);
	key->dport = p->dport & if_bit(TUPLES_WITH_DPORT, tuple);
}

/* Makes the key of the packet's host-to-host flow with a tuple. */
static __always_inline void make_host_key(const struct packet *p, __u32 tuple, struct flow_key *key)
{
	set_ports(p, tuple, key);
	key->src_prefixlen = packet_address_bits(p);
	key->dst_prefixlen = packet_address_bits(p);
	__builtin_memcpy(key->src, p->src, 16);
	__builtin_memcpy(key->dst, p->dst, 16);
}

/* Makes the key of a flow with the selector of the table's eroute that the packet matched. */
static __always_inline void make_entry_key(const struct packet *p, const struct match *m,
					   struct flow_key *key)
{
	set_ports(p, m->v.tuple, key);
	key->src_prefixlen = m->v.src_prefixlen;
	key->dst_prefixlen = m->v.dst_prefixlen;
	copy_prefix(key->src, p->src, m->v.src_prefixlen);
	copy_prefix(key->dst, p->dst, m->v.dst_prefixlen);
}

/*
 * Looks the flow in m->key up, which has this tuple. Returns 1 on a match, 0 if there is none, -1
 * if it keeps changing: the packet has no verdict then.
 */
static __noinline int flow_lookup(struct match *m, __u32 tuple)
{
	struct flow_data data;

#pragma clang loop unroll(disable)
	for (int i = 0; i < FLOW_TRIES; i++) {
		struct flow *flow = bpf_map_lookup_elem(&eroute_flows, &m->key);

		if (!flow)
			return 0;
		if (!flow_read(&m->key, flow, &data))
			continue;
		m->flow = flow;
		m->trap = data.trap;
		m->serial = data.serial;
		m->trap_src_prefixlen = data.trap_src_prefixlen;
		m->trap_dst_prefixlen = data.trap_dst_prefixlen;
		m->trap_action = data.trap_action;
		m->uses_relay = data.relay_until && bpf_ktime_get_ns() < data.relay_until;
		set_verdict(&m->v, &data.entry, m->key.src_prefixlen, tuple);
		return 1;
	}
	return -1;
}

/* Reports whether the table's eroute is host to host and has a more specific tuple. */
static __always_inline int is_more_specific(const struct match *m, __u32 bits, __u32 tuple)
{
	return m->v.action && m->v.src_prefixlen == bits && m->v.dst_prefixlen == bits &&
	       m->v.tuple < tuple;
}

/*
 * Replaces the table's eroute by the packet's flow, if there is one that takes precedence. tuples
 * are those that flows ever had. Returns 0, or -1 as flow_lookup().
 */
static __noinline int match_flow(const struct packet *p, __u32 tuples, struct match *m)
{
	__u32 bits = packet_address_bits(p);
	int met;

	tuples &= packet_tuples(p);
	for (__u32 tuple = 0; tuple < TUPLES; tuple++) {
		if (is_more_specific(m, bits, tuple))
			break;
		if (!(tuples & (1 << tuple)))
			continue;
		make_host_key(p, tuple, &m->key);
		met = flow_lookup(m, tuple);
		if (met)
			return met < 0 ? met : 0;
	}
	if (m->v.action != ACT_TRAPSUBNET)
		return 0;
	make_entry_key(p, m, &m->key);
	return flow_lookup(m, m->v.tuple) < 0 ? -1 : 0;
}

#endif
