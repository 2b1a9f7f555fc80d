/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps: the table in two generations, its counters, SAs, devices. */
#ifndef EROUTE_MAPS_H
#define EROUTE_MAPS_H

#include "kernel.h"
#include "abi.h"

/*
 * Tries take memory for what they hold, so their maximum costs nothing. Sizes instead
 * of types: clang leaves the types that only an inner map names out of the BTF.
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
 * An index of each family and generation, made for the eroutes there are: see index.h. It is in
 * chunks because look-ups in arrays that are all as long are no calls of functions.
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
	__type(key, __u32); /* a row of INDEX_CHUNKS each: twice the generation, and 1 for IPv6 */
	__array(values, struct index_chunk);
} eroute_index SEC(".maps");

/* No per-CPU arrays: of these a packet would first have to fetch where its CPU's value is. */
struct counter_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, COUNTER_CHUNK_BLOCKS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct counter_block));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, COUNTER_CHUNKS); /* the loader multiplies it by possible_cpus */
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

/* Answers of the table, and of the fast path, to the packets seen last: see cache.h, early.h. */
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

/* How many packets in a entry had no answer, by enum cache_kind: see cache.h. */
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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct stat);
} eroute_stats SEC(".maps");

/* Flows of traps: holds, and what they were answered with. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EROUTE_MAX_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, struct flow);
} eroute_flows SEC(".maps");

/* When a trap may ask again, by its eroute_value.id, whose low bits own the word; see within_rate. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TRAP_RATES);
	__type(key, __u32);
	__type(value, __u64);
} eroute_trap_rates SEC(".maps");

/* Rates of answers to rejected packets: of senders by a hash of their address, then that of all. */
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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ingress_key);
	__type(value, struct ingress);
} eroute_ingress SEC(".maps");

/* Those of frames without a tag once more, by ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, INGRESS_PORTS);
	__type(key, __u32);
	__type(value, struct ingress);
} eroute_ports SEC(".maps");

#endif
