/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * XDP marks the frame in four bytes of metadata before it: it has inspected the frame and found
 * nothing to drop. Without them (a driver without metadata, no XDP program, %reject) TC inspects
 * the frame itself.
 */
#ifndef EROUTE_XDP_META_H
#define EROUTE_XDP_META_H

#include "kernel.h"

#define XDP_META_INSPECTED 0x65720600

static __always_inline int mark_inspected(struct xdp_md *ctx)
{
	__u32 *meta;

	if (!bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta))) {
		meta = (void *)(long)ctx->data_meta;
		if ((void *)(meta + 1) <= (void *)(long)ctx->data)
			*meta = XDP_META_INSPECTED;
	}
	return XDP_PASS;
}

static __always_inline int was_inspected(struct __sk_buff *skb)
{
	__u32 *meta = (void *)(long)skb->data_meta;

	return (void *)(meta + 1) <= (void *)(long)skb->data && *meta == XDP_META_INSPECTED;
}

#endif
