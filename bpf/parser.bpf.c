// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* For make bench: an XDP program that takes the packet apart and drops it. */
#include "xdp_bytes.h"
#include "parse.h"

SEC("xdp.frags")
int probe_parse(struct xdp_md *ctx)
{
	struct ethernet eth ALIGNED;
	struct packet p;

	if (LOAD_BYTES(ctx, 0, &eth, sizeof(eth)))
		return XDP_PASS;
	parse(ctx, sizeof(eth), eth.proto, &p);
	return p.family ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
