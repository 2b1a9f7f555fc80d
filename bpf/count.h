/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counters: of the eroute that a packet matched, and of the reason how it ended. */
#ifndef EROUTE_COUNT_H
#define EROUTE_COUNT_H

#include "abi.h"
#include "kernel.h"
#include "maps.h"
#include "parse.h"

/* The packets and bytes in a buffer: a GSO buffer has several packets. */
struct packet_count {
	__u64 packets;
	__u64 bytes; /* IP headers and payload */
};

/* Set by the loader, as it sizes eroute_counters: the layout of counters depends on it. */
volatile const __u32 possible_cpus = 1;

/* The tick of counters.packets: about a second, repeats after half an hour or more. */
static __always_inline __u64 tick_now(void)
{
	return bpf_jiffies64() >> COUNTER_TICK_SHIFT << COUNTER_TICK_AT | 1ULL << 63;
}

/*
 * Programs run with bottom halves disabled, so nothing else changes this CPU's counters meanwhile.
 * The clock is read once a tick; the tick is known without a helper call.
 */
static __always_inline void count_eroute(__u32 id, const struct packet_count *a)
{
	__u32 block = id / COUNTER_BLOCK * possible_cpus + bpf_get_smp_processor_id();
	__u32 chunk = block / COUNTER_CHUNK_BLOCKS;
	void *blocks = bpf_map_lookup_elem(&eroute_counters, &chunk);
	__u64 tick = tick_now(), count_bits = (1ULL << COUNTER_TICK_AT) - 1;
	__u32 at = id % COUNTER_BLOCK;
	struct counter_block *b;
	struct counters *c;

	if (!blocks)
		return;
	block %= COUNTER_CHUNK_BLOCKS;
	b = bpf_map_lookup_elem(blocks, &block);
	if (!b)
		return;
	c = &b->of[at];
	if ((c->packets & ~count_bits) != tick) {
		b->last[at] = bpf_ktime_get_coarse_ns();
		c->packets = (c->packets & count_bits) | tick;
	}
	c->packets += a->packets;
	c->bytes += a->bytes;
}

static __always_inline void count_reason(__u32 reason, const struct packet_count *a)
{
	struct stat *s = bpf_map_lookup_elem(&eroute_stats, &reason);

	if (!s)
		return;
	s->packets += a->packets;
	s->bytes += a->bytes;
}

/* Counts the packets and bytes of an skb; l3 is the offset of its IP header. */
static __always_inline void set_packet_count(struct __sk_buff *skb, __u32 l3,
					     const struct packet *p, struct packet_count *a)
{
	__u8 doff = 0;
	__u32 headers = p->l4 + 8;

	a->packets = 1;
	a->bytes = p->len ? p->len : skb->len - l3;
	if (skb->gso_segs <= 1)
		return;
	if (p->proto == IPPROTO_TCP &&
	    !bpf_skb_load_bytes(skb, l3 + p->l4 + 12, &doff, sizeof(doff)))
		headers = p->l4 + (doff >> 4) * 4;
	a->packets = skb->gso_segs;
	a->bytes = skb->len - l3 + (__u64)(skb->gso_segs - 1) * headers;
}

#endif
