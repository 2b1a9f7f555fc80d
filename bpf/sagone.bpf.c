// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * The end of an XFRM state: its packets drop as "SA missing" from that moment on, with
 * nobody watching. Without this program they reach XFRM, which drops them too, but makes
 * a larval state that keeps the SPI.
 */
#include "maps.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net {
	__u64 net_cookie;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct xfrm_id {
	__be32 spi;
};

struct xfrm_state {
	possible_net_t xs_net;
	struct xfrm_id id;
	__u32 if_id;
};

#pragma clang attribute pop

volatile const __u64 netns_cookie;

/* net/xfrm/xfrm_state.c: every way that a state ends comes through here. */
SEC("fentry/__xfrm_state_delete")
int eroute_sa_gone(__u64 *ctx)
{
	struct xfrm_state *x = (void *)ctx[0];
	__u32 if_id = x->if_id, slot = if_id - IF_ID_BASE;
	struct sa *sa, *borrower;

	if (x->xs_net.net->net_cookie != netns_cookie)
		return 0;
	sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!sa || sa->spi != bpf_ntohl(x->id.spi))
		return 0;
	sa->use = SA_ABSENT;
	slot = sa->borrower - IF_ID_BASE;
	borrower = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (borrower && borrower->if_id == if_id)
		borrower->use = SA_ABSENT;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
