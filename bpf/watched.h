/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Physical devices whose egress has the wire program. */
#ifndef EROUTE_WATCHED_H
#define EROUTE_WATCHED_H

#include "abi.h"
#include "barrier.h"
#include "kernel.h"
#include "maps.h"

/* The flags of a device, see enum watched; 0: it is not watched. */
static __always_inline __u32 watched(__u32 ifindex)
{
	__u32 at = ifindex % WATCHED_NEAR;
	const __u64 *word = bpf_map_lookup_elem(&eroute_watched_near, &at);
	__u64 value = word ? READ_ONCE(*word) : 0;

	if (value >> 32 != ifindex) {
		word = bpf_map_lookup_elem(&eroute_watched, &ifindex);
		value = word ? READ_ONCE(*word) : 0;
	}
	return value >> 32 == ifindex ? value : 0;
}

#endif
