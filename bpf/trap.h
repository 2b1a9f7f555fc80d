/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * %trap asks once for a flow, %hold keeps its packets until there is an answer. Nothing
 * is asked or kept unless there is a relay to take it.
 */
#ifndef EROUTE_TRAP_H
#define EROUTE_TRAP_H

#include "act.h"
#include "event.h"

/* Counts on what the packet met: a hold counts in itself, everything else by its id. */
static __always_inline void count_match(const struct match *m, const struct amount *a)
{
	if (!m->flow || m->v.action != ACT_HOLD) {
		count_eroute(m->v.id, a);
		return;
	}
	__sync_fetch_and_add(&m->flow->packets, a->packets);
	__sync_fetch_and_add(&m->flow->bytes, a->bytes);
	m->flow->last = bpf_ktime_get_ns();
}

/*
 * Gives a packet to the relay: one that met a %hold, of a flow or of the table, or one
 * of a flow whose SA has just gone. Otherwise drops it for a reason.
 */
static __always_inline int keep(struct __sk_buff *skb, const struct packet *p, struct match *m,
				const struct amount *a, __u32 kind, __u32 otherwise)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);
	struct event *e;

	if (!relay || !is_alive(relay, now))
		return drop(otherwise, a);
	if (!within_rate(m->flow ? &m->flow->next : &relay->next, HELD_INTERVAL, now))
		return drop(otherwise, a);
	if (!m->flow)
		make_row_key(p, m, &m->key);
	e = reserve_event(skb, kind, now, m);
	if (!e)
		return drop(otherwise, a);
	if (!e->len) {
		bpf_ringbuf_discard(e, 0);
		return drop(otherwise, a);
	}
	bpf_ringbuf_submit(e, 0);
	return drop(REASON_HOLD, a);
}

static __always_inline int hold(struct __sk_buff *skb, const struct packet *p, struct match *m,
				const struct amount *a)
{
	return keep(skb, p, m, a, EVENT_HELD, REASON_HOLD_NOT_KEPT);
}

/*
 * A packet of a flow that a trap has made. Key managers that rekey delete the old SA as
 * soon as there is a new one: until the relay has moved the flow, its packets are kept.
 */
static __always_inline int encrypt_flow(struct __sk_buff *skb, const struct device *dev,
					const struct packet *p, struct match *m,
					const struct amount *a)
{
	if (dev->has_xfrm && sa_use(m->v.sa) == SA_ABSENT)
		return keep(skb, p, m, a, EVENT_GAP, REASON_SA_MISSING);
	return encrypt(skb, dev, m->v.sa, a);
}

/* Whether this trap may ask now. */
static __always_inline int may_ask(__u32 id, const struct relay *relay, __u64 now)
{
	__u64 *next = bpf_map_lookup_elem(&eroute_trap_rates, &id), none = 0;

	if (!next) {
		bpf_map_update_elem(&eroute_trap_rates, &id, &none, BPF_NOEXIST);
		next = bpf_map_lookup_elem(&eroute_trap_rates, &id);
	}
	return next && within_rate(next, relay->trap_interval, now);
}

/* The flow's hold. Only one CPU makes it; for the others it exists. */
static __noinline long make_hold(struct __sk_buff *skb, struct match *m, __u64 now)
{
	struct flow flow = {};

	flow.row.action = ACT_HOLD;
	flow.row.dst_prefixlen = m->key.dst_prefixlen;
	flow.last = now;
	flow.asked = now;
	flow.trap = m->v.id;
	flow.device = skb->ifindex;
	flow.trap_src_prefixlen = m->v.src_prefixlen;
	flow.trap_dst_prefixlen = m->v.dst_prefixlen;
	flow.trap_action = m->v.action;
	return bpf_map_update_elem(&eroute_flows, &m->key, &flow, BPF_NOEXIST);
}

static __always_inline int refuse(const struct match *m, __u32 reason, const struct amount *a)
{
	count_eroute(m->v.id, a);
	return drop(reason, a);
}

/*
 * A packet that met %trap or %trapsubnet: the hold is made, then the relay is told, and
 * neither if one of them cannot be.
 */
static __always_inline int trap(struct __sk_buff *skb, const struct packet *p, struct match *m,
				const struct amount *a)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);
	struct event *e;
	struct flow *flow;
	long err;

	if (!relay || !is_alive(relay, now))
		return refuse(m, REASON_TRAP_NO_RELAY, a);
	if (m->v.action == ACT_TRAPSUBNET)
		make_row_key(p, m, &m->key);
	else
		make_host_key(p, m->v.shape, &m->key);
	if (!bpf_map_lookup_elem(&eroute_flows, &m->key)) {
		if (!may_ask(m->v.id, relay, now))
			return refuse(m, REASON_TRAP_LIMITED, a);
		e = reserve_event(skb, EVENT_ACQUIRE, now, m);
		if (!e)
			return refuse(m, REASON_TRAP_QUEUE_FULL, a);
		if (!(relay->flow_shapes & (1 << m->v.shape)))
			__sync_fetch_and_or(&relay->flow_shapes, 1 << m->v.shape);
		err = make_hold(skb, m, now);
		if (!err) {
			bpf_ringbuf_submit(e, 0);
			return refuse(m, REASON_TRAP, a);
		}
		bpf_ringbuf_discard(e, 0);
		if (err != -EEXIST)
			return refuse(m, REASON_TRAP_HOLDS_FULL, a);
	}
	/* Another CPU was first. */
	flow = bpf_map_lookup_elem(&eroute_flows, &m->key);
	if (!flow)
		return refuse(m, REASON_TRAP_LIMITED, a);
	meet_flow(m, flow, m->v.shape);
	count_match(m, a);
	return hold(skb, p, m, a);
}

#endif
