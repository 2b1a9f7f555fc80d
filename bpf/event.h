/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Events to the relay with packets. */
#ifndef EROUTE_EVENT_H
#define EROUTE_EVENT_H

#include "abi.h"
#include "flow.h"
#include "kernel.h"
#include "maps.h"

/*
 * Reserves room for a packet of up to room bytes, and copies want bytes of it. The verifier needs
 * proof that the length is neither 0 nor too large: 0 minus 1 is a large number.
 */
#define RESERVE(skb, l3, room, want)                                                           \
	({                                                                                     \
		struct event *e = bpf_ringbuf_reserve(&eroute_events, sizeof(*e) + (room), 0); \
		__u32 last = (want) - 1;                                                       \
		if (e) {                                                                       \
			e->len = 0;                                                            \
			barrier_var(last);                                                     \
			if (last < (room) && !bpf_skb_load_bytes(skb, l3, e + 1, last + 1))    \
				e->len = last + 1;                                             \
		}                                                                              \
		e;                                                                             \
	})

/*
 * Reserves an event with an outgoing packet from its IP header at l3 on, to submit or discard. NULL: the
 * ring buffer is full. GSO packets are not kept.
 */
static __always_inline struct event *reserve_event(struct __sk_buff *skb, __u32 l3, __u32 kind,
						   __u64 now, const struct match *m)
{
	__u32 size = skb->len - l3;
	__u32 len = skb->gso_segs > 1 || size > EVENT_LARGE ? 0 : size;
	struct event *e;

	if (len <= EVENT_SMALL)
		e = RESERVE(skb, l3, EVENT_SMALL, len);
	else if (len <= EVENT_MEDIUM)
		e = RESERVE(skb, l3, EVENT_MEDIUM, len);
	else
		e = RESERVE(skb, l3, EVENT_LARGE, len);
	if (!e)
		return NULL;
	e->time = now;
	e->serial = m->flow ? m->serial : 0;
	e->flow = m->key;
	e->kind = kind;
	e->device = skb->ifindex;
	e->trap_src_prefixlen = m->flow ? m->trap_src_prefixlen : m->v.src_prefixlen;
	e->trap_dst_prefixlen = m->flow ? m->trap_dst_prefixlen : m->v.dst_prefixlen;
	e->trap_action = m->flow ? m->trap_action : m->v.action;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	return e;
}

#endif
