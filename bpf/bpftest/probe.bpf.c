// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * For make bench: the cost of a verdict, compared with a loop over the same packets that does
 * nothing, a hash lookup, and a longest-prefix lookup. Run by BPF_PROG_TEST_RUN.
 */
#include "../abi.h"
#include "../cache.h"
#include "../classify.h"
#include "../count.h"
#include "../flow.h"
#include "../index.h"
#include "../kernel.h"
#include "../maps.h"
#include "../owned.h"
#include "../parse.h"
#include "../table.h"
#include "../trap.h"

/* Packets of one run. */
enum probe_run { RUN_LENGTH = 4096 };

enum probe_run *export_probe_run;

/* Packets as parsed by parse(). */
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

/* Source and destination; 8 bytes for IPv4. */
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

__u32 probe_count; /* number of packets */
__u64 probe_sum;   /* keeps results alive; also the number of packets with an eroute */

#define PROBE(name, probe_one)                                                           \
	static __u32 name##_next;                                                        \
                                                                                         \
	static long name##_step(__u32 i, void *ctx)                                      \
	{                                                                                \
		__u32 index = name##_next;                                               \
		struct packet *there, p;                                                 \
                                                                                         \
		name##_next = index + 1 < probe_count ? index + 1 : 0;                   \
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

static __always_inline int look_up_hash(const struct packet *p)
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

static __always_inline int look_up_lpm(const struct packet *p)
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

/* The index alone, without the cache. */
static __always_inline int look_up_index(const struct packet *p)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	struct verdict v = {};

	return meta &&
	       index_lookup(p, meta, meta->generation, cache_version(meta), &v) == INDEX_MATCH;
}

static __always_inline int find_verdict(const struct packet *p)
{
	struct match m;

	return !classify(p, &m) && m.v.action;
}

static __always_inline int find_and_count(const struct packet *p)
{
	struct packet_count a = { .packets = 1, .bytes = 64 };
	struct match m;

	if (classify(p, &m) || !m.v.action)
		return 0;
	count_eroute(m.v.id, &a);
	count_reason(REASON_DROP, &a);
	return 1;
}

/*
 * For a test of reading flows while they change. The id of a flow's entry is the last three bytes
 * of its destination. The size of its packets is unique to it.
 */
__u64 probe_wrong;      /* packets with another flow's verdict */
__u64 probe_unread;     /* packets without a verdict: flows changed too fast */
__u64 probe_miscounted; /* flows with bytes of another */
__u64 probe_changes;

static __always_inline __u32 flow_id(const struct packet *p)
{
	return (__u32)p->dst[1] << 16 | (__u32)p->dst[2] << 8 | p->dst[3];
}

static __always_inline int match_flows(const struct packet *p)
{
	struct packet_count a = { .packets = 1, .bytes = 1000 + flow_id(p) };
	struct match m;

	if (classify(p, &m)) {
		probe_unread++;
		return 0;
	}
	if (!m.flow)
		return 0;
	if (m.v.id != flow_id(p))
		probe_wrong++;
	count_match(&m, &a);
	return 1;
}

static struct flow_key newest; /* the newest flow */
static __u32 newest_id;

/* Creates the packet's flow and deletes the previous one, whose memory the next one reuses. */
static __always_inline int change_flows(const struct packet *p)
{
	struct flow_key key = {}; /* of generation 0 */
	struct flow_data data = { .entry.id = flow_id(p),
				  .entry.action = ACT_HOLD,
				  .serial = ++probe_changes };
	struct flow *flow;
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);

	make_host_key(p, TUPLE_ANY, &key);
	data.entry.dst_prefixlen = key.dst_prefixlen;
	if (!meta || make_flow(meta, &key, &data, bpf_ktime_get_ns()))
		return 0;
	flow = bpf_map_lookup_elem(&eroute_flows, &newest);
	if (flow && (flow->bytes & OWNED_MASK) % (1000 + newest_id))
		probe_miscounted++;
	bpf_map_delete_elem(&eroute_flows, &newest);
	newest = key;
	newest_id = flow_id(p);
	return 1;
}

PROBE(probe_flows, match_flows)
PROBE(probe_change_flows, change_flows)
PROBE(probe_walk, walk_only)
PROBE(probe_in_hash, look_up_hash)
PROBE(probe_in_lpm, look_up_lpm)
PROBE(probe_in_index, look_up_index)
PROBE(probe_verdict, find_verdict)
PROBE(probe_count_too, find_and_count)

char _license[] SEC("license") = "Dual BSD/GPL";
