/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The fast path of ingress interfaces: which frames it handles, and which packets it drops. A packet is dropped
 * if its eroute drops it and the kernel would route it into an ipsec device or a watched one. All others
 * continue, and are matched against the table there. Results are cached for one epoch, see epoch.h.
 */
#ifndef EROUTE_FASTPATH_H
#define EROUTE_FASTPATH_H

#include "abi.h"
#include "cache.h"
#include "count.h"
#include "epoch.h"
#include "flow.h"
#include "hash.h"
#include "kernel.h"
#include "load.h"
#include "maps.h"
#include "barrier.h"
#include "parse.h"
#include "table.h"
#include "watched.h"

#define ANY_LENGTH 0xffff

/* VLAN tags of a frame, and the offset of its IP header. */
struct frame {
	__u16 vlan[2];
	__be16 proto;
	__u32 l3;
};

/* The action of the fast path on a packet. */
enum fastpath_action {
	FASTPATH_CONTINUE, /* pass it on to routing */
	FASTPATH_REPLY,    /* drop it and send an ICMP error: %reject */
	FASTPATH_REJECT,   /* drop it without an ICMP error: %reject of a later fragment */
	FASTPATH_DROP,
	FASTPATH_NO_EROUTE,
};

struct fastpath_result {
	__u32 ifindex; /* of the interface it arrived on */
	__u32 id;      /* of the eroute's counters, if an eroute ends the packet */
	__u16 len;     /* valid for packets up to this length */
	__u8 tos;
	__u8 action; /* enum fastpath_action */
};

/* Reports whether the kernel does not forward packets with this source, or answers them itself. */
static __always_inline int is_martian(const struct packet *p)
{
	if (p->family == AF_INET)
		return p->src[0] == 0 || p->src[0] == 127 || p->src[0] >= 224;
	return p->src[0] == 0 || p->src[0] == 0xff ||
	       (p->src[0] == 0xfe && (p->src[1] & 0xc0) == 0x80);
}

/*
 * Reports whether the kernel would only route the packet on its way to the ipsec device: no options, no
 * expiring hop limit, no martian. l3_len is the length of the frame from the IP header on.
 */
static __always_inline int is_simple(const struct packet *p, __u32 l3_len)
{
	return p->family && p->plain && p->ttl > 1 && p->len && p->len >= p->l4 &&
	       p->len <= l3_len && !is_martian(p);
}

/*
 * A keyed hash of an ingress interface and its key. It does not match after the memory was reused.
 */
static __always_inline __u64 ingress_seal(const struct table_meta *meta,
					  const struct ingress_key *key, const struct ingress *in)
{
	const any32 *words = (const any32 *)in;

	return hash_pair(key->ifindex, key->vlan[0] | (__u32)key->vlan[1] << 16, meta->keys) +
	       hash_pair(words[0], words[1], meta->keys + 2) +
	       hash_pair(words[2], 0, meta->keys + 4);
}

/*
 * Looks an interface up in the hash. Returns 0, or -1 if there is none, or if it changes right now.
 */
static __noinline int ingress_lookup(const struct ingress_key *key, struct ingress *in)
{
	const struct ingress *there = bpf_map_lookup_elem(&eroute_ingress, key);
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);

	if (!there || !meta)
		return -1;
	((any64 *)in)[0] = READ_ONCE(((const any64 *)there)[0]);
	((any64 *)in)[1] = READ_ONCE(((const any64 *)there)[1]);
	return READ_ONCE(there->seal) == ingress_seal(meta, key, in) ? 0 : -1;
}

/*
 * Looks an untagged interface up in the array, whose elements are never reused: each word is valid
 * before and after a change.
 */
static __always_inline int find_port(__u32 ifindex, struct ingress *in)
{
	const struct ingress *there = bpf_map_lookup_elem(&eroute_ports, &ifindex);

	if (!there)
		return -1;
	((any64 *)in)[0] = READ_ONCE(((const any64 *)there)[0]);
	((any64 *)in)[1] = READ_ONCE(((const any64 *)there)[1]);
	return in->ifindex ? 0 : -1;
}

