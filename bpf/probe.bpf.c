// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * For make bench: what a verdict costs, beside a walk over the same packets that does
 * nothing, one hash look-up and one longest-prefix look-up. Run by BPF_PROG_TEST_RUN.
 */
#define LOAD_BYTES bpf_skb_load_bytes
#include "classify.h"
#include "count.h"

/* Packets of one run. */
enum probe_run { RUN_LENGTH = 4096 };

enum probe_run *export_probe_run;

/* Packets, as parse() leaves them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} probe_packets SEC(".maps");

struct probe_key {
	__u8 src[16];
	__u8 dst[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct probe_key);
	__type(value, __u32);
} probe_hash6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} probe_hash4 SEC(".maps");

/* Source and destination; of IPv4, eight bytes. */
struct probe_lpm_key {
	__u32 prefixlen;
	__u8 addresses[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct probe_lpm_key);
	__type(value, __u32);
} probe_lpm SEC(".maps");

__u32 probe_count; /* packets there are */
__u32 probe_next;
__u64 probe_sum; /* so that nothing is optimised away; also how many had an eroute */

#define PROBE(name, probe_one)                                                           \
	static long name##_step(__u32 i, void *ctx)                                      \
	{                                                                                \
		__u32 index = probe_next;                                                \
		struct packet *there, p;                                                 \
                                                                                         \
		probe_next = index + 1 < probe_count ? index + 1 : 0;                    \
		there = bpf_map_lookup_elem(&probe_packets, &index);                     \
		if (!there)                                                              \
			return 1;                                                        \
		__builtin_memcpy(&p, there, sizeof(p));                                  \
		probe_sum += probe_one(&p);                                              \
		return 0;                                                                \
	}                                                                                \
                                                                                         \
	SEC("tc") int name(struct __sk_buff *skb)                                        \
	{                                                                                \
		return bpf_loop(RUN_LENGTH, name##_step, NULL, 0) == RUN_LENGTH ? 0 : 1; \
	}

static __always_inline int walk_only(const struct packet *p)
{
	return p->proto == 6 && p->src[0];
}

static __always_inline int look_in_hash(const struct packet *p)
{
	if (p->family == AF_INET) {
		__u64 key;

		__builtin_memcpy(&key, p->src, 4);
		__builtin_memcpy((void *)&key + 4, p->dst, 4);
		return bpf_map_lookup_elem(&probe_hash4, &key) != NULL;
	} else {
		struct probe_key key;

		__builtin_memcpy(&key, p->src, sizeof(key));
		return bpf_map_lookup_elem(&probe_hash6, &key) != NULL;
	}
}

static __always_inline int look_in_lpm(const struct packet *p)
{
	struct probe_lpm_key key = { .prefixlen = 256 };

	if (p->family == AF_INET) {
		key.prefixlen = 64;
		__builtin_memcpy(key.addresses, p->src, 4);
		__builtin_memcpy(key.addresses + 4, p->dst, 4);
	} else {
		__builtin_memcpy(key.addresses, p->src, 32);
	}
	return bpf_map_lookup_elem(&probe_lpm, &key) != NULL;
}

/* The index alone: nothing is remembered. */
static __always_inline int look_in_index(const struct packet *p)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	struct verdict v = {};

	return meta && ask_index(p, meta, meta->generation, cache_version(meta), &v) == INDEX_FOUND;
}

static __always_inline int ask(const struct packet *p)
{
	struct match m;

	return !classify(p, &m) && m.v.action;
}

static __always_inline int ask_and_count(const struct packet *p)
{
	struct amount a = { .packets = 1, .bytes = 64 };
	struct match m;

	if (classify(p, &m) || !m.v.action)
		return 0;
	count_eroute(m.v.id, &a);
	count_reason(REASON_DROP, &a);
	return 1;
}

PROBE(probe_walk, walk_only)
PROBE(probe_in_hash, look_in_hash)
PROBE(probe_in_lpm, look_in_lpm)
PROBE(probe_in_index, look_in_index)
PROBE(probe_verdict, ask)
PROBE(probe_count_too, ask_and_count)

char _license[] SEC("license") = "Dual BSD/GPL";
