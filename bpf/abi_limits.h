/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Constants: sizes of maps, bits of values, numbers that mark packets. */
#ifndef EROUTE_ABI_LIMITS_H
#define EROUTE_ABI_LIMITS_H

#include <linux/types.h>

enum limits {
	/*
	 * Part of the pin path, next to a digest of all pinned types and maps (pkg/layout).
	 * Raise it by hand when the meaning of a value changes and its type does not.
	 */
	EROUTE_LAYOUT = 10,

	/* Two generations of the table exist while --clear or --restore replaces it. */
	EROUTE_GENERATIONS = 2,

	/* Maximum entries of an LPM trie. The limit in force is table_meta.limit. */
	EROUTE_MAX = 16777216,
	EROUTE_DEFAULT_LIMIT = 1000000,

	/*
	 * Counters are in blocks, each for COUNTER_BLOCK eroutes on one CPU. Blocks are in chunks
	 * of 1.5 MB, which are created for eroutes that exist. COUNTER_CHUNKS is the maximum for
	 * one CPU.
	 */
	COUNTER_BLOCK = 128,
	COUNTER_CHUNK_BLOCKS = 512,
	COUNTER_CHUNKS = EROUTE_MAX / COUNTER_BLOCK / COUNTER_CHUNK_BLOCKS,

	/*
	 * The first bit of the tick in counters.packets, and the jiffies of a tick as a power of 2.
	 */
	COUNTER_TICK_AT = 48,
	COUNTER_TICK_SHIFT = 6,

	/* Maximum Security Associations that eroutes name. */
	EROUTE_MAX_SAS = 262144,

	/* In place of a slot: there is no SA; the policies of XFRM select it. */
	NO_SLOT = EROUTE_MAX_SAS,
	SLOT_OF_XFRM,

	/*
	 * Elements of eroute_members, which groups of SAs take in blocks of MEMBERS_BLOCK, a power of
	 * 2 of them; the maximum members of a group.
	 */
	MEMBERS = 2097152,
	MEMBERS_BLOCK = 32,
	GROUP_MAX_MEMBERS = 64,

	/*
	 * SA slot n owns if_id IF_ID_BASE + n. An if_id in this range identifies our XFRM policies.
	 */
	IF_ID_BASE = 0x65000000,

	/*
	 * __sk_buff.tc_index of an ICMP error about a rejected packet, on its way from egress to
	 * ingress of the ipsec device. __sk_buff.mark is its output interface.
	 */
	REJECT_REPLY = 0x6575,

	/* Rate limiters of ICMP errors; a hash of the sender's address selects one. */
	REJECT_SENDERS = 4096,

	/* Routing table: IPv6 routes through the physical device, for %pass. */
	PASS_TABLE = 0x65720a55,

	/* Routing table: the IPv6 route that leads packets out through the detour device. */
	DETOUR_TABLE = 0x65720de7,

	/* Maximum IPv6 extension headers. A longer chain has protocol 0. */
	MAX_EXT_HEADERS = 8,

	/* Maximum flows of traps, held or with an SA. */
	EROUTE_MAX_FLOWS = 262144,

	/* Maximum traps with a rate limiter of their own at a time. */
	TRAP_RATES = 16384,

	/* Bytes of the ring buffer to the relay; a power of 2. */
	EVENTS_SIZE = 4194304,

	/*
	 * Sizes of packets in the ring buffer: the smallest that fits. A larger packet is not kept.
	 */
	EVENT_SMALL = 256,
	EVENT_MEDIUM = 2048,
	EVENT_LARGE = 9216,

	/*
	 * Maximum fill of the ring buffer for a held packet, for a command's notification, and for
	 * an ACQUIRE of a trap that has used half of its burst (TRAP_BUSY, ns). The rest is
	 * reserved for ACQUIREs of other traps.
	 */
	EVENTS_HELD = EVENTS_SIZE / 2,
	EVENTS_NOTIFY = EVENTS_SIZE / 4 * 3,
	EVENTS_BUSY_TRAP = EVENTS_SIZE / 4 * 3,
	TRAP_BUSY = 500000000,

	/*
	 * ns between two packets of a hold that go to the relay, on average. The burst is one
	 * second.
	 */
	HELD_INTERVAL = 10000000,

	/*
	 * The cache has buckets of CACHE_WAYS entries, in chunks of 2 MB. A family has 2 to the
	 * power of table_meta.cache_bits buckets: one chunk without eroutes, more with the number
	 * of eroutes.
	 */
	CACHE_WAYS = 8,
	CACHE_CHUNK_BITS4 = 13,
	CACHE_CHUNK_BITS6 = 12,
	CACHE_MIN_BITS = 15,
	CACHE_MAX_CHUNKS_BITS = 6,

	/*
	 * After CACHE_PATIENCE misses in a row a CPU probes the cache for one packet in
	 * CACHE_SAMPLE (a power of 2), until it hits.
	 */
	CACHE_PATIENCE = 64,
	CACHE_SAMPLE = 16,

	/* Interfaces with a lower ifindex are found in an array, if the frame has no VLAN tag. */
	INGRESS_PORTS = 1024,

	WATCHED_MAX = 16, /* physical devices of one ipsec device */

	WATCHED_NEAR = 1024, /* elements of eroute_watched_near, a power of two */

	/* Random keys, see hash.h. */
	HASH_KEYS = 22,

	/* Bits of an eroute's key between prefixlen and dst. */
	KEY4_FIXED_BITS = 96,
	KEY6_FIXED_BITS = 192,

	/* Slots of a group of the index, and the maximum groups probed for an entry. */
	INDEX_SLOTS = 7,
	INDEX_MAX_PROBES = 24,

	/* Lines of an index are in chunks of 2 MB; the maximum number of chunks. */
	INDEX_CHUNK_LINES = 32768,
	INDEX_CHUNKS = 2048,

	/*
	 * Prefix lengths of the blocks of addresses that have summaries: INDEX_BLOCK, which also
	 * has a filter cell, then in steps up to INDEX_SMALLEST.
	 */
	INDEX_BLOCK4 = 16,
	INDEX_BLOCK6 = 48,
	INDEX_STEP4 = 4,
	INDEX_STEP6 = 8,
	INDEX_SMALLEST4 = 24,
	INDEX_SMALLEST6 = 64,

	/* Summaries in a line, and the first bits of the parts of a summary. */
	INDEX_SUMMARIES = 7,
	INDEX_TUPLES_AT = 42,
	INDEX_BLOCKS_AT = 48,

	/*
	 * Steps of a lookup, two probes each, after which it falls back to the tries. The index makes a probe for each
	 * prefix length and tuple of each source, the tries a lookup for each tuple: in many nested prefixes of both
	 * ends they cost less.
	 */
	INDEX_STEPS = 96,
};

#endif