static __always_inline int find_ingress(__u32 ifindex, const struct frame *f, struct ingress *in)
{
	struct ingress_key key = { .ifindex = ifindex };

	if (!f->vlan[0] && !f->vlan[1] && !find_port(ifindex, in))
		return 0;
	key.vlan[0] = f->vlan[0];
	key.vlan[1] = f->vlan[1];
	return ingress_lookup(&key, in);
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

/* The interface that routing sees for a frame addressed to us; 0: not handled. */
static __always_inline __u32 routed_ifindex(__u32 ifindex, const struct frame *f,
					    const struct ethhdr *eth)
{
	struct ingress in = {};

	return !find_ingress(ifindex, f, &in) && same_mac(in.mac, eth->h_dest) ? in.ifindex : 0;
}

enum route {
	ROUTE_UNSURE,
	ROUTE_MATCHED,      /* through a device where packets without an eroute drop */
	ROUTE_MATCHED_PASS, /* through a watched device where they leave as they are */
	ROUTE_ELSEWHERE,
};

static __always_inline enum route route_through(__u32 ifindex)
{
	__u32 flags;

	if (bpf_map_lookup_elem(&eroute_devices, &ifindex))
		return ROUTE_MATCHED;
	flags = watched(ifindex);
	if (!flags)
		return ROUTE_ELSEWHERE;
	return flags & WATCHED_DROP_UNMATCHED ? ROUTE_MATCHED : ROUTE_MATCHED_PASS;
}

/* Looks up where the kernel would route a packet that arrived on ifindex. */
static __noinline enum route route_lookup(void *ctx, __u32 ifindex, __u32 mark,
					  const struct packet *p)
{
	struct fib_params fib = { .family = p->family, .ifindex = ifindex };
	__u32 flags = FIB_SKIP_NEIGH;
	long ret;

	fib.l4_protocol = p->proto;
	fib.sport = p->sport;
	fib.dport = p->dport;
	fib.tot_len = p->len;
	if (p->family == AF_INET)
		fib.tos = p->tos;
	else
		fib.flowinfo = bpf_htonl((__u32)p->tos << 20);
	__builtin_memcpy(fib.src, p->src, 16);
	__builtin_memcpy(fib.dst, p->dst, 16);
	if (mark) {
		fib.mark = mark;
		flags |= FIB_MARK;
	}
	ret = fib_lookup(ctx, &fib, flags);
	if (ret < 0 || ret == FIB_FRAG_NEEDED) /* a shorter packet may have a route */
		return ROUTE_UNSURE;
	if (ret != FIB_SUCCESS && ret != FIB_NO_NEIGH)
		return ROUTE_ELSEWHERE;
	return route_through(fib.ifindex);
}

/* Returns the action on a packet of this verdict that is routed into an ipsec device, or a watched one. */
static __always_inline enum fastpath_action fastpath_verdict(const struct packet *p,
							     const struct verdict *v)
{
	switch (v->action) {
	case 0:
		return FASTPATH_NO_EROUTE;
	case ACT_DROP:
		return FASTPATH_DROP;
	case ACT_REJECT:
		return p->fragment == LATER_FRAGMENT ? FASTPATH_REJECT
						     : FASTPATH_REPLY; /* as on the ipsec device */
	}
	return FASTPATH_CONTINUE;
}

/*
 * Looks the packet up in the table, without flows, and in the routes. Returns whether the result
 * can be cached.
 */
static __noinline int fastpath_decide(void *ctx, __u32 mark, const struct packet *p,
				      struct fastpath_result *a)
{
	enum route route = ROUTE_MATCHED;
	struct verdict v = {};
	__u32 generation;

	a->action = FASTPATH_CONTINUE;
	if (table_lookup(p, &v, &generation))
		return 0;
	a->id = v.id;
	a->action = fastpath_verdict(p, &v);
	if (a->action != FASTPATH_CONTINUE)
		route = route_lookup(ctx, a->ifindex, mark, p);
	if (route != ROUTE_MATCHED &&
	    (route != ROUTE_MATCHED_PASS || a->action == FASTPATH_NO_EROUTE))
		a->action = FASTPATH_CONTINUE;
	if (a->action == FASTPATH_CONTINUE)
		a->len = ANY_LENGTH;
	return route != ROUTE_UNSURE && p->len <= ANY_LENGTH;
}

static __noinline int has_flow(const struct packet *p, __u32 generation, __u32 tuples)
{
	struct match m = { .key.generation = generation };

	return match_flow(p, tuples, &m) || m.flow;
}

/* Reports whether the packet can belong to a trap's flow, which only the ipsec device handles. */
static __always_inline int may_have_flow(const struct packet *p, const struct table_meta *meta)
{
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);

	if (!relay)
		return 1;
	return relay->flow_tuples && has_flow(p, meta->generation, relay->flow_tuples);
}

