/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The table: eroutes and their counters, and which of its two generations is in use. */
#ifndef EROUTE_ABI_TABLE_H
#define EROUTE_ABI_TABLE_H

#include <linux/types.h>

#include "abi_limits.h"

/* The action of an eroute. Never 0: an empty value has no action. */
enum eroute_action {
	ACT_SA = 1,
	ACT_PASS,
	ACT_DROP,
	ACT_REJECT,
	ACT_HOLD,
	ACT_TRAP,
	ACT_TRAPSUBNET,
	ACT_XFRM, /* left to the policies of XFRM that have no if_id */
	ACTIONS,
};

/*
 * The members that a selector names, protocol and ports, most specific first. A set of tuples is a bitmap of
 * 1 << tuple.
 */
enum eroute_tuple {
	TUPLE_SPORT_DPORT,
	TUPLE_SPORT,
	TUPLE_DPORT,
	TUPLE_PROTO,
	TUPLE_ANY,
	TUPLES,
};

struct src_key4 {
	__u32 prefixlen;
	__u8 addr[4];
};

struct src_key6 {
	__u32 prefixlen;
	__u8 addr[16];
};

/* A source prefix that has eroutes: the number of eroutes with each tuple, less than EROUTE_MAX. */
struct src_value {
	__u8 prefixlen;       /* distinguishes an exact match from a shorter prefix */
	__u8 refs[TUPLES][3]; /* little endian */
};

/*
 * The selector of an eroute. The LPM trie matches all members before dst exactly and dst by longest
 * prefix. src_hostbits is 32 or 128 minus the source's prefix length. Ports are in network byte
 * order, 0: any.
 */
struct eroute_key4 {
	__u32 prefixlen;
	__u8 src[4];
	__u8 src_hostbits;
	__u8 proto;
	__be16 sport;
	__be16 dport;
	__u8 pad[2]; /* aligns dst */
	__u8 dst[4];
};

struct eroute_key6 {
	__u32 prefixlen;
	__u8 src[16];
	__u8 src_hostbits;
	__u8 proto;
	__be16 sport;
	__be16 dport;
	__u8 pad[2];
	__u8 dst[16];
};

struct eroute_value {
	__u32 id; /* of its counters */
	__u32 sa; /* slot in eroute_sas, which has the SAID; of a shunt 0, which is also a slot: see action */
	__u8 action;
	__u8 dst_prefixlen; /* distinguishes an exact match from a shorter prefix */
	__u8 followed;      /* for commands only: 1: made from a policy of XFRM, not by a command */
	__u8 pad;
};

/*
 * The counters that a packet changes, per eroute and CPU. They are small so that the CPU's caches
 * hold many.
 */
struct counters {
	__u64 packets; /* low COUNTER_TICK_AT bits: packets; above: tick of the last packet, 0: never */
	__u64 bytes;
};

/*
 * Counters of COUNTER_BLOCK consecutive ids on one CPU, a whole number of cache lines. The block of
 * the next CPU follows.
 */
struct counter_block {
	struct counters of[COUNTER_BLOCK];
	__u64 last[COUNTER_BLOCK]; /* CLOCK_MONOTONIC, ns: first packet in the tick; 0: never */
};

/* The table that a command writes. If the command is killed, the next one repairs it. */
enum writing {
	WRITING_NOTHING,
	WRITING_TABLE,   /* the active table */
	WRITING_STANDBY, /* the table that will replace the active one */
	WRITING_COUNTS,  /* no table, but the numbers of eroutes are out of date */
};

struct table_meta {
	__u32 generation; /* the active one, 0 or 1 */
	__u32 limit;      /* maximum eroutes, both families together */
	__u32 writing;    /* enum writing */
	__u32 pad;
	__u64 version;         /* of the table; raised when writing is set, never 0 */
	__u64 factors[2];      /* odd, random; see hash.h */
	__u32 keys[HASH_KEYS]; /* random; see hash.h */
	__u64 token;           /* random; see token.h */
	/* Per family, IPv4 first: eroutes, and buckets of the cache as a power of 2. */
	__u32 count[2];
	__u32 cache_bits[2];
};

#endif
