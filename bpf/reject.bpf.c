// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Ingress of the ipsec device: sends the ICMP error that the egress program has made. Coming in
 * here, it has lost the route, socket, connection and NAT state of the packet that it was made of.
 */
#include "abi.h"
#include "kernel.h"
#include "load.h"
#include "net.h"

SEC("tcx/ingress")
int eroute_reject(struct __sk_buff *skb)
{
	__u32 ifindex = skb->mark;

	if (skb->tc_index != REJECT_REPLY)
		return TCX_NEXT;
	if (!in_own_netns(skb, HOOK_TC))
		return TCX_DROP;
	skb->tc_index = 0;
	skb->mark = 0;
	if (bpf_skb_change_head(skb, ETH_HLEN, 0)) /* the kernel removes it */
		return TCX_DROP;
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
