// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * TC ingress of an ingress interface: ICMP errors for %reject, and the whole fast path if XDP is
 * unavailable.
 */
#include "abi.h"
#include "icmp_error.h"
#include "count.h"
#include "fastpath.h"
#include "xdp_meta.h"
#include "kernel.h"
#include "load.h"
#include "net.h"
#include "parse.h"

/* The kernel has removed the outer VLAN tag; an inner one is still in the frame. */
static __always_inline int read_frame(struct __sk_buff *skb, struct ethhdr *eth, struct frame *f)
{
	struct vlan_tag tag;

	if (bpf_skb_load_bytes(skb, 0, eth, sizeof(*eth)))
		return -1;
	f->proto = skb->protocol;
	f->l3 = sizeof(*eth);
	if (!skb->vlan_present)
		return 0;
	f->vlan[0] = skb->vlan_tci & 0xfff;
	if (f->proto != bpf_htons(ETH_P_8021Q) && f->proto != bpf_htons(ETH_P_8021AD))
		return 0;
	if (bpf_skb_load_bytes(skb, f->l3, &tag, sizeof(tag)))
		return -1;
	f->vlan[1] = bpf_ntohs(tag.tci) & 0xfff;
	f->proto = tag.proto;
	f->l3 += sizeof(tag);
	return 0;
}

/* Finds the IP header and the interface that routing sees; 0: not handled. */
static __noinline __u32 routed_frame(struct __sk_buff *skb, struct frame *f)
{
	struct ethhdr eth ALIGNED;

	if (read_frame(skb, &eth, f))
		return 0;
	return routed_ifindex(skb->ifindex, f, &eth);
}

/* Removes VLAN tags, makes an ICMP error of the packet and sends it. */
static __always_inline int send_icmp_error(struct __sk_buff *skb, __u32 came,
					   const struct packet *p)
{
	__u32 ifindex;

	for (int i = 0; i < 2 && skb->vlan_present; i++)
		if (bpf_skb_vlan_pop(skb))
			return TCX_DROP;
	ifindex = make_icmp_error(skb, ETH_HLEN, p, came, LOOPBACK_IFINDEX);
	if (!ifindex)
		return TCX_DROP;
	skb->mark = 0;
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

SEC("tcx/ingress")
int eroute_ingress_tc(struct __sk_buff *skb)
{
	struct frame f = {};
	struct fastpath_result a;
	struct packet_count count;
	struct packet p;
	__u32 ifindex;

	if (was_inspected(skb) || skb->pkt_type != PACKET_HOST || !in_own_netns(skb, HOOK_TC))
		return TCX_NEXT;
	ifindex = routed_frame(skb, &f);
	if (!ifindex)
		return TCX_NEXT;
	parse(skb, HOOK_TC, f.l3, f.proto, &p);
	if (!is_simple(&p, skb->len - f.l3))
		return TCX_NEXT;
	fastpath_lookup(skb, HOOK_TC, ifindex, skb->mark, &p, &a);
	if (a.action == FASTPATH_CONTINUE)
		return TCX_NEXT;
	set_packet_count(skb, f.l3, &p, &count);
	count_drop(&a, &count);
	if (a.action != FASTPATH_REPLY)
		return TCX_DROP;
	return send_icmp_error(skb, ifindex, &p);
}

char _license[] SEC("license") = "Dual BSD/GPL";
