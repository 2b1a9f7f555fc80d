/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the egress programs of the ipsec device and of a physical device tell each other about a packet that goes
 * from one to the other, so that each packet is matched and counted once. A sender in another network namespace
 * can set every field of a packet, so the proof is a random number that only these programs know.
 */
#ifndef EROUTE_TOKEN_H
#define EROUTE_TOKEN_H

#include "abi.h"
#include "count.h"
#include "kernel.h"
#include "maps.h"

/* __sk_buff.cb from the physical device to the ipsec device. A redirect does not change it. */
enum token_cb {
	TOKEN_LOW,
	TOKEN_HIGH,
	TOKEN_SLOT, /* in eroute_sas, or SLOT_OF_XFRM */
	TOKEN_PACKETS,
	TOKEN_BYTES,
};

/* The token; 0: no table. */
static __always_inline __u64 token_now(void)
{
	__u32 zero = 0;
	const struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);

	return meta ? meta->token : 0;
}

/* Marks a packet for the ipsec device: it is counted, and goes to XFRM with the SA of the slot. */
static __always_inline void token_set_sa(struct __sk_buff *skb, __u32 slot,
					 const struct packet_count *a)
{
	__u64 token = token_now();

	skb->cb[TOKEN_LOW] = token;
	skb->cb[TOKEN_HIGH] = token >> 32;
	skb->cb[TOKEN_SLOT] = slot;
	skb->cb[TOKEN_PACKETS] = a->packets;
	skb->cb[TOKEN_BYTES] = a->bytes;
}

/* Removes the mark of token_set_sa(), and reports whether there was one. */
static __always_inline int token_take_sa(struct __sk_buff *skb, __u32 *slot, struct packet_count *a)
{
	__u64 token = token_now();

	if (!token || skb->cb[TOKEN_LOW] != (__u32)token || skb->cb[TOKEN_HIGH] != token >> 32)
		return 0;
	*slot = skb->cb[TOKEN_SLOT];
	a->packets = skb->cb[TOKEN_PACKETS];
	a->bytes = skb->cb[TOKEN_BYTES];
	skb->cb[TOKEN_LOW] = 0;
	skb->cb[TOKEN_HIGH] = 0;
	return 1;
}

/*
 * Marks a packet for the physical device: it is counted, and leaves in clear. It may wait for a link-layer
 * address in between, which changes cb. The hash has 32 bits of the token, tc_index 16.
 */
static __always_inline void token_set_clear(struct __sk_buff *skb)
{
	__u64 token = token_now();

	skb->tc_index = token >> 32;
	bpf_set_hash(skb, token);
}

/* Removes the mark of token_set_clear(), and reports whether there was one. */
static __always_inline int token_take_clear(struct __sk_buff *skb)
{
	__u64 token;

	if (!skb->tc_index)
		return 0;
	token = token_now();
	if (!token || skb->tc_index != (__u16)(token >> 32) || skb->hash != (__u32)token)
		return 0;
	skb->tc_index = 0;
	bpf_set_hash_invalid(skb);
	return 1;
}

#endif
