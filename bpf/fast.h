/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The fast path, where packets come in: which frames it is for, and what it ends. */
#ifndef EROUTE_FAST_H
#define EROUTE_FAST_H

#include "abi.h"
#include "count.h"
#include "hash.h"
#include "kernel.h"
#include "maps.h"
#include "order.h"
#include "parse.h"

/* A frame's VLAN tags, and where its IP header is. */
struct frame {
	__u16 vlan[2];
	__be16 proto;
	__u32 l3;
};

/* Sources that the kernel refuses to forward for, or answers itself. */
static __always_inline int is_odd_source(const struct packet *p)
{
	if (p->family == AF_INET)
		return p->src[0] == 0 || p->src[0] == 127 || p->src[0] >= 224;
	return p->src[0] == 0 || p->src[0] == 0xff ||
	       (p->src[0] == 0xfe && (p->src[1] & 0xc0) == 0x80);
}

/*
 * Whether all that the kernel does between here and the ipsec device is to route:
 * no options to handle, no hop limit to run out, nothing to refuse. l3_len is what
 * the frame holds from the IP header on.
 */
static __always_inline int is_simple(const struct packet *p, __u32 l3_len)
{
	return p->family && p->plain && p->ttl > 1 && p->len && p->len >= p->l4 &&
	       p->len <= l3_len && !is_odd_source(p);
}

/* A keyed hash of an ingress interface and its key: memory that has become another's has another. */
static __always_inline __u64 ingress_seal(const struct table_meta *meta,
					  const struct ingress_key *key, const struct ingress *in)
{
	const any32 *words = (const any32 *)in;

	return hash_pair(key->ifindex, key->vlan[0] | (__u32)key->vlan[1] << 16, meta->keys) +
	       hash_pair(words[0], words[1], meta->keys + 2) +
	       hash_pair(words[2], 0, meta->keys + 4);
}

/* Looks an interface up in the hash. Returns 0, or -1 if there is none. Frames of one that changes go on. */
static __noinline int look_up_ingress(const struct ingress_key *key, struct ingress *in)
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

/* Of an array, whose elements never change owner: its words are of one interface, before and after a change. */
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
	return look_up_ingress(&key, in);
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

/* The interface that routing sees for a frame to our address; 0: leave the frame alone. */
static __always_inline __u32 routed_ifindex(__u32 ifindex, const struct frame *f,
					    const struct ethernet *eth)
{
	struct ingress in = {};

	return !find_ingress(ifindex, f, &in) && same_mac(in.mac, eth->dst) ? in.ifindex : 0;
}

/* Counts a packet that ends here. */
static __always_inline void count_end(const struct early_answer *end, const struct amount *a)
{
	switch (end->what) {
	case EARLY_NO_EROUTE:
		count_reason(REASON_NO_EROUTE, a);
		return;
	case EARLY_DROP:
		count_reason(REASON_DROP, a);
		break;
	default:
		count_reason(REASON_REJECT, a);
	}
	count_eroute(end->id, a);
}

#endif
