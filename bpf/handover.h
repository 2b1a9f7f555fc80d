/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * XDP tells TC that it has looked and the packet goes on, in the four bytes of
 * metadata before the frame. Without them (the driver has none, no XDP program,
 * a %reject) TC looks itself.
 */
#ifndef EROUTE_HANDOVER_H
#define EROUTE_HANDOVER_H

#include "kernel.h"

#define HANDOVER_GO_ON 0x65720600

static __always_inline int go_on(struct xdp_md *ctx)
{
	__u32 *meta;

	if (!bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta))) {
		meta = (void *)(long)ctx->data_meta;
		if ((void *)(meta + 1) <= (void *)(long)ctx->data)
			*meta = HANDOVER_GO_ON;
	}
	return XDP_PASS;
}

static __always_inline int has_gone_on(struct __sk_buff *skb)
{
	__u32 *meta = (void *)(long)skb->data_meta;

	return (void *)(meta + 1) <= (void *)(long)skb->data && *meta == HANDOVER_GO_ON;
}

#endif
