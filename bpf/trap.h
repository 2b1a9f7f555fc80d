/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * %trap sends one ACQUIRE for a flow; %hold keeps the flow's packets until an SA is there. Without
 * a relay, no ACQUIRE is sent and no packet is kept.
 */
#ifndef EROUTE_TRAP_H
#define EROUTE_TRAP_H

#include "abi.h"
#include "barrier.h"
#include "count.h"
#include "event.h"
#include "flow.h"
#include "kernel.h"
#include "maps.h"
#include "output.h"
#include "owned.h"
#include "parse.h"
#include "rate.h"
#include "relay.h"
#include "verdict.h"

/*
 * Counts a packet on what it matched: a hold counts in the flow, everything else by its id. The
 * hold of a %trapsubnet counts on that eroute.
 */
static __always_inline void count_match(const struct match *m, const struct packet_count *a)
{
	if (!m->flow || m->v.action != ACT_HOLD) {
		count_eroute(m->v.id, a);
		return;
	}
	set_owned(&m->flow->last, m->serial, bpf_ktime_get_ns() >> TICK_SHIFT);
	if (m->trap_action == ACT_TRAPSUBNET) {
		count_eroute(m->trap, a);
		return;
	}
	add_owned(&m->flow->packets, m->serial, a->packets);
	add_owned(&m->flow->bytes, m->serial, a->bytes);
}

/*
 * Sends a packet to the relay: one that matched a %hold, of a flow or of the table, or one of a
 * flow whose SA is absent or was just replaced. Returns whether the relay gets it.
 */
static __noinline int send_to_relay(struct __sk_buff *skb, __u32 l3, const struct packet *p,
				    struct match *m, __u32 kind)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);
	struct event *e;

	if (!relay || !relay_is_alive(relay, now) || !ring_has_room(EVENTS_HELD))
		return 0;
	if (!rate_allow(m->flow ? &m->flow->next : &relay->next, m->flow ? m->serial : 0,
			HELD_INTERVAL >> TICK_SHIFT, TICKS_PER_SECOND, now >> TICK_SHIFT))
		return 0;
	if (!m->flow)
		make_entry_key(p, m, &m->key);
	e = reserve_event(skb, l3, kind, now, m);
	if (!e)
		return 0;
	if (!e->len) {
		bpf_ringbuf_discard(e, 0);
		return 0;
	}
	bpf_ringbuf_submit(e, 0);
	return 1;
}

static __always_inline int hold(struct __sk_buff *skb, __u32 l3, const struct packet *p,
				struct match *m, const struct packet_count *a)
{
	__u32 reason =
		send_to_relay(skb, l3, p, m, EVENT_HELD) ? REASON_HOLD : REASON_HOLD_NOT_STORED;

	return drop(reason, a);
}

/* Reports whether a packet is from a raw socket like the one through which the relay re-sends packets. */
static __always_inline int is_resent(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	return sk && sk->type == SOCK_RAW && sk->protocol == IPPROTO_RAW;
}

/*
 * Reports whether the relay is re-sending earlier packets of the flow, which this one must not overtake.
 * relay_until limits the time, so that a killed relay does not stop a flow.
 */
static __always_inline int is_behind_resent(struct __sk_buff *skb, const struct match *m)
{
	return m->uses_relay && !is_resent(skb);
}

/*
 * Checks a packet of a flow with an SA. Key managers that rekey delete the old SA as soon as there is a new one:
 * packets are kept until the relay has moved the flow, and later ones until these were re-sent, to keep their
 * order. Returns 0 if the packet can go to the SA, else the reason why it drops.
 */
static __always_inline __u32 flow_wait(struct __sk_buff *skb, __u32 l3, const struct device *dev,
				       const struct packet *p, struct match *m)
{
	int absent = dev->has_xfrm && sa_use(m->v.sa) == SA_ABSENT;

	if ((absent || is_behind_resent(skb, m)) && send_to_relay(skb, l3, p, m, EVENT_GAP))
		return REASON_HOLD;
	return absent ? REASON_SA_MISSING : 0;
}

