/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The caches of the table and of the fast path, see cache.h and epoch.h. */
#ifndef EROUTE_ABI_CACHE_H
#define EROUTE_ABI_CACHE_H

#include <linux/types.h>

#include "abi_limits.h"

/* The versions of table and routes that cached results of the fast path depend on. */
struct epoch {
	__u64 number;    /* odd while another member is written; 0: not set yet */
	__u64 table;     /* table_meta.version */
	__u64 routes[2]; /* routes_version() of IPv4, IPv6 */
};

/*
 * The words of a cache entry after its addresses. key_l4 and seq are a seqlock: a writer makes seq
 * odd, a reader compares the word before and after.
 *
 *          63       48 47     41  40  39   32 31   16 15    0
 *         +-----------+---------+---+-------+-------+-------+
 * key_l4  | seq       | more    | F | proto | dport | sport |   F: later fragment
 *         |           | 22:16   |   |       |       |       |
 *         +-----------+---------+---+-------+-------+-------+
 * version | more 15:0 | version of the table, or epoch      |   0: empty
 *         +-----------+-------------------------------------+
 * result  | 64 bits                                         |
 *         +-------------------------------------------------+
 *
 *                  result                                      more
 * of the table     tuple 62:60, action 59:56, sa 55:32, id     dst_prefixlen 15:8,
 *                  31:0                                        src_prefixlen 7:0
 * of the fast path ifindex 63:32, tos 31:24, id 23:0           action 22:16, len 15:0
 */
struct cache_words {
	__u64 key_l4;
	__u64 version;
	__u64 result;
};

/* 32 bytes: two in a cache line. */
struct cache_entry4 {
	__u32 src;
	__u32 dst;
	struct cache_words words;
};

/* 64 bytes: one in a cache line. */
struct cache_entry6 {
	__u64 src[2];
	__u64 dst[2];
	struct cache_words words;
	__u64 pad;
};

struct cache_bucket4 {
	struct cache_entry4 way[CACHE_WAYS];
};

struct cache_bucket6 {
	struct cache_entry6 way[CACHE_WAYS];
};

#endif
