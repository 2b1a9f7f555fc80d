// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* TC of an ingress interface: %reject, and all of the fast path where XDP is not to be had. */
#define LOAD_BYTES bpf_skb_load_bytes
#include "fast.h"
#include "handover.h"

/* The kernel has taken the outer VLAN tag off already; a second one is still in the frame. */
static __always_inline int read_frame(struct __sk_buff *skb, struct ethernet *eth, struct frame *f)
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

SEC("tcx/ingress")
int eroute_ingress_tc(struct __sk_buff *skb)
{
	struct ethernet eth;
	struct frame f = {};
	struct amount a;
	struct packet p;
	struct match m;
	__u32 ifindex, reason;
	enum early early;

	if (has_gone_on(skb) || skb->pkt_type != PACKET_HOST || read_frame(skb, &eth, &f))
		return TCX_NEXT;
	ifindex = routed_ifindex(skb->ifindex, &f, eth.dst);
	if (!ifindex)
		return TCX_NEXT;
	parse(skb, f.l3, f.proto, &p);
	if (!is_simple(&p, skb->len - f.l3))
		return TCX_NEXT;
	early = early_verdict(&p, &m, &reason);
	if (early == GO_ON || !is_for_ipsec(skb, ifindex, skb->mark, &p))
		return TCX_NEXT;
	measure(skb, f.l3, &p, &a);
	switch (early) {
	case END:
		count_end(&m, reason, &a);
		return TCX_DROP;
	case ANSWER: /* routing finds "prohibit" for this mark, and the kernel answers */
		count_end(&m, reason, &a);
		skb->mark = REJECT_MARK;
		return TCX_NEXT;
	case GO_ON:
		break;
	}
	return TCX_NEXT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