/* Maximum fill of the ring buffer for an ACQUIRE of a trap; 0: the trap is over its rate. */
static __always_inline __u64 acquire_room(__u32 id, const struct relay *relay, __u64 now)
{
	__u64 *next = bpf_map_lookup_elem(&eroute_trap_rates, &id);
	__u64 none = owned(id, now >> TICK_SHIFT);

	if (!next) {
		bpf_map_update_elem(&eroute_trap_rates, &id, &none, BPF_NOEXIST);
		next = bpf_map_lookup_elem(&eroute_trap_rates, &id);
	}
	if (!next || !rate_allow(next, id, relay->trap_interval >> TICK_SHIFT, TICKS_PER_SECOND,
				 now >> TICK_SHIFT))
		return 0;
	return rate_ahead(READ_ONCE(*next), TICKS_PER_SECOND, now >> TICK_SHIFT) > TRAP_BUSY >>
			       TICK_SHIFT
		       ? EVENTS_BUSY_TRAP
		       : EVENTS_SIZE;
}

/* Inserts a hold. Only one CPU succeeds, others get -EEXIST. */
static __always_inline long make_flow(const struct table_meta *meta, const struct flow_key *key,
				      const struct flow_data *data, __u64 now)
{
	__u64 none = owned(data->serial, 0), ticks = owned(data->serial, now >> TICK_SHIFT);
	struct flow flow = {};

	__builtin_memcpy(&flow, data, sizeof(*data));
	flow.seal = flow_seal(meta, key, data);
	flow.packets = none;
	flow.bytes = none;
	flow.last = ticks;
	flow.next = ticks;
	flow.last_acquire = now;
	return bpf_map_update_elem(&eroute_flows, key, &flow, BPF_NOEXIST);
}

static __noinline long make_hold(struct __sk_buff *skb, struct match *m, __u64 now, __u64 serial)
{
	__u32 zero = 0;
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	struct flow_data data = {
		.entry.action = ACT_HOLD,
		.entry.dst_prefixlen = m->key.dst_prefixlen,
		.device = skb->ifindex,
		.trap = m->v.id,
		.trap_src_prefixlen = m->v.src_prefixlen,
		.trap_dst_prefixlen = m->v.dst_prefixlen,
		.trap_action = m->v.action,
		.serial = serial,
	};

	return meta ? make_flow(meta, &m->key, &data, now) : -EINVAL;
}

static __always_inline int drop_counted(const struct match *m, __u32 reason,
					const struct packet_count *a)
{
	count_eroute(m->v.id, a);
	return drop(reason, a);
}

/*
 * Handles a packet that matched %trap or %trapsubnet: makes the hold and submits the ACQUIRE, both
 * or neither.
 */
static __always_inline int trap(struct __sk_buff *skb, __u32 l3, const struct packet *p,
				struct match *m, const struct packet_count *a)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);
	struct event *e;
	__u64 most;
	long err;

	if (!relay || !relay_is_alive(relay, now))
		return drop_counted(m, REASON_TRAP_NO_RELAY, a);
	if (m->v.action == ACT_TRAPSUBNET)
		make_entry_key(p, m, &m->key);
	else
		make_host_key(p, m->v.tuple, &m->key);
	if (!bpf_map_lookup_elem(&eroute_flows, &m->key)) {
		most = acquire_room(m->v.id, relay, now);
		if (!most)
			return drop_counted(m, REASON_TRAP_LIMITED, a);
		e = ring_has_room(most) ? reserve_event(skb, l3, EVENT_ACQUIRE, now, m) : NULL;
		if (!e)
			return drop_counted(m, REASON_TRAP_QUEUE_FULL, a);
		e->serial = __sync_fetch_and_add(&relay->last_serial, 1) + 1;
		if (!(relay->flow_tuples & (1 << m->v.tuple)))
			__sync_fetch_and_or(&relay->flow_tuples, 1 << m->v.tuple);
		err = make_hold(skb, m, now, e->serial);
		if (!err) {
			bpf_ringbuf_submit(e, 0);
			return drop_counted(m, REASON_TRAP, a);
		}
		bpf_ringbuf_discard(e, 0);
		if (err != -EEXIST)
			return drop_counted(m, REASON_TRAP_HOLDS_FULL, a);
	}
	/* Another CPU has made the hold. */
	if (flow_lookup(m, m->v.tuple) <= 0)
		return drop_counted(m, REASON_TRAP_LIMITED, a);
	count_match(m, a);
	return hold(skb, l3, p, m, a);
}

#endif
