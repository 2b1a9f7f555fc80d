// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* Egress of the ipsec device: matches each packet routed into it against the table. */
#include "abi.h"
#include "verdict.h"
#include "classify.h"
#include "count.h"
#include "flow.h"
#include "group.h"
#include "kernel.h"
#include "output.h"
#include "load.h"
#include "net.h"
#include "ike.h"
#include "parse.h"
#include "token.h"
#include "trap.h"
#include "vrf.h"

SEC("tcx/egress")
int eroute_egress(struct __sk_buff *skb)
{
	struct packet_count a = { .packets = 1, .bytes = skb->len };
	__u32 ifindex = skb->ifindex;
	__u32 slot, wait;
	int ret;
	struct device dev;
	struct packet p;
	struct match m;

	if (!in_own_netns(skb, HOOK_TC) || find_device(ifindex, &dev))
		return drop(REASON_UNCONFIGURED, &a);
	if (token_take_sa(skb, &slot, &a))
		return encrypt(skb, &dev, slot, vrf_of_route(skb), &a);
	parse(skb, HOOK_TC, 0, skb->protocol, &p);
	if (!p.family)
		return drop(REASON_NOT_IP, &a);
	set_packet_count(skb, 0, &p, &a);
	if (classify(&p, &m))
		return drop(REASON_UNCONFIGURED, &a);
	if (is_local_ike(skb, &dev, &p, &m.v, true))
		return send_in_clear(skb, &dev, &p, REASON_IKE, &a);
	if (!m.v.action)
		return drop(REASON_NO_EROUTE, &a);

	choose_member(&p, &m.v);
	if (m.v.action == ACT_TRAP || m.v.action == ACT_TRAPSUBNET)
		return trap(skb, 0, &p, &m, &a);
	if (needs_detour(skb, &dev, &m.v)) { /* it is counted after the detour */
		ret = detour(skb, &dev);
		return ret == TC_ACT_SHOT ? drop_counted(&m, REASON_ERROR, &a) : ret;
	}
	count_match(&m, &a);
	switch (m.v.action) {
	case ACT_SA:
		wait = m.flow ? flow_wait(skb, 0, &dev, &p, &m) : 0;
		return wait ? drop(wait, &a) : encrypt(skb, &dev, m.v.sa, 0, &a);
	case ACT_PASS:
		return send_in_clear(skb, &dev, &p, REASON_PASS, &a);
	case ACT_DROP:
		return drop(REASON_DROP, &a);
	case ACT_REJECT:
		return reject(skb, 0, ifindex, &p, &a);
	case ACT_HOLD:
		return hold(skb, 0, &p, &m, &a);
	case ACT_XFRM:
		return encrypt(skb, &dev, SLOT_OF_XFRM, 0, &a);
	}
	return drop(REASON_UNCONFIGURED, &a);
}

char _license[] SEC("license") = "Dual BSD/GPL";
