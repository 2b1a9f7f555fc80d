/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The relay's heartbeat and ring buffer. */
#ifndef EROUTE_RELAY_H
#define EROUTE_RELAY_H

#include "abi.h"
#include "kernel.h"
#include "maps.h"

/* Reports whether the ring buffer holds less than this many bytes. */
static __always_inline int ring_has_room(__u64 most)
{
	return bpf_ringbuf_query(&eroute_events, BPF_RB_AVAIL_DATA) < most;
}

static __always_inline int relay_is_alive(const struct relay *relay, __u64 now)
{
	return relay->alive_until > now;
}

#endif
