/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps: two generations of the table, index, counters, cache, SAs, flows, devices. */
#ifndef EROUTE_MAPS_H
#define EROUTE_MAPS_H

#include "kernel.h"
#include "abi.h"

/*
 * Tries allocate entries on demand, so a large maximum costs nothing. Sizes instead of types: clang
 * omits types that only an inner map names from BTF.
 */
#define TRIE(name, key_type, value_type)                \
	struct name {                                   \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);    \
		__uint(map_flags, BPF_F_NO_PREALLOC);   \
		__uint(max_entries, EROUTE_MAX);        \
		__uint(key_size, sizeof(key_type));     \
		__uint(value_size, sizeof(value_type)); \
	}

#define GENERATIONS(name, trie)                           \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__uint(max_entries, EROUTE_GENERATIONS);  \
		__type(key, __u32);                       \
		__array(values, struct trie);             \
	} name SEC(".maps")

/* Source prefixes that have eroutes. */
TRIE(src_trie4, struct src_key4, struct src_value);
TRIE(src_trie6, struct src_key6, struct src_value);
GENERATIONS(eroute_src4, src_trie4);
GENERATIONS(eroute_src6, src_trie6);

/* Eroutes. */
TRIE(entry_trie4, struct eroute_key4, struct eroute_value);
TRIE(entry_trie6, struct eroute_key6, struct eroute_value);
GENERATIONS(eroute_entry4, entry_trie4);
GENERATIONS(eroute_entry6, entry_trie6);

/*
 * An index for each family and generation, see index.h. It is in chunks because the JIT inlines
 * lookups in inner arrays of equal size.
 */
struct index_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, INDEX_CHUNK_LINES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(union index_line));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * EROUTE_GENERATIONS * INDEX_CHUNKS);
	__type(key, __u32); /* INDEX_CHUNKS for each: 2 * generation, + 1 for IPv6 */
	__array(values, struct index_chunk);
} eroute_index SEC(".maps");

/* Not a per-CPU array: a lookup there loads the address of the CPU's value first. */
struct counter_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, COUNTER_CHUNK_BLOCKS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct counter_block));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, COUNTER_CHUNKS); /* times possible_cpus, by the loader */
	__type(key, __u32);
	__array(values, struct counter_chunk);
} eroute_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table_meta);
} eroute_meta SEC(".maps");

/* The caches of the table and of the fast path, see cache.h. */
#define CACHE_CHUNK(name, bits, bucket_type)             \
	struct name {                                    \
		__uint(type, BPF_MAP_TYPE_ARRAY);        \
		__uint(max_entries, 1 << (bits));        \
		__uint(key_size, sizeof(__u32));         \
		__uint(value_size, sizeof(bucket_type)); \
	}

#define CACHE(name, chunk)                                       \
	struct {                                                 \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);        \
		__uint(max_entries, 1 << CACHE_MAX_CHUNKS_BITS); \
		__type(key, __u32);                              \
		__array(values, struct chunk);                   \
	} name SEC(".maps")

CACHE_CHUNK(cache_chunk4, CACHE_CHUNK_BITS4, struct cache_bucket4);
CACHE_CHUNK(cache_chunk6, CACHE_CHUNK_BITS6, struct cache_bucket6);
CACHE(eroute_cache4, cache_chunk4);
CACHE(eroute_cache6, cache_chunk6);
CACHE(eroute_fpcache4, cache_chunk4);
CACHE(eroute_fpcache6, cache_chunk6);

/* Cache misses in a row, by enum cache_kind and family, see cache.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} eroute_misses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct epoch);
} eroute_epoch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EROUTE_MAX_SAS);
	__type(key, __u32);
	__type(value, struct sa);
} eroute_sas SEC(".maps");

/* The members of groups of SAs, see struct sa_group. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MEMBERS);
	__type(key, __u32);
	__type(value, __u32);
} eroute_members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct stat);
} eroute_stats SEC(".maps");

/* Flows of traps: holds, and flows with an SA. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EROUTE_MAX_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, struct flow);
} eroute_flows SEC(".maps");

/* Rate limits of ACQUIREs, by eroute_value.id of the trap, which owns the word, see rate.h. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TRAP_RATES);
	__type(key, __u32);
	__type(value, __u64);
} eroute_trap_rates SEC(".maps");

/* Rate limits of ICMP errors: of senders by a hash of their address, then of all senders. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REJECT_SENDERS + 1);
	__type(key, __u32);
	__type(value, struct reject_rate);
} eroute_reject_rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct relay);
} eroute_relay SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_SIZE);
} eroute_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct device_words);
} eroute_devices SEC(".maps");

/* Watched physical devices, by ifindex: ifindex << 32, and flags of enum watched. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} eroute_watched SEC(".maps");

/*
 * The same by ifindex modulo its size, to save most lookups in the hash: of devices that share an element it has the
 * last that was added.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WATCHED_NEAR);
	__type(key, __u32);
	__type(value, __u64);
} eroute_watched_near SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ingress_key);
	__type(value, struct ingress);
} eroute_ingress SEC(".maps");

/* The same for untagged frames, by ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, INGRESS_PORTS);
	__type(key, __u32);
	__type(value, struct ingress);
} eroute_ports SEC(".maps");

#endif
