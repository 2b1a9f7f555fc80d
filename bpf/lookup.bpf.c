// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Finds a packet's eroute, and whether the packet would be local IKE if its ingress interface were
 * a physical device. Run by BPF_PROG_TEST_RUN only; counts and changes nothing.
 */
#include "abi.h"
#include "address.h"
#include "classify.h"
#include "flow.h"
#include "group.h"
#include "kernel.h"
#include "load.h"
#include "parse.h"

SEC("tc")
int eroute_lookup(struct __sk_buff *skb)
{
	struct packet p;
	struct match m;
	__u32 cpu = skb->cb[LOOKUP_CPU];

	parse(skb, HOOK_TC, ETH_HLEN, skb->protocol, &p);
	if (!p.family) {
		skb->cb[LOOKUP_STATUS] = LOOKUP_NOT_IP;
		return TC_ACT_OK;
	}
	skb->cb[LOOKUP_LOCAL_IKE] = is_ike_or_ipsec(&p) && is_local_address(skb, skb->ifindex, &p);
	if (classify(&p, &m))
		return TC_ACT_SHOT;
	if (!m.v.action) {
		skb->cb[LOOKUP_STATUS] = LOOKUP_NONE;
		return TC_ACT_OK;
	}
	skb->cb[LOOKUP_STATUS] = m.flow ? LOOKUP_FLOW : LOOKUP_FOUND;
	skb->cb[LOOKUP_SELECTOR] = m.v.src_prefixlen | m.v.dst_prefixlen << 8 | m.v.tuple << 16;
	if (!choose_first(&p, &m.v))
		choose_best(&p, &m.v, cpu);
	skb->cb[LOOKUP_SA] = m.v.sa;
	skb->cb[LOOKUP_ID] = m.v.id;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
