/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Changes the use of an SA from programs on functions of XFRM. */
#ifndef EROUTE_XFRM_STATE_H
#define EROUTE_XFRM_STATE_H

#include "abi.h"
#include "kernel.h"
#include "maps.h"
#include "net.h"
#include "skb.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct xfrm_id {
	__be32 spi;
};

struct xfrm_state {
	possible_net_t xs_net;
	struct xfrm_id id;
	__u32 if_id;
};

#pragma clang attribute pop

/* Sets the use of a state's SA, in the slot that owns its if_id and in the slot that borrows it. */
static __always_inline void set_sa_use(const struct xfrm_state *x, enum sa_use use)
{
	__u32 if_id = x->if_id, slot = if_id - IF_ID_BASE;
	struct sa *sa, *borrower;

	if (x->xs_net.net->net_cookie != netns_cookie)
		return;
	sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!sa || sa->spi != bpf_ntohl(x->id.spi))
		return;
	if (sa->use != SA_ABSENT)
		sa->use = use;
	slot = sa->borrower - IF_ID_BASE;
	borrower = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (borrower && borrower->if_id == if_id && borrower->use != SA_ABSENT)
		borrower->use = use;
}

#endif
