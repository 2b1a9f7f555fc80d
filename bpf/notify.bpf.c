// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

#include "abi.h"
#include "relay.h"
#include "kernel.h"
#include "maps.h"

/*
 * Sends a command's notification, an event, to the relay, behind the events of earlier packets. Run
 * by BPF_PROG_TEST_RUN only.
 */
SEC("tc")
int eroute_notify(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);
	struct event *e;

	if (!relay || !relay_is_alive(relay, now))
		return TC_ACT_OK;
	e = ring_has_room(EVENTS_NOTIFY) ? bpf_ringbuf_reserve(&eroute_events, sizeof(*e), 0)
					 : NULL;
	if (!e)
		return TC_ACT_SHOT;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, e, sizeof(*e))) {
		bpf_ringbuf_discard(e, 0);
		return TC_ACT_SHOT;
	}
	e->time = now;
	bpf_ringbuf_submit(e, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
