/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reads bytes of a packet on each kind of hook. The hook is always a constant argument, so the
 * compiler removes the code for the others.
 */
#ifndef EROUTE_LOAD_H
#define EROUTE_LOAD_H

#include "kernel.h"

enum hook {
	HOOK_TC,        /* ctx is a struct __sk_buff */
	HOOK_XDP,       /* ctx is a struct xdp_md */
	HOOK_NETFILTER, /* ctx is a struct bpf_dynptr of the packet from its IP header on */
};

/* The verifier can bound sums of offsets below this. */
#define NEAR_BYTES 4096

/* Headers are nearly always in the first part of a frame, which needs no helper call. */
static __always_inline int load_xdp_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 len)
{
	void *end = (void *)(long)ctx->data_end;
	void *from = (void *)(long)ctx->data;

	if (offset < NEAR_BYTES) {
		from += offset;
		if (from + len <= end) {
			/*
			 * Claims an alignment that no supported CPU needs; else clang copies byte
			 * by byte.
			 */
			__builtin_memcpy(to, __builtin_assume_aligned(from, 8), len);
			return 0;
		}
	}
	return bpf_xdp_load_bytes(ctx, offset, to, len);
}

/* Copies len bytes at offset. Returns 0, or a negative error if the packet is shorter. */
static __always_inline int load_bytes(void *ctx, const enum hook hook, __u32 offset, void *to,
				      __u32 len)
{
	if (hook == HOOK_XDP)
		return load_xdp_bytes(ctx, offset, to, len);
	if (hook == HOOK_NETFILTER)
		return bpf_dynptr_read(to, len, ctx, offset, 0);
	return bpf_skb_load_bytes(ctx, offset, to, len);
}

/* The length of an XDP frame. If its first part has enough bytes, the length of that part. */
static __always_inline __u32 xdp_frame_len(struct xdp_md *ctx, __u32 enough)
{
	__u32 first = ctx->data_end - ctx->data;

	return first >= enough ? first : bpf_xdp_get_buff_len(ctx);
}

#endif
