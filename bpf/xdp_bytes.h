/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reads a frame in XDP: in its first part, where headers nearly always are, without a call. */
#ifndef EROUTE_XDP_BYTES_H
#define EROUTE_XDP_BYTES_H

#include "kernel.h"

/* Offsets up to which the verifier need not doubt that they can be added. */
#define NEAR_BYTES 4096

static __always_inline int load_xdp_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 len)
{
	void *end = (void *)(long)ctx->data_end;
	void *from = (void *)(long)ctx->data;

	if (offset < NEAR_BYTES) {
		from += offset;
		if (from + len <= end) {
			/* As if aligned, which no CPU here needs: else it is read byte by byte. */
			__builtin_memcpy(to, __builtin_assume_aligned(from, 8), len);
			return 0;
		}
	}
	return bpf_xdp_load_bytes(ctx, offset, to, len);
}

/* How long a frame is; if that is enough, no longer than its first part. */
static __always_inline __u32 frame_len(struct xdp_md *ctx, __u32 enough)
{
	__u32 first = ctx->data_end - ctx->data;

	return first >= enough ? first : bpf_xdp_get_buff_len(ctx);
}

#define LOAD_BYTES(ctx, offset, to, len) load_xdp_bytes(ctx, offset, to, len)

#endif
