// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Egress of the detour device, for packets of SAs in transport mode. Their way: ipsec device, here
 * (the packet now has a route through this device), ipsec device again, XFRM, here (encrypted),
 * physical device. The device itself sends nothing.
 */
#include "abi.h"
#include "count.h"
#include "kernel.h"
#include "output.h"
#include "load.h"
#include "net.h"
#include "parse.h"

/* Set by the loader: ifindex of the ipsec device. */
volatile const __u32 ipsec_device;

SEC("tcx/egress")
int eroute_detour(struct __sk_buff *skb)
{
	struct packet_count a = { .packets = 1, .bytes = skb->len };
	__u32 ifindex = ipsec_device;
	struct device dev;
	struct packet p;
	int ret;

	if (!in_own_netns(skb, HOOK_TC))
		return drop(REASON_UNCONFIGURED, &a);
	if (skb->tc_index == DETOUR_OUT)
		return bpf_redirect(ifindex, 0);
	if (skb->tc_index != DETOUR_DONE || find_device(ifindex, &dev))
		return drop(REASON_UNCONFIGURED, &a);
	skb->tc_index = 0;
	parse(skb, HOOK_TC, 0, skb->protocol, &p);
	ret = send_out(skb, &dev, &p);
	return ret == TC_ACT_SHOT ? drop(REASON_ERROR, &a) : ret;
}

char _license[] SEC("license") = "Dual BSD/GPL";
