/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The peer that has encrypted an inbound packet, from the packet's path through XFRM (struct sec_path,
 * include/net/xfrm.h). Only XFRM adds states to it, and each network interface that packets enter a namespace by
 * removes it (skb_scrub_packet): a sender on the wire cannot forge it.
 */
#ifndef EROUTE_DECRYPTED_H
#define EROUTE_DECRYPTED_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "net.h"
#include "skb.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The extensions of a packet. Offsets are in units of 8 bytes from the beginning (skb_ext_get_ptr). */
struct skb_ext {
	__u8 offset[1];
};

struct xfrm_id___peer {
	__u8 proto;
};

struct xfrm_state___peer {
	struct xfrm_id___peer id;
	struct {
		__u16 family;
		union {
			__u32 a6[4];
		} saddr;
	} props;
};

struct sec_path {
	int len;
	struct xfrm_state___peer *xvec[6]; /* outermost first */
};

#pragma clang attribute pop

#define XFRM_MAX_DEPTH 6

struct peer {
	__u8 family; /* 0: the packet was not encrypted */
	__u32 addr[4] ALIGNED;
};

/* Returns the packet's path through XFRM, or NULL. */
static __always_inline const void *sec_path_of(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	const void *extensions;
	__u32 id;
	__u8 at;

	if (!bpf_core_field_exists(kernel->active_extensions) ||
	    !bpf_core_enum_value_exists(enum skb_ext_id, SKB_EXT_SEC_PATH))
		return NULL;
	id = bpf_core_enum_value(enum skb_ext_id, SKB_EXT_SEC_PATH);
	if (!(kernel->active_extensions >> id & 1))
		return NULL;
	extensions = kernel->extensions;
	if (bpf_probe_read_kernel(&at, sizeof(at),
				  extensions + bpf_core_field_offset(struct skb_ext, offset) + id))
		return NULL;
	return extensions + at * 8;
}

/*
 * Finds the innermost ESP or AH state of a packet's path. States of other protocols (IPComp, IP in IP, Mobile
 * IPv6) decapsulate packets that anyone can send.
 */
static __noinline void find_peer(struct __sk_buff *skb, struct peer *peer)
{
	const void *path = sec_path_of(skb);
	const struct xfrm_state___peer *x;
	int len = 0;
	__u8 proto;

	__builtin_memset(peer, 0, sizeof(*peer));
	if (!path || bpf_probe_read_kernel(&len, sizeof(len),
					   path + bpf_core_field_offset(struct sec_path, len)))
		return;
	for (int i = 0; i < XFRM_MAX_DEPTH && i < len; i++) {
		if (bpf_probe_read_kernel(&x, sizeof(x),
					  path + bpf_core_field_offset(struct sec_path, xvec) +
						  i * sizeof(x)))
			return;
		proto = BPF_CORE_READ(x, id.proto);
		if (proto != IPPROTO_ESP && proto != IPPROTO_AH)
			continue;
		peer->family = BPF_CORE_READ(x, props.family);
		BPF_CORE_READ_INTO(&peer->addr, x, props.saddr.a6);
	}
}

#endif
