// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Netfilter's POSTROUTING, after all other hooks. A physical device that is deleted loses its wire program, and the
 * next device of its name has none until the relay or a command attaches it. Meanwhile this program drops what the
 * table protects.
 */
#include <bpf/bpf_core_read.h>
#include "abi.h"
#include "kernel.h"
#include "link_scope.h"
#include "load.h"
#include "maps.h"
#include "origin.h"
#include "parse.h"
#include "protected.h"
#include "quoted.h"
#include "skb.h"
#include "translated.h"
#include "watched.h"

#define NF_DROP 0
#define NF_ACCEPT 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct nf_hook_state {
	__u8 pf;
	struct net_device *out;
};

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

#pragma clang attribute pop

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;

/* A name in two words, and a mask of its bytes with the terminating zero. */
struct name {
	__u64 word[2];
	__u64 mask[2];
};

/* Set by the loader: the names of the physical devices, and whether packets without an eroute drop there. */
volatile const struct name names[WATCHED_MAX];
volatile const __u32 name_count;
volatile const __u8 drop_unmatched;

static __always_inline int has_watched_name(const struct net_device *dev)
{
	const __u64 *is = (const __u64 *)dev->name;

	for (__u32 i = 0; i < WATCHED_MAX && i < name_count; i++) {
		if (!((is[0] ^ names[i].word[0]) & names[i].mask[0]) &&
		    !((is[1] ^ names[i].word[1]) & names[i].mask[1]))
			return 1;
	}
	return 0;
}

/* Reports whether a device has the wire program. Another device can have the ifindex of one that was deleted. */
static __always_inline int is_watched(const struct net_device *dev)
{
	return watched(dev->ifindex) && dev->tcx_egress;
}

/* Reports whether XFRM has made a packet, or is going to: its route leads to an XFRM state. */
static __always_inline int is_for_xfrm(const struct sk_buff *skb, __be16 ethertype)
{
	const struct dst_entry *dst = route_of(skb);

	if (is_made_by_xfrm(skb, ethertype))
		return 1;
	return dst && bpf_core_field_exists(dst->xfrm) && dst->xfrm;
}

static __always_inline int may_leave(const struct sk_buff *skb, void *packet, struct packet *p)
{
	struct verdict v;

	if (!skb->skb_iif && (p->family == AF_INET ? is_link_scope4(p)
						   : is_link_scope6(packet, HOOK_NETFILTER, 0, p)))
		return 1;
	if (other_verdict(p, &v) || is_protected(&v) || (!v.action && drop_unmatched))
		return 0;
	if (restore_source(skb, p) && (other_verdict(p, &v) || is_protected(&v)))
		return 0;
	if (take_quoted(packet, HOOK_NETFILTER, 0, p) && (other_verdict(p, &v) || is_protected(&v)))
		return 0;
	return 1;
}

/* Counts a packet. Unlike the TC programs, this one can be interrupted by another that counts. */
static __always_inline void count_unwatched(__u32 bytes)
{
	__u32 reason = REASON_UNWATCHED;
	struct stat *s = bpf_map_lookup_elem(&eroute_stats, &reason);

	if (!s)
		return;
	__sync_fetch_and_add(&s->packets, 1);
	__sync_fetch_and_add(&s->bytes, bytes);
}

SEC("netfilter")
int eroute_guard(struct bpf_nf_ctx *ctx)
{
	const struct nf_hook_state *state = ctx->state;
	const struct net_device *out = state->out;
	struct sk_buff *skb = ctx->skb;
	struct bpf_dynptr packet;
	__be16 ethertype;
	struct packet p;

	if (!out || !has_watched_name(out) || is_watched(out))
		return NF_ACCEPT;
	ethertype = bpf_htons(state->pf == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	if (is_for_xfrm(skb, ethertype))
		return NF_ACCEPT;
	p.family = 0;
	p.len = 0;
	if (!bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &packet))
		parse(&packet, HOOK_NETFILTER, 0, ethertype, &p);
	if (p.family && may_leave(skb, &packet, &p))
		return NF_ACCEPT;
	count_unwatched(p.len);
	return NF_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
