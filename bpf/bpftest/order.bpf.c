// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * For make bench: drops what arrives. While order_run is set, ESP is passed on to XFRM, and the packets in it, those of
 * the kernel's pktgen, are dropped when they arrive again, decrypted: they are counted, and those that are out of order
 * within their flow. Packets that arrive in clear are counted apart.
 */
#include "../kernel.h"

/* Offsets in a frame of pktgen: IPv4 without options, UDP, then struct pktgen_hdr (net/core/pktgen.c). */
#define PROTOCOL (14 + 9)
#define ADDRESSES (14 + 12)
#define SEQUENCE (14 + 20 + 8 + 4)

/* By both addresses: the last run, and its last sequence number, as one number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} order_last SEC(".maps");

volatile __u32 order_run; /* greater in each run; 0: drop all */
volatile __u64 order_packets, order_wrong, order_clear;

SEC("tcx/ingress")
int order_sink(struct __sk_buff *skb)
{
	struct bpf_xfrm_state state;
	__u64 flow, number, *last;
	__u32 sequence;
	__u8 protocol;

	if (!order_run || bpf_skb_load_bytes(skb, PROTOCOL, &protocol, sizeof(protocol)))
		return TCX_DROP;
	if (protocol != IPPROTO_UDP)
		return TCX_NEXT;
	if (bpf_skb_load_bytes(skb, ADDRESSES, &flow, sizeof(flow)) ||
	    bpf_skb_load_bytes(skb, SEQUENCE, &sequence, sizeof(sequence)))
		return TCX_DROP;
	number = (__u64)order_run << 32 | bpf_ntohl(sequence);
	last = bpf_map_lookup_elem(&order_last, &flow);
	if (last && number <= *last)
		__sync_fetch_and_add(&order_wrong, 1);
	else
		bpf_map_update_elem(&order_last, &flow, &number, BPF_ANY);
	if (bpf_skb_get_xfrm_state(skb, 0, &state, sizeof(state), 0))
		__sync_fetch_and_add(&order_clear, 1);
	else
		__sync_fetch_and_add(&order_packets, 1);
	return TCX_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
