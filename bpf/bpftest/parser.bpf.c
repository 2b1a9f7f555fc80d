// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* For make bench: an XDP program that parses a packet and drops it. */
#include "../kernel.h"
#include "../load.h"
#include "../parse.h"

SEC("xdp.frags")
int probe_parse(struct xdp_md *ctx)
{
	struct ethhdr eth ALIGNED;
	struct packet p;

	if (load_xdp_bytes(ctx, 0, &eth, sizeof(eth)))
		return XDP_PASS;
	parse(ctx, HOOK_XDP, sizeof(eth), eth.h_proto, &p);
	return p.family ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