static __noinline void fastpath_cache_insert(const struct packet *p, const struct table_meta *meta,
					     __u64 epoch, const struct fastpath_result *a)
{
	struct cache_data n = {
		.result = a->id | (__u64)a->tos << 24 |
			  (__u64)a->ifindex << 32, /* an id is below EROUTE_MAX */
		.more = a->len | (__u32)a->action << 16,
	};

	if (p->family == AF_INET)
		cache_insert(&eroute_fpcache4, p, cache_key_l4(p, p->fragment == LATER_FRAGMENT),
			     meta, epoch, &n, false);
	else
		cache_insert(&eroute_fpcache6, p, cache_key_l4(p, p->fragment == LATER_FRAGMENT),
			     meta, epoch, &n, true);
}

static __always_inline int fastpath_cache_lookup(__u32 ifindex, const struct packet *p,
						 const struct table_meta *meta, __u64 epoch,
						 struct fastpath_result *a)
{
	__u64 key_l4 = cache_key_l4(p, p->fragment == LATER_FRAGMENT);
	struct cache_data n;

	if (p->family == AF_INET
		    ? !cache_lookup(&eroute_fpcache4, p, key_l4, meta, epoch, &n, false)
		    : !cache_lookup(&eroute_fpcache6, p, key_l4, meta, epoch, &n, true))
		return 0;
	a->id = n.result & 0xffffff;
	a->tos = n.result >> 24;
	a->ifindex = n.result >> 32;
	a->len = n.more;
	a->action = n.more >> 16;
	return a->ifindex == ifindex && a->tos == p->tos && a->len >= p->len;
}

/* Decides on a packet that arrived on ifindex. */
static __always_inline void fastpath_lookup(void *ctx, const enum hook hook, __u32 ifindex,
					    __u32 mark, const struct packet *p,
					    struct fastpath_result *a)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	__u32 *miss_streak = cache_miss_streak(CACHE_FASTPATH, p->family);
	__u64 epoch = 0;

	a->action = FASTPATH_CONTINUE;
	if (!meta)
		return;
	if (!mark && cache_should_probe(miss_streak))
		epoch = epoch_now(ctx, hook, meta, p->family);
	if (!epoch ||
	    !cache_note_result(miss_streak, fastpath_cache_lookup(ifindex, p, meta, epoch, a))) {
		a->ifindex = ifindex;
		a->len = p->len;
		a->tos = p->tos;
		if (fastpath_decide(ctx, mark, p, a) && epoch)
			fastpath_cache_insert(p, meta, epoch, a);
	}
	if (a->action != FASTPATH_CONTINUE && may_have_flow(p, meta))
		a->action = FASTPATH_CONTINUE;
}

/* Counts a dropped packet. */
static __always_inline void count_drop(const struct fastpath_result *end,
				       const struct packet_count *a)
{
	switch (end->action) {
	case FASTPATH_NO_EROUTE:
		count_reason(REASON_NO_EROUTE, a);
		return;
	case FASTPATH_DROP:
		count_reason(REASON_DROP, a);
		break;
	default:
		count_reason(REASON_REJECT, a);
	}
	count_eroute(end->id, a);
}

#endif
