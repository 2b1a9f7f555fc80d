/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Changes the use of an SA from programs on functions of XFRM. */
#ifndef EROUTE_XFRM_STATE_H
#define EROUTE_XFRM_STATE_H

#include "abi.h"
#include "barrier.h"
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

/* Maximum tries to change a slot that others write at the same time. */
#define SLOT_TRIES 4

/*
 * Sets the use of a slot, unless it is absent, if its SA has this SPI. A command can give the slot to
 * another SA at the same time, whose use must not change: SPI, protocol, family and use are one word,
 * which is compared and swapped. Callers only stop packets.
 */
static __always_inline void set_use(struct sa *sa, __u32 spi, enum sa_use use)
{
	const int shift = 8 * __builtin_offsetof(struct sa, use);
	__u64 *word = (void *)sa;

	_Static_assert(__builtin_offsetof(struct sa, spi) == 0 &&
			       __builtin_offsetof(struct sa, use) < 8,
		       "SPI and use are not in the first word");
	for (int i = 0; i < SLOT_TRIES; i++) {
		__u64 old = READ_ONCE(*word);
		__u64 next = (old & ~(0xffULL << shift)) | (__u64)use << shift;

		if ((__u32)old != spi || ((old >> shift) & 0xff) == SA_ABSENT)
			return;
		if (__sync_val_compare_and_swap(word, old, next) == old)
			return;
	}
}

/*
 * Sets the use of a state's SA, or of the bundle that has it, in the slot that owns its if_id and in the slot that borrows
 * it.
 */
static __always_inline void set_sa_use(const struct xfrm_state *x, enum sa_use use)
{
	__u32 if_id = x->if_id, slot = if_id - IF_ID_BASE;
	__u32 spi = bpf_ntohl(x->id.spi), last;
	struct sa *sa, *borrower;

	if (x->xs_net.net->net_cookie != netns_cookie)
		return;
	sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (!sa || !spi)
		return;
	last = READ_ONCE(
		sa->spi); /* once: set_use then changes no SA that gets the slot after the comparison */
	if (last != spi && sa->comp != spi && sa->esp != spi)
		return;
	set_use(sa, last, use);
	slot = sa->borrower - IF_ID_BASE;
	borrower = bpf_map_lookup_elem(&eroute_sas, &slot);
	if (borrower && borrower->if_id == if_id)
		set_use(borrower, spi, use);
}

#endif
